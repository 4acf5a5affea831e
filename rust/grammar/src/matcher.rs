//! What a reply under a grammar may say next.

use std::sync::Arc;

use crate::error::GrammarError;
use crate::rules::Grammar;
use crate::stacks::{SetId, Stacks};
use crate::utf8::{Partial, Pushed};

/// A token as the matcher sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenText<'a> {
    /// What it adds to the reply, perhaps a part of a character. Without any, only
    /// its id can make it allowed.
    pub bytes: &'a [u8],
    /// Whether it ends the reply.
    pub ends: bool,
}

/// The state of one reply under a grammar.
#[derive(Debug)]
pub struct Matcher {
    grammar: Arc<Grammar>,
    stacks: Stacks,
    ways: Vec<Way>,
}

/// A set of stacks, and the bytes of a character that are still to be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    set: SetId,
    partial: Partial,
}

impl Matcher {
    /// At the beginning of a reply.
    ///
    /// # Errors
    /// [`GrammarError::TooAmbiguous`], [`GrammarError::TooCostly`].
    pub fn new(grammar: Arc<Grammar>) -> Result<Self, GrammarError> {
        let mut stacks = Stacks::default();
        let set = stacks.start(&grammar)?;
        Ok(Self {
            grammar,
            stacks,
            ways: vec![Way {
                set,
                partial: Partial::default(),
            }],
        })
    }

    /// Whether the reply may end here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ways
            .iter()
            .any(|way| way.partial.is_empty() && self.stacks.is_complete(way.set))
    }

    /// Whether the reply can only end here.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_complete() && !self.ways.iter().any(|way| self.stacks.goes_on(way.set))
    }

    /// Whether `token` may come next. Costs what its bytes cost.
    ///
    /// # Errors
    /// [`GrammarError::TooAmbiguous`], [`GrammarError::TooCostly`].
    pub fn allows(&mut self, token: u32, text: TokenText) -> Result<bool, GrammarError> {
        self.stacks.begin_token();
        self.allowed(token, text)
    }

    /// Forbids (−∞) every token of `logits`, by index, that may not come next.
    ///
    /// # Errors
    /// [`GrammarError::TooAmbiguous`], [`GrammarError::TooCostly`].
    pub fn mask<'a>(
        &mut self,
        logits: &mut [f32],
        text: impl Fn(u32) -> TokenText<'a>,
    ) -> Result<(), GrammarError> {
        self.stacks.begin_token();
        for (token, logit) in (0u32..).zip(logits) {
            if *logit > f32::NEG_INFINITY && !self.allowed(token, text(token))? {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes `token` into the reply.
    ///
    /// # Errors
    /// [`GrammarError::Forbidden`] for one that may not come next; then nothing has
    /// changed. [`GrammarError::TooAmbiguous`], [`GrammarError::TooCostly`].
    pub fn accept(&mut self, token: u32, text: TokenText) -> Result<(), GrammarError> {
        self.stacks.begin_token();
        if text.ends {
            return match self.allowed(token, text)? {
                true => Ok(()),
                false => Err(GrammarError::Forbidden { token }),
            };
        }
        let mut next: Vec<Way> = Vec::new();
        for index in 0..self.ways.len() {
            let Some(&way) = self.ways.get(index) else {
                break;
            };
            let by_text = self.after_text(way, text.bytes)?;
            let by_id = self.after_id(way, token)?;
            for way in [by_text, by_id].into_iter().flatten() {
                if !next.contains(&way) {
                    next.push(way);
                }
            }
        }
        if next.is_empty() {
            return Err(GrammarError::Forbidden { token });
        }
        self.ways = next;
        self.tidy();
        Ok(())
    }

    fn allowed(&mut self, token: u32, text: TokenText) -> Result<bool, GrammarError> {
        if text.ends && self.is_complete() {
            return Ok(true);
        }
        self.tidy();
        for index in 0..self.ways.len() {
            let Some(&way) = self.ways.get(index) else {
                break;
            };
            if self.after_id(way, token)?.is_some() {
                return Ok(true);
            }
            if !text.ends && self.after_text(way, text.bytes)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where a token's bytes lead; `None` where the grammar does not follow.
    fn after_text(&mut self, from: Way, bytes: &[u8]) -> Result<Option<Way>, GrammarError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let Way {
            mut set,
            mut partial,
        } = from;
        for &byte in bytes {
            match partial.push(byte) {
                Pushed::Invalid => return Ok(None),
                Pushed::Incomplete => {}
                Pushed::Character(character) => {
                    set = self.stacks.after(&self.grammar, set, character)?;
                    if set == SetId::DEAD {
                        return Ok(None);
                    }
                }
            }
        }
        if !partial.is_empty() {
            let (low, high) = partial.range();
            if !self.stacks.any_after(&self.grammar, set, low, high) {
                return Ok(None);
            }
        }
        Ok(Some(Way { set, partial }))
    }

    /// Where a token's id leads.
    fn after_id(&mut self, from: Way, token: u32) -> Result<Option<Way>, GrammarError> {
        if !from.partial.is_empty() || !self.stacks.any_token(&self.grammar, from.set) {
            return Ok(None);
        }
        let set = self.stacks.after_token(&self.grammar, from.set, token)?;
        Ok((set != SetId::DEAD).then_some(Way { set, ..from }))
    }

    fn tidy(&mut self) {
        let mut sets: Vec<&mut SetId> = self.ways.iter_mut().map(|way| &mut way.set).collect();
        self.stacks.tidy(&mut sets);
    }
}
