//! Times of day, weekdays, dates and years, in English and German and as digits.

use super::super::text::Terms;
use super::tokens::Token;
use super::{Date, Facts, Labelled, Stated};

/// Weekdays by their names, Monday is 0.
pub(in crate::critic) const WEEKDAYS: [(&str, usize); 16] = [
    ("monday", 0),
    ("tuesday", 1),
    ("wednesday", 2),
    ("thursday", 3),
    ("friday", 4),
    ("saturday", 5),
    ("sunday", 6),
    ("montag", 0),
    ("dienstag", 1),
    ("mittwoch", 2),
    ("donnerstag", 3),
    ("freitag", 4),
    ("samstag", 5),
    ("sonnabend", 5),
    ("sonntag", 6),
    ("mondays", 0),
];

const MONTHS: [(&str, u32); 34] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("sept", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("januar", 1),
    ("februar", 2),
    ("märz", 3),
    ("mai", 5),
    ("juni", 6),
    ("juli", 7),
    ("oktober", 10),
    ("dezember", 12),
    ("jänner", 1),
    ("okt", 10),
];

fn month_of(word: &str) -> Option<u32> {
    MONTHS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, month)| *month)
}

fn weekday_of(word: &str) -> Option<usize> {
    let bare = word.strip_suffix('s').unwrap_or(word);
    WEEKDAYS
        .iter()
        .find(|(name, _)| *name == bare)
        .map(|(_, day)| *day)
}

/// Whether the next word is a month, so that the dot before it belongs to a day.
pub(super) fn starts_with_month(text: &str) -> bool {
    let word: String = text
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphabetic())
        .take(12)
        .collect();
    month_of(&word.to_lowercase()).is_some()
}

