//! Numbers, dates and names that differ from the text that was given.
//!
//! Caught: a time, weekday, date or year beside the same word that the context does not have
//! while it has another of the kind; a number with the unit or noun of one in the context but
//! another value; a name of which the context has one word with another neighbour, or that
//! differs from one in a letter or two; an unknown person in answer to a question who. Not
//! caught: numbers that the reply says it computed, that are a sum, a difference or a multiple
//! of given ones, or that stand beside another noun; what the prompt itself states; facts the
//! context says nothing about; denials and everything that takes understanding.

use std::collections::HashSet;

use strsim::normalized_damerau_levenshtein;

use super::Remark;
use super::facts::{Date, Facts, Name, Quantity, names};
use super::reading::Reading;
use super::text::{Terms, words};

/// Tokens of each text that are compared; the comparison is one of each with each.
const TOKENS_MAX: usize = 1_500;

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let exchange = reading.exchange;
    let Some(context) = exchange.context else {
        return Remark::NONE;
    };
    let given = Facts::of(context, TOKENS_MAX);
    let asked = Facts::of(exchange.prompt, TOKENS_MAX);
    let said = Facts::of(&reading.parts.prose, TOKENS_MAX);
    times(&said, &given, &asked)
        .or(weekdays(&said, &given, &asked))
        .or(dates(&said, &given, &asked))
        .or(years(&said, &given, &asked))
        .or(quantities(&said, &given, &asked))
        .or(people(reading, context))
}

fn times(said: &Facts, given: &Facts, asked: &Facts) -> Remark {
    let known = |value: u32| {
        given
            .times
            .iter()
            .chain(&asked.times)
            .any(|time| time.value == value)
    };
    let other = said
        .times
        .iter()
        .any(|time| !time.computed && !known(time.value));
    if other && !given.times.is_empty() {
        Remark::new(0.2, "a time of day is not the one in the text")
    } else {
        Remark::NONE
    }
}

fn weekdays(said: &Facts, given: &Facts, asked: &Facts) -> Remark {
    let known = |day: &usize| given.weekdays.contains(day) || asked.weekdays.contains(day);
    if !given.weekdays.is_empty() && !said.weekdays.iter().all(known) {
        Remark::new(0.2, "a weekday is not the one in the text")
    } else {
        Remark::NONE
    }
}

fn dates(said: &Facts, given: &Facts, asked: &Facts) -> Remark {
    let agree = |a: &Date, b: &Date| {
        let years = a.year.is_none() || b.year.is_none() || a.year == b.year;
        (a.month, a.day) == (b.month, b.day) && years
    };
    let known = |date: &Date| {
        given
            .dates
            .iter()
            .chain(&asked.dates)
            .any(|other| agree(date, other))
    };
    if !given.dates.is_empty() && !said.dates.iter().all(known) {
        Remark::new(0.2, "a date is not the one in the text")
    } else {
        Remark::NONE
    }
}

fn years(said: &Facts, given: &Facts, asked: &Facts) -> Remark {
    let stated: HashSet<u64> = given
        .numbers
        .iter()
        .chain(&asked.numbers)
        .map(|number| *number as u64)
        .collect();
    let other = said.years.iter().any(|year| {
        let same = given.years.iter().any(|other| other.label == year.label);
        same && !stated.contains(&u64::from(year.year))
    });
    if other {
        Remark::new(0.2, "a year is not the one in the text")
    } else {
        Remark::NONE
    }
}

fn quantities(said: &Facts, given: &Facts, asked: &Facts) -> Remark {
    let derivable = derivable(given, asked);
    let other = said.quantities.iter().any(|quantity| {
        if quantity.computed {
            return false;
        }
        let same_kind = |other: &&Quantity| {
            let per = other.per.is_none() && quantity.per.is_none()
                || quantity.per == other.per
                || quantity.per.is_none() && other.per.is_some();
            other.unit == quantity.unit && per
        };
        let mut stated = given.quantities.iter().filter(same_kind).peekable();
        let asked = asked.quantities.iter().filter(same_kind);
        stated.peek().is_some()
            && !stated
                .chain(asked)
                .any(|other| close(other.value, quantity.value))
            && !derivable
                .iter()
                .any(|(unit, value)| *unit == quantity.unit && close(*value, quantity.value))
    });
    if other {
        Remark::new(0.2, "a number is not the one in the text")
    } else {
        Remark::NONE
    }
}

