//! Phrases looked up in a text.

use super::words;

/// The words of a text in lower case, with straight apostrophes and one space around each, and
/// an index of them: what phrases are looked up in.
#[derive(Debug, Clone)]
pub(in crate::critic) struct Plain {
    text: String,
    /// Start and end of each word, in the order of the words themselves.
    sorted: Vec<(usize, usize)>,
}

impl std::ops::Deref for Plain {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// The [`Plain`] form of a text.
pub(in crate::critic) fn plain(text: &str) -> Plain {
    let mut plain = String::with_capacity(text.len() + 2);
    let mut sorted = Vec::with_capacity(text.len() / 6);
    plain.push(' ');
    for word in words(text) {
        let start = plain.len();
        let lower = word.chars().flat_map(char::to_lowercase);
        plain.extend(lower.map(|c| if c == '’' { '\'' } else { c }));
        sorted.push((start, plain.len()));
        plain.push(' ');
    }
    sorted.sort_unstable_by(|&a, &b| {
        let word = |(start, end): (usize, usize)| plain.get(start..end);
        word(a).cmp(&word(b)).then(a.cmp(&b))
    });
    Plain {
        text: plain,
        sorted,
    }
}

impl Plain {
    /// Whether it holds a phrase of whole words. Where a phrase has a `*` at its start or end,
    /// its first or last word may be longer.
    pub(in crate::critic) fn mentions(&self, phrase: &str) -> bool {
        self.place_of(phrase).is_some()
    }

    /// Where it holds a phrase.
    pub(in crate::critic) fn place_of(&self, phrase: &str) -> Option<usize> {
        if let Some(stem) = phrase.strip_prefix('*') {
            let (stem, ends_open) = open_end(stem);
            return self.find(stem, |at| ends_open || self.is_space(at + stem.len()));
        }
        let (stem, ends_open) = open_end(phrase);
        match stem.split_once(' ') {
            None => self.first_word(stem, ends_open),
            // Most phrases fail at their first word, and that is looked up.
            Some((first, _)) => {
                self.first_word(first, false)?;
                let whole = |at: usize| {
                    let starts = at
                        .checked_sub(1)
                        .is_some_and(|before| self.is_space(before));
                    starts && (ends_open || self.is_space(at + stem.len()))
                };
                self.find(stem, whole)
            }
        }
    }

    /// The first place of a word, or of one that begins like this.
    fn first_word(&self, stem: &str, open: bool) -> Option<usize> {
        let word = |&(start, end): &(usize, usize)| self.text.get(start..end).unwrap_or_default();
        let from = self.sorted.partition_point(|span| word(span) < stem);
        let same = self.sorted.iter().skip(from);
        let same = same.take_while(|span| {
            let word = word(span);
            word == stem || open && word.starts_with(stem)
        });
        same.map(|&(start, _)| start).min()
    }

    fn find(&self, stem: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let places = self.text.match_indices(stem).map(|(at, _)| at);
        { places }.find(|&at| fits(at))
    }

    fn is_space(&self, at: usize) -> bool {
        self.text.as_bytes().get(at) == Some(&b' ')
    }
}

/// A phrase without its `*`, and whether it had one.
fn open_end(phrase: &str) -> (&str, bool) {
    phrase
        .strip_suffix('*')
        .map_or((phrase, false), |stem| (stem, true))
}

/// Words or phrases that mean the same to a critic, with bars between them.
#[derive(Debug, Clone, Copy)]
pub(in crate::critic) struct Terms(pub(in crate::critic) &'static str);

impl Terms {
    pub(in crate::critic) fn iter(self) -> std::str::Split<'static, char> {
        self.0.split('|')
    }

    /// Whether one of them is exactly this.
    pub(in crate::critic) fn has(self, word: &str) -> bool {
        self.iter().any(|term| term == word)
    }

    /// Whether a text holds one, as [`Plain::mentions`] tells.
    pub(in crate::critic) fn found_in(self, plain: &Plain) -> bool {
        self.iter().any(|term| plain.mentions(term))
    }
}
