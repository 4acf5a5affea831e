//! Whether tokens that somebody saved are those of a conversation.
//!
//! A saved chat says what was said, and which tokens its keys and values were computed
//! from. A forged one says two different things. So the tokens are followed along the
//! rendered conversation: each has the bytes that stand there, a marker stands where the
//! template wrote this marker and nowhere else, and no other token stands there.

use std::ops::Range;

use pocketune_llama::{Model, Token};

use crate::conversation::PromptText;
use crate::conversation::markers::Special;

/// The first of saved tokens, and what they stand for.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    pub(crate) tokens: usize,
    /// Text of these tokens, so that a reply keeps those it was generated with. None
    /// where they do not reach the end of the prompt: it is tokenized as a whole.
    pub(crate) transcript: Option<PromptText>,
}

impl PromptText {
    /// How far `tokens` are those of this text, of which the first `prompt_bytes` led to
    /// the last reply. None, if they differ before that: then they are of another
    /// conversation. What follows may differ, such as a reply that went on behind its
    /// stop string, or one that was not kept.
    pub(crate) fn prove(
        &self,
        tokens: &[Token],
        prompt_bytes: usize,
        model: &Model,
    ) -> Option<Proven> {
        let walk = Walk {
            prompt: self,
            own: self.own_markers(),
            model,
        };
        let bos = walk.added_bos();
        if bos.is_some() && bos != tokens.first().copied() {
            return None;
        }
        let (mut proven, mut end) = (0, 0);
        let mut places = vec![Place { at: 0, fresh: true }];
        for (index, &token) in tokens.iter().enumerate() {
            if index > 0 || bos.is_none() {
                places = walk.step(&places, token);
            }
            let Some(place) = places.first() else {
                break;
            };
            // A token may end inside a character, a transcript may not.
            if self.as_str().is_char_boundary(place.at) {
                (proven, end) = (index + 1, place.at);
            }
        }
        let is_whole = end >= prompt_bytes;
        (proven > 0 && (is_whole || !places.is_empty())).then(|| Proven {
            tokens: proven,
            transcript: is_whole.then(|| self.beginning(end)),
        })
    }
}

/// How far the tokens reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: usize,
    // Behind a special token or the start, where some vocabularies add a space.
    fresh: bool,
}

struct Walk<'a> {
    prompt: &'a PromptText,
    own: Vec<(Range<usize>, &'a Special)>,
    model: &'a Model,
}

impl Walk<'_> {
    /// The token that the model adds before the text, where the text begins with none.
    fn added_bos(&self) -> Option<Token> {
        let special = self.model.special_tokens();
        let first = self.own.first().filter(|(range, _)| range.start == 0);
        let written = first.map(|(_, own)| own.token);
        let bos = special.bos.filter(|_| special.add_bos);
        bos.filter(|_| bos != written)
    }

    /// Where the text goes on behind `token`: two places at most, since a space may be
    /// the text's or an added one.
    fn step(&self, places: &[Place], token: Token) -> Vec<Place> {
        let mut next = Vec::new();
        for &place in places {
            for to in self
                .marker(place, token)
                .into_iter()
                .chain(self.text(place, token))
            {
                if !next.contains(&to) {
                    next.push(to);
                }
            }
        }
        next
    }

    /// Behind a marker of the template.
    fn marker(&self, from: Place, token: Token) -> Option<Place> {
        let index = self.next_own(from);
        let (range, own) = self.own.get(index)?;
        let gap = self.bytes(&(from.at..range.start));
        let stripped = own.kind.strips_left() && gap.iter().all(|&it| is_c_space(it));
        if own.token != token || !(gap.is_empty() || stripped) {
            return None;
        }
        let mut at = range.end;
        if own.kind.strips_right() {
            let end = self.own.get(index + 1).map(|(next, _)| next.start);
            let gap = self.bytes(&(at..end.unwrap_or(self.prompt.as_str().len())));
            at += gap.iter().take_while(|&&it| is_c_space(it)).count();
        }
        Some(Place { at, fresh: true })
    }

    /// Behind text between two markers of the template.
    fn text(&self, from: Place, token: Token) -> Vec<Place> {
        let (Some(kind), Ok(bytes)) = (
            self.model.token_kind(token),
            self.model.token_bytes(token, true),
        ) else {
            return Vec::new();
        };
        let end = self
            .own
            .get(self.next_own(from))
            .map(|(next, _)| next.start);
        let rest = self.bytes(&(from.at..end.unwrap_or(self.prompt.as_str().len())));
        let forged = |length: usize| {
            // Merges may lead to a marker's token in what the template writes.
            self.prompt.markers().contains(token)
                && (kind.is_found_by_text()
                    || self.prompt.touches_input(&(from.at..from.at + length)))
        };
        let mut places = Vec::new();
        if !bytes.is_empty() && rest.starts_with(&bytes) && !forged(bytes.len()) {
            places.push(Place {
                at: from.at + bytes.len(),
                fresh: kind.is_found_by_text(),
            });
        }
        if from.fresh
            && self.prompt.markers().specials().adds_space()
            && !kind.is_found_by_text()
            && let Some(bytes) = bytes.strip_prefix(b" ")
            && !rest.is_empty()
            && rest.starts_with(bytes)
            && !forged(bytes.len())
        {
            places.push(Place {
                at: from.at + bytes.len(),
                fresh: false,
            });
        }
        places
    }

    fn next_own(&self, from: Place) -> usize {
        self.own.partition_point(|(range, _)| range.start < from.at)
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        let text = self.prompt.as_str().as_bytes();
        text.get(range.clone()).unwrap_or_default()
    }
}

/// What C calls white space.
fn is_c_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}