/// Sums and differences of given quantities of a unit, and their multiples by a number of the
/// prompt.
fn derivable<'a>(given: &'a Facts, asked: &'a Facts) -> Vec<(&'a str, f64)> {
    let all: Vec<&Quantity> = given
        .quantities
        .iter()
        .chain(&asked.quantities)
        .take(64)
        .collect();
    let factors: Vec<f64> = asked
        .numbers
        .iter()
        .copied()
        .filter(|factor| (2.0..=100.0).contains(factor))
        .take(8)
        .collect();
    let mut values = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let unit = one.unit.as_str();
        values.extend(factors.iter().map(|factor| (unit, one.value * factor)));
        for other in all
            .iter()
            .skip(at + 1)
            .filter(|other| other.unit == one.unit)
        {
            values.push((unit, one.value + other.value));
            values.push((unit, (one.value - other.value).abs()));
        }
    }
    values
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.002 * a.abs().max(b.abs())
}

/// Names against those of the context.
fn people(reading: &Reading<'_>, context: &str) -> Remark {
    let given = names(context, TOKENS_MAX);
    let said = names(&reading.parts.prose, TOKENS_MAX);
    let sources = context.to_lowercase() + " " + &reading.exchange.prompt.to_lowercase();
    let known: HashSet<&str> = words(&sources)
        .map(|word| word.strip_suffix("'s").unwrap_or(word))
        .collect();
    let is_known = |word: &str| known.contains(word.to_lowercase().as_str());
    if said.iter().any(|name| is_altered(name, &given, &is_known)) {
        return Remark::new(0.2, "a name is not the one in the text");
    }
    let who = Terms("who|whom|whose|wer|wem|wen|qui|quién|chi").found_in(&reading.prompt_plain);
    let persons = given
        .iter()
        .any(|name| name.words.len() >= 2 && !name.first || name.titled);
    let stranger =
        |name: &Name| name.words.len() >= 2 && !name.words.iter().any(|word| is_known(word));
    if who && persons && said.iter().any(stranger) {
        return Remark::new(0.3, "a person is named whom the text does not know");
    }
    Remark::NONE
}

/// Whether a name is one of the given ones with a word replaced or a letter changed.
fn is_altered(name: &Name, given: &[Name], is_known: &impl Fn(&str) -> bool) -> bool {
    let unknown = |word: &String| !is_known(word);
    let swapped = name.words.windows(2).any(|pair| {
        let [a, b] = pair else { return false };
        if unknown(a) == unknown(b) {
            return false;
        }
        given.iter().any(|other| {
            other.words.windows(2).any(|pair| matches!(pair, [c, d] if c == a && d != b && unknown(b) || d == b && c != a && unknown(a)))
        })
    });
    let sole = name.words.len() > 1 || !name.first || name.titled;
    let misspelt = sole
        && name.words.iter().filter(|word| unknown(word)).any(|word| {
            let mut others = given.iter().flat_map(|other| &other.words);
            others.any(|other| is_near(word, other))
        });
    swapped || misspelt
}

/// One or two letters differ, and it is not an ending.
fn is_near(word: &str, other: &str) -> bool {
    let (word, other) = (word.to_lowercase(), other.to_lowercase());
    let (short, long) = if word.len() < other.len() {
        (&word, &other)
    } else {
        (&other, &word)
    };
    let ending = long
        .strip_prefix(short.as_str())
        .is_some_and(|rest| rest.len() <= 2);
    let length = short.chars().count();
    // Distances of long words cost their square.
    (5..=40).contains(&length)
        && long.len() <= 80
        && !ending
        && word != other
        && normalized_damerau_levenshtein(&word, &other) >= 0.8
}
