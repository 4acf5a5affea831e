//! Numbers that stand for a person: telephones, accounts, cards, insurances.

use super::super::text::Terms;
use super::{Found, Kind};

/// All of them in a text.
pub(super) fn scan(text: &str) -> impl Iterator<Item = Found> + '_ {
    text.lines()
        .flat_map(|line| numbers(line).into_iter().chain(accounts(line)))
}

/// A run of digits with the signs that people put between them.
struct Run<'a> {
    text: &'a str,
    digits: String,
    /// Lengths of its groups of digits.
    groups: Vec<usize>,
}

fn numbers(line: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut before = ' ';
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit() || matches!(c, '+' | '(')) {
        before = rest
            .get(..at)
            .and_then(|text| text.chars().next_back())
            .unwrap_or(before);
        let from = rest.get(at..).unwrap_or_default();
        let run = run(from);
        let after = from.get(run.text.len()..).unwrap_or_default();
        // Digits inside a word or a longer figure are no number of their own.
        let alone = !before.is_alphanumeric()
            && !matches!(before, '.' | ',' | '_')
            && !after.starts_with(char::is_alphabetic);
        if alone {
            found.extend(kind_of(&run, after).map(|kind| Found::new(kind, run.text)));
            found.extend(pension(from));
        }
        let step = run
            .text
            .len()
            .max(from.chars().next().map_or(1, char::len_utf8));
        before = from
            .get(..step)
            .and_then(|text| text.chars().next_back())
            .unwrap_or(before);
        rest = from.get(step..).unwrap_or_default();
    }
    found
}

/// The run at the start of a text. At most two signs stand between two digits.
fn run(text: &str) -> Run<'_> {
    let (mut end, mut gap, mut digits) = (0, 0, String::new());
    let mut groups = vec![0];
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            if gap > 0 && !digits.is_empty() {
                groups.push(0);
            }
            digits.push(c);
            if let Some(last) = groups.last_mut() {
                *last += 1;
            }
            (end, gap) = (at + 1, 0);
        } else if matches!(c, ' ' | '-' | '.' | '/' | '(' | ')') || c == '+' && at == 0 {
            gap += 1;
        } else {
            break;
        }
        if gap > 2 || digits.len() > 40 {
            break;
        }
    }
    Run {
        text: text.get(..end).unwrap_or_default(),
        digits,
        groups,
    }
}

fn kind_of(run: &Run<'_>, after: &str) -> Option<Kind> {
    if is_card(run) {
        return Some(Kind::Card);
    }
    if is_social_security(run) {
        return Some(Kind::SocialSecurity);
    }
    let measured = after
        .trim_start()
        .starts_with(['%', '€', '$', '=', '*', '×']);
    (!measured && is_phone(run)).then_some(Kind::Phone)
}

fn is_card(run: &Run<'_>) -> bool {
    const TESTS: Terms = Terms(
        "4242424242424242|4111111111111111|4000056655665556|5555555555554444|2223003122003222|\
         5200828282828210|5105105105105100|378282246310005|371449635398431|6011111111111117|\
         6011000990139424|4012888888881881|4000000000000002|4222222222222",
    );
    let digits = run.digits.as_str();
    let length = matches!(digits.len(), 13..=19);
    let grouped = !run.text.contains(['.', '/', '(', '+']);
    let plain = run.groups.len() == 1 || run.groups.iter().all(|&group| group >= 3);
    length
        && grouped
        && plain
        && digits.starts_with(['2', '3', '4', '5', '6'])
        && !TESTS.has(digits)
        && luhn(digits)
}

/// ISO/IEC 7812-1, annex B: every second digit from the right is doubled.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') << (at % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Area, group and serial with hyphens. Some were never given out (SSA, POMS RM 10201.035) or
/// are known from advertising.
fn is_social_security(run: &Run<'_>) -> bool {
    let parts: Vec<&str> = run.text.split('-').collect();
    let [area, group, serial] = parts.as_slice() else {
        return false;
    };
    let shaped = run.groups == [3, 2, 4] && run.text.len() == 11;
    let issued = *area != "000" && *area != "666" && !area.starts_with('9');
    let known = ["078051120", "219099999", "123456789"].contains(&run.digits.as_str());
    shaped && issued && *group != "00" && *serial != "0000" && !known
}

