//! Forms that a reply must have: GBNF grammars and JSON Schemas.
//!
//! GBNF goes to `pocketune-grammar`, JSON Schemas to llguidance, which knows most
//! of the standard and names what it does not know. Both compute under limits, and
//! a token is part of a reply only when its constraint has taken it.

mod costs;
mod pattern;
mod schema;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::sync::{Arc, OnceLock};

use llguidance::ParserFactory;
use pocketune_base::without_byte_order_mark;
use pocketune_gguf::VocabularySizes;
use pocketune_grammar::{Grammar, Matcher};
use pocketune_llama::{Model, Sampler, Token};

use schema::SchemaMatcher;
use vocabulary::Vocabulary;

use crate::error::{ConstraintError, Error};
use crate::process::check_free;
use crate::vocabulary::{grammar_bytes, schema_bytes};

/// A form that a reply must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// A grammar in llama.cpp's GBNF notation, with the start symbol `root`: at most
    /// 64 KiB, 64 parentheses inside each other, 2,000 repetitions in `{m,n}`. It must
    /// not begin with itself (left recursion), nor leave more than 10,000 ways to go
    /// on at once, which may show only while a reply is made.
    Gbnf(String),
    /// A JSON Schema (draft 2020-12, the subset llguidance supports), as JSON text of
    /// at most 64 KiB and 128 levels. The reply is one JSON document. Between its
    /// parts stands at most one space, or one line break and 20 spaces or tabs, unless
    /// the schema's own `x-guidance` says otherwise.
    JsonSchema(String),
}

/// What constraints need of a model, made when the first one asks for it.
pub(crate) struct Constraints {
    sizes: VocabularySizes,
    vocabulary: OnceLock<Arc<Vocabulary>>,
    schemas: OnceLock<Result<ParserFactory, ConstraintError>>,
}

impl Constraints {
    pub(crate) fn new(sizes: VocabularySizes) -> Self {
        Self {
            sizes,
            vocabulary: OnceLock::new(),
            schemas: OnceLock::new(),
        }
    }

    /// Puts `constraint` to work. The first of an engine takes some 10 ms, the first
    /// JSON Schema some 100 ms; needs little of the caller's stack.
    pub(crate) fn activate(
        &self,
        constraint: Option<&Constraint>,
        model: &Arc<Model>,
    ) -> Result<ActiveConstraint, Error> {
        Ok(match constraint {
            None => ActiveConstraint::None,
            Some(Constraint::Gbnf(gbnf)) => {
                let named = |text: &str| named_token(model, text);
                let gbnf = without_byte_order_mark(gbnf);
                let grammar = Grammar::parse(gbnf, "root", &named)?;
                ActiveConstraint::Grammar(Box::new(GrammarMatcher {
                    matcher: Matcher::new(Arc::new(grammar))?,
                    vocabulary: self.vocabulary(model)?,
                }))
            }
            Some(Constraint::JsonSchema(text)) => {
                if self.schemas.get().is_none() {
                    check_free(schema_bytes(&self.sizes))?;
                }
                let vocabulary = self.vocabulary(model)?;
                let text = without_byte_order_mark(text);
                let matcher = schema::compile(&self.schemas, &vocabulary, text)?;
                ActiveConstraint::Schema(Box::new(matcher))
            }
        })
    }

    fn vocabulary(&self, model: &Model) -> Result<Arc<Vocabulary>, Error> {
        if let Some(vocabulary) = self.vocabulary.get() {
            return Ok(Arc::clone(vocabulary));
        }
        check_free(grammar_bytes(&self.sizes))?;
        let vocabulary = Arc::new(Vocabulary::of(model)?);
        Ok(Arc::clone(self.vocabulary.get_or_init(|| vocabulary)))
    }
}

/// What a constraint does during one reply.
pub(crate) enum ActiveConstraint {
    None,
    Grammar(Box<GrammarMatcher>),
    Schema(Box<SchemaMatcher>),
}

impl ActiveConstraint {
    /// Lets `sampler` choose a token that is allowed here; may forbid others in `logits`.
    pub(crate) fn choose(
        &mut self,
        sampler: &mut Sampler,
        logits: &mut [f32],
    ) -> Result<Token, Error> {
        let token = match self {
            Self::None => return Ok(sampler.choose(logits)?),
            Self::Grammar(grammar) => {
                // Testing one token is far cheaper than the whole vocabulary.
                let first = sampler.choose(logits)?;
                if grammar.allows(first)? {
                    return Ok(first);
                }
                grammar.mask(logits)?;
                sampler.choose(logits)?
            }
            Self::Schema(schema) => {
                schema.mask(logits)?;
                sampler.choose(logits)?
            }
        };
        let allowed = match self {
            Self::None => true,
            Self::Grammar(grammar) => grammar.allows(token)?,
            Self::Schema(schema) => schema.allows(token),
        };
        match allowed {
            true => Ok(token),
            false => Err(ConstraintError::Forbidden { token }.into()),
        }
    }

    /// Takes the chosen token into the reply; true when nothing more may follow.
    pub(crate) fn accept(&mut self, token: Token) -> Result<bool, Error> {
        Ok(match self {
            Self::None => false,
            Self::Grammar(grammar) => grammar.accept(token)?,
            Self::Schema(schema) => schema.accept(token)?,
        })
    }
}

/// The state of one reply under a grammar.
pub(crate) struct GrammarMatcher {
    matcher: Matcher,
    vocabulary: Arc<Vocabulary>,
}

impl GrammarMatcher {
    fn allows(&mut self, token: Token) -> Result<bool, ConstraintError> {
        let id = id(token)?;
        Ok(self.matcher.allows(id, self.vocabulary.text(id))?)
    }

    fn mask(&mut self, logits: &mut [f32]) -> Result<(), ConstraintError> {
        let vocabulary = &self.vocabulary;
        Ok(self.matcher.mask(logits, |id| vocabulary.text(id))?)
    }

    fn accept(&mut self, token: Token) -> Result<bool, ConstraintError> {
        let id = id(token)?;
        self.matcher.accept(id, self.vocabulary.text(id))?;
        Ok(self.matcher.is_finished())
    }
}

fn id(token: Token) -> Result<u32, ConstraintError> {
    u32::try_from(token).map_err(|_| ConstraintError::Forbidden { token })
}

/// The token that a grammar writes `<[12]>`, or `<text>` where its text has these brackets.
fn named_token(model: &Model, text: &str) -> Option<u32> {
    let number = text
        .strip_prefix("<[")
        .and_then(|text| text.strip_suffix("]>"));
    let token = match number {
        Some(number) => number.parse().ok()?,
        None => match model.tokenize(text, false, true).ok()?.as_slice() {
            &[token] => token,
            _ => return None,
        },
    };
    u32::try_from(token).ok().filter(|_| model.contains(token))
}