/// Takes from a sentence what a calendar or a clock says.
pub(super) fn read(sentence: &[Token<'_>], computed: bool, taken: &mut [bool], facts: &mut Facts) {
    for at in 0..sentence.len() {
        let read = date(sentence, at)
            .map(|(date, width)| {
                facts.dates.push(date);
                width
            })
            .or_else(|| {
                let (value, width) = time(sentence, at)?;
                facts.times.push(Stated { value, computed });
                Some(width)
            })
            .or_else(|| {
                let year = year(sentence, at, taken)?;
                facts.years.push(year);
                Some(1)
            });
        for place in taken.iter_mut().skip(at).take(read.unwrap_or(0)) {
            *place = true;
        }
        weekdays(sentence, at, facts);
    }
}

/// A weekday, and those between it and a second one: "Monday to Friday".
fn weekdays(sentence: &[Token<'_>], at: usize, facts: &mut Facts) {
    let day = |at: usize| sentence.get(at).and_then(|token| weekday_of(&token.lower));
    let Some(from) = day(at) else { return };
    facts.weekdays.push(from);
    let joined = sentence
        .get(at + 1)
        .is_some_and(|token| Terms("to|through|until|till|bis|-|–").has(token.lower.as_str()));
    if let (true, Some(to)) = (joined, day(at + 2)) {
        facts.weekdays.extend(
            (1..7)
                .map(|step| (from + step) % 7)
                .take_while(|&day| day != to),
        );
    }
}

/// A date at a token, and how many tokens it takes.
fn date(sentence: &[Token<'_>], at: usize) -> Option<(Date, usize)> {
    let token = sentence.get(at)?;
    let next = |step: usize| sentence.get(at + step);
    let day_of = |token: &Token<'_>| {
        let day = token.text.parse::<u32>().ok()?;
        (1..=31).contains(&day).then_some(day)
    };
    if let Some(month) = month_of(&token.lower) {
        let day = day_of(next(1)?)?;
        let suffix =
            next(2).is_some_and(|token| ["st", "nd", "rd", "th"].contains(&token.lower.as_str()));
        let comma = next(2 + usize::from(suffix)).is_some_and(|token| token.text == ",");
        let width = 2 + usize::from(suffix);
        let year = next(width + usize::from(comma)).and_then(year_of);
        let width = if year.is_some() {
            width + usize::from(comma) + 1
        } else {
            width
        };
        return Some((Date { month, day, year }, width));
    }
    if let Some(day) = day_of(token) {
        let filler = (1..=3)
            .find(|&step| next(step).is_some_and(|token| month_of(&token.lower).is_some()))?;
        let between = sentence.get(at + 1..at + filler)?;
        let fills = |token: &Token<'_>| Terms("st|nd|rd|th|of|.").has(token.lower.as_str());
        if !between.iter().all(fills) {
            return None;
        }
        let month = month_of(&next(filler)?.lower)?;
        let year = next(filler + 1).and_then(year_of);
        return Some((
            Date { month, day, year },
            filler + 1 + usize::from(year.is_some()),
        ));
    }
    let part = |text: &str| text.parse::<u32>().ok();
    let parts: Vec<u32> = token
        .text
        .split(['-', '.', '/'])
        .map(part)
        .collect::<Option<_>>()?;
    let (year, month, day) = match (parts.as_slice(), token.text.contains('-')) {
        ([year, month, day], true) if *year > 999 => (*year, *month, *day),
        ([day, month, year], _) if token.text.contains('.') && (*year > 999 || *year < 100) => {
            (*year, *month, *day)
        }
        _ => return None,
    };
    let year = Some(if year < 100 { year + 2000 } else { year });
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    valid.then_some((Date { month, day, year }, 1))
}

fn year_of(token: &Token<'_>) -> Option<u32> {
    let year = token.text.parse::<u32>().ok()?;
    (token.text.len() == 4 && (1000..2100).contains(&year)).then_some(year)
}

/// A year after a preposition or a label: "founded in 1987", "Founded: 1987".
fn year(sentence: &[Token<'_>], at: usize, taken: &[bool]) -> Option<Labelled> {
    let year = sentence
        .get(at)
        .filter(|_| taken.get(at) == Some(&false))
        .and_then(year_of)?;
    let prepositions = Terms("in|since|im|seit|of|jahr|jahre|year|the|around|en|um");
    let before = sentence.get(..at)?.iter().rev();
    let opener = before.clone().next()?;
    if !(prepositions.has(opener.lower.as_str()) || opener.text == ":") {
        return None;
    }
    let label = before
        .take(6)
        .find(|token| token.is_word() && !prepositions.has(token.lower.as_str()))?;
    let label = label.lower.clone();
    Some(Labelled { year, label })
}

/// A time of day at a token, and how many tokens it takes.
fn time(sentence: &[Token<'_>], at: usize) -> Option<(u32, usize)> {
    let token = sentence.get(at)?;
    let next = sentence
        .get(at + 1)
        .map(|token| token.lower.as_str())
        .unwrap_or_default();
    let after = sentence
        .get(at + 2)
        .map(|token| token.lower.as_str())
        .unwrap_or_default();
    let (hour, minute) = match token.text.split_once([':', '.']) {
        Some((hour, minute)) if minute.len() == 2 => {
            (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?)
        }
        Some(_) => return None,
        None => (token.text.parse::<u32>().ok()?, 0),
    };
    if hour > 24 || minute > 59 {
        return None;
    }
    let colon = token.text.contains(':');
    let (noon, width) = match (next, after) {
        ("pm", _) => (Some(true), 2),
        ("am", _) => (Some(false), 2),
        ("p", "m") => (Some(true), 3),
        ("a", "m") => (Some(false), 3),
        ("uhr" | "h" | "o'clock", _) => (None, 2),
        (word, _) if word.starts_with('点') || word.starts_with('時') || word.starts_with('点') =>
        {
            let before = at.checked_sub(1).and_then(|at| sentence.get(at));
            let evening = |token: &Token<'_>| {
                ["下午", "晚上", "午後"]
                    .iter()
                    .any(|part| token.text.ends_with(part))
            };
            (before.map(evening), 1)
        }
        _ if colon => (None, 1),
        _ => return None,
    };
    let hour = match noon {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour,
    };
    Some((hour * 60 + minute, width))
}
