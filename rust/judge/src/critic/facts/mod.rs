//! What of a text can be compared with another one: times, weekdays, dates, years, numbers
//! with their units, names.

use super::text::Terms;
mod calendar;
mod names;
mod quantity;
mod tokens;

pub(super) use names::{Name, names};
use tokens::{Token, tokens};

pub(super) use calendar::WEEKDAYS;

/// Facts of one text.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Minutes after midnight.
    pub(super) times: Vec<Stated<u32>>,
    /// 0 is Monday.
    pub(super) weekdays: Vec<usize>,
    pub(super) dates: Vec<Date>,
    pub(super) years: Vec<Labelled>,
    pub(super) quantities: Vec<Quantity>,
    /// Every number, whatever stands beside it.
    pub(super) numbers: Vec<f64>,
}

/// A fact and whether its sentence says that it was computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stated<T> {
    pub(super) value: T,
    pub(super) computed: bool,
}

/// A day of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) year: Option<u32>,
}

/// A year and the word before it that says of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labelled {
    pub(super) year: u32,
    pub(super) label: String,
}

/// A number and what it counts or measures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) value: f64,
    /// A canonical unit or a noun in the singular.
    pub(super) unit: String,
    /// The unit below a line: "a year", "per month".
    pub(super) per: Option<String>,
    pub(super) computed: bool,
}

impl Facts {
    /// The facts of a text. Longer texts than `tokens_max` are read up to there.
    pub(super) fn of(text: &str, tokens_max: usize) -> Self {
        let mut facts = Self::default();
        let tokens = tokens(text, tokens_max);
        for sentence in tokens.chunk_by(|a, b| a.sentence == b.sentence) {
            facts.read(sentence);
        }
        facts
    }

    /// Each token belongs to one fact: what a calendar takes is no quantity.
    fn read(&mut self, sentence: &[Token<'_>]) {
        let computed = is_computed(sentence);
        let mut taken = vec![false; sentence.len()];
        calendar::read(sentence, computed, &mut taken, self);
        quantity::read(sentence, computed, &taken, self);
    }
}

/// Whether a sentence says that it calculates or converts.
fn is_computed(sentence: &[Token<'_>]) -> bool {
    const WORDS: Terms = Terms(
        "total|altogether|together|left|remaining|remain|remains|each|per|average|twice|double|\
         half|difference|divided|times|plus|minus|sum|before|after|earlier|later|early|converted|\
         equals|which is|insgesamt|zusammen|übrig|jeweils|durchschnittlich|doppelt|hälfte|vorher|\
         nachher|minus|mal|ergibt|previously|more|fewer|less|ago",
    );
    sentence.iter().any(|token| {
        matches!(token.text, "=" | "×" | "*" | "÷" | "+" | "≈") || WORDS.has(token.lower.as_str())
    })
}