fn is_phone(run: &Run<'_>) -> bool {
    let (text, digits) = (run.text, run.digits.as_str());
    let count = digits.len();
    if is_reserved(digits) {
        return false;
    }
    if text.starts_with('+') {
        return (8..=15).contains(&count);
    }
    let groups = run.groups.as_slice();
    let american = groups == [3, 3, 4] && !text.contains('/')
        || groups == [1, 3, 3, 4] && digits.starts_with('1');
    let area = digits
        .strip_prefix('1')
        .filter(|_| count == 11)
        .unwrap_or(digits);
    if american && area.starts_with(['2', '3', '4', '5', '6', '7', '8', '9']) {
        return true;
    }
    // Other countries write a trunk zero. A decimal or a date has dots or ends on a year.
    let trunk = digits.starts_with('0') && !digits.starts_with("0000");
    let spoken = groups.len() >= 2 && !text.contains('.') || digits.starts_with("01");
    let date = matches!(groups, [2, 2, 4] | [1 | 2, 1 | 2, 2]);
    let other = matches!(groups, [2, 2, 2, 2] | [2, 2] | [3, 2, 4]);
    trunk && spoken && !date && !other && (9..=12).contains(&count)
}

/// Numbers of fiction (555, Ofcom's drama ranges), toll-free ones and placeholders.
fn is_reserved(digits: &str) -> bool {
    let national = digits.strip_prefix('1').filter(|rest| rest.len() == 10);
    let american = national
        .or(Some(digits))
        .filter(|number| number.len() == 10);
    let exchange = american.and_then(|number| number.get(3..6));
    let toll_free = Terms("800|888|877|866|855|844|833");
    let free = american.is_some_and(|number| toll_free.iter().any(|area| number.starts_with(area)));
    let drama = Terms("0207946|44207946|07700900|447700900|0161496|0113496");
    let service =
        digits.starts_with("0800") || digits.starts_with("0900") || digits.starts_with("00800");
    let first = digits.chars().next();
    let flat = digits.chars().skip(3).all(|c| Some(c) == first) || digits.contains("123456789");
    exchange == Some("555")
        || free
        || service
        || flat
        || drama.iter().any(|start| digits.starts_with(start))
}

/// A German pension number: area, date of birth, initial, serial (VKVV § 2).
fn pension(text: &str) -> Option<Found> {
    let compact: String = text
        .chars()
        .take(18)
        .filter(|c| *c != ' ')
        .take(12)
        .collect();
    let bytes = compact.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let shaped = digits(0, 8) && bytes.get(8).is_some_and(u8::is_ascii_uppercase) && digits(9, 12);
    let day = compact.get(2..4).and_then(|day| day.parse::<u32>().ok());
    let month = compact
        .get(4..6)
        .and_then(|month| month.parse::<u32>().ok());
    let born = matches!((day, month), (Some(1..=31), Some(1..=12)));
    (shaped && born).then(|| Found::new(Kind::SocialSecurity, &compact))
}

/// IBANs: two letters, two digits and up to 30 more characters in groups.
fn accounts(line: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let bytes = line.as_bytes();
    for at in 0..bytes.len() {
        let Some([a, b, c, d]) = bytes.get(at..at + 4) else {
            break;
        };
        let starts = a.is_ascii_uppercase()
            && b.is_ascii_uppercase()
            && c.is_ascii_digit()
            && d.is_ascii_digit();
        let inside = at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        if starts && !inside {
            let from = line.get(at..).unwrap_or_default();
            found.extend(iban(from).map(|account| Found::new(Kind::Iban, &account)));
        }
    }
    found
}

/// The IBAN at the start of a text, in its country's length and with right check digits.
fn iban(text: &str) -> Option<String> {
    let length = IBAN_LENGTHS
        .iter()
        .find(|(country, _)| text.starts_with(country))?
        .1;
    let compact: String = text
        .chars()
        .take(2 * length)
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'))
        .filter(char::is_ascii_alphanumeric)
        .take(length)
        .collect();
    if compact.len() != length || IBAN_SPECIMENS.has(compact.as_str()) {
        return None;
    }
    let (head, account) = compact.split_at(4);
    let remainder = account
        .chars()
        .chain(head.chars())
        .try_fold(0u32, |rest, c| {
            let value = c.to_digit(36)?;
            Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
        })?;
    (remainder == 1).then_some(compact)
}

const IBAN_LENGTHS: [(&str, usize); 40] = [
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("BR", 29),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("TR", 26),
];

/// Specimens of the IBAN register and of encyclopedias.
const IBAN_SPECIMENS: Terms = Terms(
    "DE89370400440532013000|GB29NWBK60161331926819|GB82WEST12345698765432|\
     FR1420041010050500013M02606|NL91ABNA0417164300|AT611904300234573201|CH9300762011623852957|\
     ES9121000418450200051332|IT60X0542811101000000123456|BE68539007547034|\
     PL61109010140000071219812874|SE4550000000058398257466|NO9386011117947|DK5000400440116243",
);
