//! Numbers with a unit, a noun or a label beside them.

use super::super::text::Terms;
use super::tokens::Token;
use super::{Facts, Quantity};

/// Takes the quantities of a sentence.
pub(super) fn read(sentence: &[Token<'_>], computed: bool, taken: &[bool], facts: &mut Facts) {
    for (at, token) in sentence.iter().enumerate() {
        let Some(mut value) = token.number else {
            continue;
        };
        let (scale, mut next) = scale(sentence, at + 1);
        value *= scale;
        facts.numbers.push(value);
        if taken.get(at) != Some(&false) || is_rough(sentence, at) {
            continue;
        }
        let currency = at
            .checked_sub(1)
            .and_then(|before| sentence.get(before))
            .and_then(currency);
        let unit = currency.map(str::to_owned).or_else(|| {
            let found = unit(sentence.get(next)?, sentence.get(next + 1));
            next += usize::from(found.is_some());
            found
        });
        let Some(unit) = unit.or_else(|| label(sentence, at)) else {
            continue;
        };
        let per = per(sentence, next);
        facts.quantities.push(Quantity {
            value,
            unit,
            per,
            computed,
        });
    }
}

/// "million" and its like, and the place after it.
fn scale(sentence: &[Token<'_>], at: usize) -> (f64, usize) {
    let word = sentence
        .get(at)
        .map(|token| token.lower.as_str())
        .unwrap_or_default();
    match word {
        "thousand" | "tausend" => (1e3, at + 1),
        "million" | "millions" | "millionen" | "mio" => (1e6, at + 1),
        "billion" | "billions" | "milliarde" | "milliarden" => (1e9, at + 1),
        _ => (1.0, at),
    }
}

/// Whether a number is only about right.
fn is_rough(sentence: &[Token<'_>], at: usize) -> bool {
    const ROUGH: Terms =
        Terms("about|around|over|almost|nearly|roughly|approximately|than|etwa|rund|fast|ungefähr");
    let before = at.checked_sub(1).and_then(|before| sentence.get(before));
    before.is_some_and(|token| ROUGH.has(token.lower.as_str()))
}

fn currency(token: &Token<'_>) -> Option<&'static str> {
    Some(match token.text {
        "$" => "dollar",
        "€" => "euro",
        "£" => "pound sterling",
        _ => return None,
    })
}

/// The unit after a number: a measure, or a noun.
fn unit(token: &Token<'_>, next: Option<&Token<'_>>) -> Option<String> {
    const NOT_NOUNS: Terms = Terms(
        "and|or|by|in|on|at|of|to|for|from|with|is|are|was|were|it|the|a|an|as|that|so|but|if|\
         than|then|times|years|year|am|pm|und|oder|von|im|mit|für|der|die|das|ist|sind|zu|bis|\
         aus|main|more|other|different|new|old|way|ways|percent|people|minutes|has|have|had|will|\
         can|which|who|when|per|each|until|after|before|because|since|while|not|you|they|we|i|off",
    );
    if let Some(sign) = currency(token) {
        return Some(sign.to_owned());
    }
    match token.text {
        "%" => return Some("percent".to_owned()),
        "°" => {
            // A bare degree sign and either scale count as the same degree.
            return next
                .map(|_| "degree".to_owned())
                .or_else(|| Some("degree".to_owned()));
        }
        _ => {}
    }
    let word = token.lower.as_str();
    if let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == word) {
        return Some((*unit).to_owned());
    }
    let noun = token.is_word() && word.chars().count() >= 3 && !NOT_NOUNS.has(word);
    noun.then(|| singular(word).to_owned())
}

/// A word without the ending of an English plural.
fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 3 && !stem.ends_with('s') => stem,
        _ => word,
    }
}

/// The word before a number that has none after it: "room 204", "Employees: 24".
fn label(sentence: &[Token<'_>], at: usize) -> Option<String> {
    const NOT_LABELS: Terms = Terms(
        "is|are|was|were|the|a|an|and|or|of|in|at|on|to|by|for|from|up|has|have|with|equals|ist|\
         sind|und|bei|am|um|im|von|mit|answer|than|as",
    );
    let before = sentence.get(..at)?;
    let colon = before.last().is_some_and(|token| token.text == ":");
    let word = before.iter().rev().nth(usize::from(colon))?;
    let fits =
        word.is_word() && !NOT_LABELS.has(word.lower.as_str()) && word.lower.chars().count() >= 2;
    fits.then(|| singular(&word.lower).to_owned())
}

/// "a year", "per month", "/ week" after a unit.
fn per(sentence: &[Token<'_>], at: usize) -> Option<String> {
    let opener = sentence.get(at)?.lower.as_str();
    let noun = sentence.get(at + 1)?.lower.as_str();
    let spans = Terms(
        "year|month|week|day|hour|minute|second|person|night|piece|jahr|monat|woche|tag|stunde|\
         nacht|employee|ticket",
    );
    let joins = Terms("a|an|per|pro|/|each|every|im|am").has(opener);
    (joins && spans.has(noun)).then(|| noun.to_owned())
}

/// Measures under their many names.
const UNITS: [(&str, &str); 66] = [
    ("g", "gram"),
    ("gram", "gram"),
    ("grams", "gram"),
    ("gramm", "gram"),
    ("kg", "kilogram"),
    ("kilo", "kilogram"),
    ("kilos", "kilogram"),
    ("kilogram", "kilogram"),
    ("kilograms", "kilogram"),
    ("kilogramm", "kilogram"),
    ("lb", "pound"),
    ("lbs", "pound"),
    ("pound", "pound"),
    ("pounds", "pound"),
    ("ml", "millilitre"),
    ("milliliter", "millilitre"),
    ("milliliters", "millilitre"),
    ("l", "litre"),
    ("liter", "litre"),
    ("liters", "litre"),
    ("litre", "litre"),
    ("litres", "litre"),
    ("m", "metre"),
    ("meter", "metre"),
    ("meters", "metre"),
    ("metre", "metre"),
    ("metres", "metre"),
    ("km", "kilometre"),
    ("kilometer", "kilometre"),
    ("kilometers", "kilometre"),
    ("kilometres", "kilometre"),
    ("cm", "centimetre"),
    ("centimeters", "centimetre"),
    ("mm", "millimetre"),
    ("mile", "mile"),
    ("miles", "mile"),
    ("min", "minute"),
    ("mins", "minute"),
    ("minute", "minute"),
    ("minutes", "minute"),
    ("minuten", "minute"),
    ("h", "hour"),
    ("hour", "hour"),
    ("hours", "hour"),
    ("stunde", "hour"),
    ("stunden", "hour"),
    ("s", "second"),
    ("seconds", "second"),
    ("sekunden", "second"),
    ("day", "day"),
    ("days", "day"),
    ("tage", "day"),
    ("tagen", "day"),
    ("percent", "percent"),
    ("prozent", "percent"),
    ("euro", "euro"),
    ("euros", "euro"),
    ("eur", "euro"),
    ("dollar", "dollar"),
    ("dollars", "dollar"),
    ("usd", "dollar"),
    ("degrees", "degree"),
    ("degree", "degree"),
    ("grad", "degree"),
    ("people", "person"),
    ("persons", "person"),
];
