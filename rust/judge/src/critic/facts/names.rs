//! Names of people and things: words with capitals that stand together.

use super::super::text::Terms;
use super::tokens::{TITLES, Token, tokens};

/// A capitalised word and its neighbours of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::critic) struct Name {
    /// Its words without titles, without a genitive ending, in their case.
    pub(in crate::critic) words: Vec<String>,
    /// Whether it begins its sentence, where any word has a capital.
    pub(in crate::critic) first: bool,
    /// Whether a title stands before it.
    pub(in crate::critic) titled: bool,
}

/// The names of a text.
pub(in crate::critic) fn names(text: &str, tokens_max: usize) -> Vec<Name> {
    let tokens = tokens(text, tokens_max);
    let mut names = Vec::new();
    for sentence in tokens.chunk_by(|a, b| a.sentence == b.sentence) {
        let runs = sentence
            .chunk_by(|a, b| a.is_capital() == b.is_capital() && a.is_word() && b.is_word());
        names.extend(runs.filter_map(name));
    }
    names
}

fn name(run: &[Token<'_>]) -> Option<Name> {
    let is_title = |token: &&Token<'_>| TITLES.has(&token.lower);
    let first = run.first()?;
    if !first.is_capital() {
        return None;
    }
    let titled = run.iter().any(|token| is_title(&token));
    let words: Vec<String> = run
        .iter()
        .filter(|token| !is_title(token) && !is_common(&token.lower))
        .map(|token| stem(token.text))
        .collect();
    let opens = first.first
        && run
            .iter()
            .find(|token| !is_title(token))
            .is_some_and(|token| token.first);
    (!words.is_empty()).then_some(Name {
        words,
        first: opens,
        titled,
    })
}

/// A name without its genitive ending.
fn stem(word: &str) -> String {
    let bare = word
        .strip_suffix("'s")
        .or_else(|| word.strip_suffix("’s"))
        .unwrap_or(word);
    bare.trim_end_matches(['\'', '’']).to_owned()
}

/// Words that have capitals without being names.
fn is_common(word: &str) -> bool {
    const COMMON: Terms = Terms(
        "the|a|an|it|its|this|that|these|those|he|she|they|we|you|i|in|on|at|for|from|with|yes|\
         no|not|and|or|but|so|if|when|since|while|your|my|his|her|their|our|der|die|das|ein|eine|\
         es|er|sie|am|im|ja|nein|und|send",
    );
    let day = super::WEEKDAYS.iter().any(|(name, _)| *name == word);
    day || COMMON.has(word) || super::calendar::starts_with_month(word)
}
