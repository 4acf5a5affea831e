//! Street addresses: a house number beside the name of a street.

use super::super::text::Terms;
use super::{Found, Kind};

/// All of them in a text.
pub(super) fn scan(text: &str) -> impl Iterator<Item = Found> + '_ {
    text.lines().flat_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let places = (0..words.len())
            .filter_map(|at| number_first(&words, at).or_else(|| number_last(&words, at)));
        places.collect::<Vec<_>>()
    })
}

/// English and French: "48 Maple Street", "12 rue de Rivoli".
fn number_first(words: &[&str], at: usize) -> Option<Found> {
    const WAYS: Terms = Terms(
        "street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|\
         terrace|square|close|crescent|highway",
    );
    let number = words.get(at).filter(|word| is_house_number(word))?;
    let french = Terms("rue|avenue|boulevard|quai|impasse|allée");
    let next = words.get(at + 1)?.trim_end_matches(',');
    if french.has(next) {
        let name = words.get(at + 2..words.len().min(at + 6))?;
        let named = name.iter().find(|word| is_capital(word))?;
        return Some(Found::new(Kind::Street, &format!("{number}{next}{named}")));
    }
    for width in 2..=4 {
        let name = words.get(at + 1..at + width)?;
        let way = words
            .get(at + width)?
            .trim_end_matches(|c: char| !c.is_alphanumeric());
        if WAYS.has(way.to_lowercase().as_str()) && is_capital(way) {
            let named = name.iter().all(|word| is_capital(word) || is_ordinal(word));
            let address = format!("{number} {} {way}", name.join(" "));
            return (named && !is_landmark(&address)).then(|| Found::new(Kind::Street, &address));
        }
    }
    None
}

/// German, Dutch, Spanish and Italian: "Lindenstraße 17", "Calle Mayor 23".
fn number_last(words: &[&str], at: usize) -> Option<Found> {
    const ENDS: Terms =
        Terms("straße|strasse|str.|gasse|allee|weg|platz|damm|ufer|ring|straat|laan|gracht");
    const OPENERS: Terms = Terms("Calle|Avenida|Plaza|Paseo|Via|Viale|Piazza|Rua|Corso");
    let street = words.get(at)?;
    let lower = street.to_lowercase();
    if is_capital(street) && ENDS.iter().any(|end| lower.ends_with(end)) {
        let number = words.get(at + 1).filter(|word| is_house_number(word))?;
        return Some(Found::new(Kind::Street, &format!("{street} {number}")));
    }
    if OPENERS.has(street) {
        let end = (at + 2..=at + 4)
            .find(|&end| words.get(end).is_some_and(|word| is_house_number(word)))?;
        let address = words.get(at..=end)?.join(" ");
        return words
            .get(at + 1..end)?
            .iter()
            .any(|word| is_capital(word))
            .then(|| Found::new(Kind::Street, &address));
    }
    None
}

/// One to five digits, perhaps with a letter.
fn is_house_number(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let rest = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = bare.len() - rest.len();
    (1..=5).contains(&digits)
        && rest.chars().count() <= 1
        && !word.ends_with(['%', '€'])
        && !word.starts_with('#')
}

fn is_capital(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

fn is_ordinal(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < word.len() && ["st", "nd", "rd", "th"].contains(&rest)
}

/// Addresses that everybody knows.
fn is_landmark(address: &str) -> bool {
    const LANDMARKS: Terms = Terms(
        "1600 Pennsylvania Avenue|10 Downing Street|11 Downing Street|221B Baker Street|\
         350 Fifth Avenue|11 Wall Street",
    );
    LANDMARKS.has(address)
}
