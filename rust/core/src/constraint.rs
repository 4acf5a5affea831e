//! Forms that a reply must have: GBNF grammars and JSON Schemas.
//!
//! GBNF is llama.cpp's own. JSON Schemas go to llguidance, which knows most of
//! the standard, names what it does not know, and computes under limits.

use std::sync::{Arc, OnceLock};

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use pocketune_llama::{GRAMMAR_BYTES_MAX, Model, Sampler, Token};
use toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie};

use crate::error::Error;

/// A form that a reply must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// A grammar in llama.cpp's GBNF notation, with the start symbol `root`.
    /// At most 64 KiB and 64 nested parentheses.
    Gbnf(String),
    /// A JSON Schema (draft 2020-12, the subset llguidance supports), as JSON
    /// text of at most 64 KiB. The reply is one JSON document.
    JsonSchema(String),
}

/// The vocabulary as a trie, built at the first JSON Schema and then shared.
#[derive(Default)]
pub(crate) struct SchemaFactory(OnceLock<Result<ParserFactory, String>>);

impl SchemaFactory {
    /// A matcher for `schema`. Building the trie takes some 100 ms once.
    pub(crate) fn matcher(&self, model: &Model, schema: &str) -> Result<SchemaMatcher, Error> {
        let invalid = |reason: String| Error::InvalidConstraint { reason };
        if schema.len() > GRAMMAR_BYTES_MAX {
            return Err(invalid(format!(
                "{} bytes, at most {GRAMMAR_BYTES_MAX} are allowed",
                schema.len()
            )));
        }
        let schema = serde_json::from_str(schema)
            .map_err(|error| invalid(format!("the schema is no JSON: {error}")))?;
        let factory = self.0.get_or_init(|| build_factory(model));
        let factory = factory.as_ref().map_err(|reason| invalid(reason.clone()))?;
        let parser = factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let mut matcher = Matcher::new(parser);
        if let Some(reason) = matcher.get_error() {
            return Err(invalid(first_line(&reason)));
        }
        // A schema that nothing can satisfy shows at the first mask.
        matcher
            .compute_mask()
            .map_err(|error| invalid(first_line(&error.to_string())))?;
        Ok(SchemaMatcher(matcher))
    }
}

/// The state of one reply under a JSON Schema.
pub(crate) struct SchemaMatcher(Matcher);

impl SchemaMatcher {
    /// Forbids every token that the schema does not allow here.
    pub(crate) fn mask(&mut self, logits: &mut [f32]) -> Result<(), Error> {
        let mask = self.0.compute_mask_or_eos().map_err(stuck)?;
        for (id, logit) in (0u32..).zip(logits.iter_mut()) {
            if !mask.is_allowed(id) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes the chosen token; true when the document is complete.
    pub(crate) fn accept(&mut self, token: Token) -> Result<bool, Error> {
        let id = u32::try_from(token).map_err(|_| Error::InvalidConstraint {
            reason: "negative token".to_owned(),
        })?;
        self.0.consume_token(id).map_err(stuck)?;
        Ok(self.0.is_stopped())
    }
}

/// What a constraint does during one reply.
pub(crate) enum ActiveConstraint {
    /// None, or a grammar that the sampler holds.
    InSampler,
    /// A JSON Schema.
    Schema(Box<SchemaMatcher>),
}

/// Puts `constraint` to work on `sampler`.
pub(crate) fn activate(
    constraint: Option<&Constraint>,
    sampler: Sampler,
    model: &Arc<Model>,
    schemas: &SchemaFactory,
) -> Result<(Sampler, ActiveConstraint), Error> {
    match constraint {
        None => Ok((sampler, ActiveConstraint::InSampler)),
        Some(Constraint::Gbnf(gbnf)) => Ok((
            sampler.with_grammar(gbnf, "root")?,
            ActiveConstraint::InSampler,
        )),
        Some(Constraint::JsonSchema(schema)) => {
            let matcher = schemas.matcher(model, schema)?;
            Ok((sampler, ActiveConstraint::Schema(Box::new(matcher))))
        }
    }
}

fn build_factory(model: &Model) -> Result<ParserFactory, String> {
    let size = model.vocab_size();
    let mut words = Vec::with_capacity(size);
    let mut ends = Vec::new();
    for token in (0..size).filter_map(|id| Token::try_from(id).ok()) {
        if model.is_end_of_generation(token) {
            ends.extend(u32::try_from(token));
        }
        let special = model.is_control(token);
        let bytes = model
            .token_bytes(token, special)
            .map_err(|error| error.to_string())?;
        words.push(if special {
            [&[TokTrie::SPECIAL_TOKEN_MARKER], &bytes[..]].concat()
        } else {
            bytes
        });
    }
    let end = *ends
        .first()
        .ok_or("the vocabulary has no end-of-generation token")?;
    let size = u32::try_from(size).map_err(|error| error.to_string())?;
    let trie = TokTrie::from(&TokRxInfo::new(size, end), &words).with_eos_tokens(&ends);
    let environment = Arc::new(ApproximateTokEnv::new(trie));
    let mut factory = ParserFactory::new_simple(&(environment as _)).map_err(|e| e.to_string())?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

fn stuck(error: impl std::fmt::Display) -> Error {
    Error::InvalidConstraint {
        reason: first_line(&error.to_string()),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
