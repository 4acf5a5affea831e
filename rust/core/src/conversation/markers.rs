//! Markers: the tokens that give a prompt its structure, and where their texts stand.
//!
//! A marker is every control token, every token that ends a generation, and every
//! user-defined or unknown token, white space excepted, whose text stands in what the
//! chat template itself writes. Published files have their markers as any of these.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, OnceLock};

use pocketune_llama::{Model, Token, TokenKind};

/// A token that llama.cpp finds in a text before it splits the text.
#[derive(Debug)]
pub(crate) struct Special {
    pub(crate) text: Box<[u8]>,
    pub(crate) token: Token,
    pub(crate) kind: TokenKind,
}

/// The special tokens of one vocabulary. One per engine.
///
/// Their texts are kept once, sorted: an automaton over thousands of long texts would
/// take fifty times their size.
#[derive(Debug)]
pub(crate) struct SpecialTexts {
    sorted: Vec<Special>,
    // What any of them begins with: most of a text is passed over by this.
    first_bytes: Vec<bool>,
    // Those that are markers whatever a template writes, also ones without a text that
    // llama.cpp looks for.
    always: HashSet<Token>,
    // Tokens that stand for one byte and are no markers, looked up when first needed.
    bytes: OnceLock<Vec<Option<Token>>>,
    adds_space: bool,
}

impl SpecialTexts {
    pub(crate) fn of(model: &Model) -> Self {
        let mut it = Self {
            sorted: Vec::new(),
            first_bytes: vec![false; 256],
            always: HashSet::new(),
            bytes: OnceLock::new(),
            adds_space: adds_space(model),
        };
        for token in (0..model.vocab_size()).filter_map(|id| Token::try_from(id).ok()) {
            it.add(model, token);
        }
        it.sorted.sort_by(|a, b| a.text.cmp(&b.text));
        it
    }

    fn add(&mut self, model: &Model, token: Token) {
        let Some(kind) = model.token_kind(token) else {
            return;
        };
        if kind.is_control() || model.is_end_of_generation(token) {
            self.always.insert(token);
        }
        if !kind.is_found_by_text() {
            return;
        }
        let text = model.token_bytes(token, true).unwrap_or_default();
        if let Some(&first) = text.first() {
            if let Some(begins) = self.first_bytes.get_mut(usize::from(first)) {
                *begins = true;
            }
            let text = text.into_boxed_slice();
            self.sorted.push(Special { text, token, kind });
        }
    }

    /// The special tokens whose texts `text` begins with, the shortest first.
    fn prefixes<'a>(&'a self, text: &[u8]) -> impl Iterator<Item = &'a Special> {
        let begins = text.first().is_some_and(|&byte| self.begins(byte));
        let mut left = if begins { self.sorted.as_slice() } else { &[] };
        let mut depth = 0;
        std::iter::from_fn(move || {
            loop {
                let &byte = text.get(depth)?;
                let at = |it: &Special| it.text.get(depth).copied();
                let start = left.partition_point(|it| at(it) < Some(byte));
                let end = left.partition_point(|it| at(it) <= Some(byte));
                left = left.get(start..end).filter(|left| !left.is_empty())?;
                depth += 1;
                // Of all that begin alike the shortest comes first.
                if let Some((first, rest)) = left.split_first()
                    && first.text.len() == depth
                {
                    left = rest;
                    return Some(first);
                }
            }
        })
    }

    /// The longest special token that `text` begins with and llama.cpp finds; without
    /// `parse_special` user-defined ones alone.
    pub(crate) fn longest_at(&self, text: &[u8], parse_special: bool) -> Option<&Special> {
        let found = self.prefixes(text);
        found
            .filter(|it| parse_special || !(it.kind.is_control() || it.kind.is_unknown()))
            .last()
    }

    fn begins(&self, byte: u8) -> bool {
        self.first_bytes
            .get(usize::from(byte))
            .is_some_and(|&it| it)
    }

    /// Whether llama.cpp puts a space before a text and behind each special token.
    pub(crate) fn adds_space(&self) -> bool {
        self.adds_space
    }

    /// The token for one byte that is no marker.
    pub(crate) fn byte(&self, byte: u8, model: &Model) -> Option<Token> {
        let bytes = self.bytes.get_or_init(|| self.byte_tokens(model));
        bytes.get(usize::from(byte)).copied().flatten()
    }

    fn byte_tokens(&self, model: &Model) -> Vec<Option<Token>> {
        let mut bytes = vec![None; 256];
        for token in (0..model.vocab_size()).filter_map(|id| Token::try_from(id).ok()) {
            let kind = model.token_kind(token);
            let is_text = kind.is_some_and(|kind| !kind.is_found_by_text());
            let text = model.token_bytes(token, false).unwrap_or_default();
            if let (true, false, &[byte]) = (is_text, self.always.contains(&token), &*text)
                && let Some(place) = bytes.get_mut(usize::from(byte))
            {
                place.get_or_insert(token);
            }
        }
        bytes
    }
}

/// SentencePiece vocabularies may ask for it.
fn adds_space(model: &Model) -> bool {
    model
        .tokenize("a", false, false)
        .and_then(|tokens| model.detokenize(&tokens, true))
        .is_ok_and(|text| text.starts_with(' '))
}

/// The markers of one template and vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct Markers {
    specials: Arc<SpecialTexts>,
    // User-defined and unknown tokens that the template writes.
    written: Arc<BTreeSet<Token>>,
}

impl Markers {
    /// The tokens that are markers whatever a template writes.
    pub(crate) fn always(specials: Arc<SpecialTexts>) -> Self {
        let written = Arc::default();
        Self { specials, written }
    }

    /// These, and what a template writes in `texts`.
    pub(crate) fn and_written<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Self {
        let mut written = BTreeSet::new();
        for text in texts {
            for (at, _) in text.char_indices() {
                let rest = text.as_bytes().get(at..).unwrap_or_default();
                let found = self.specials.prefixes(rest);
                written.extend(
                    found
                        .filter(|it| !self.contains(it.token) && !is_blank(&it.text))
                        .map(|it| it.token),
                );
            }
        }
        if written.is_empty() {
            return self.clone();
        }
        written.extend(self.written.iter());
        Self {
            specials: Arc::clone(&self.specials),
            written: Arc::new(written),
        }
    }

    pub(crate) fn contains(&self, token: Token) -> bool {
        self.specials.always.contains(&token) || self.written.contains(&token)
    }

    pub(crate) fn specials(&self) -> &SpecialTexts {
        &self.specials
    }

    /// Whether both are the same set of one vocabulary.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.specials, &other.specials) && self.written == other.written
    }

    /// The longest marker that `text` begins with.
    pub(crate) fn longest_at(&self, text: &[u8]) -> Option<&Special> {
        let found = self.specials.prefixes(text);
        found.filter(|it| self.contains(it.token)).last()
    }
}

/// White space, and what SentencePiece writes for a space.
fn is_blank(text: &[u8]) -> bool {
    std::str::from_utf8(text)
        .is_ok_and(|text| text.chars().all(|c| c.is_whitespace() || c == '\u{2581}'))
}
