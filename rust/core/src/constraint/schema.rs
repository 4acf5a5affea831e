//! JSON Schemas, by llguidance, under limits.

use std::sync::{Arc, OnceLock};

use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::{Matcher, ParserFactory};
use pocketune_llama::Token;
use serde_json::{Map, Value};
use toktrie::{ApproximateTokEnv, SimpleVob, TokRxInfo, TokTrie};

use super::vocabulary::Vocabulary;
use super::{costs, pattern};
use crate::error::{ConstraintError, SCHEMA_BYTES_MAX};

/// Stack of the thread that compiles schemas: a schema of 64 KiB can chain some
/// 2,600 definitions, each of which costs llguidance some frames. Only what is used
/// of it takes memory.
const STACK_BYTES: usize = 64 << 20;
/// Most bytes of all tokens together in the trie: it has a node for each at most, and
/// toktrie (PARENT_BITS in toktree.rs) has room for 2^22 nodes. Of larger
/// vocabularies the longest tokens are never chosen.
const TRIE_BYTES_MAX: usize = 4_000_000;
/// White space between the parts of a document: readable, and over soon.
const WHITE_SPACE: &str = r" |\r?\n[ \t]{0,20}";
/// Regular expressions of one schema, in llguidance's units: some 20 ms.
const LEXER_FUEL_MAX: u64 = 1_000_000;
/// The same for one token of a reply: some 15 ms.
const STEP_LEXER_FUEL_MAX: u64 = 200_000;
/// Earley items for one token of a reply: some 5 ms.
const STEP_ITEMS_MAX: usize = 50_000;
/// Ways to go on at one byte.
const ROW_ITEMS_MAX: usize = 2_000;
/// States of a schema's lexer, 1 to 2 kB each.
const LEXER_STATES_MAX: usize = 25_000;
/// Symbols of a schema's grammar.
const GRAMMAR_SYMBOLS_MAX: usize = 100_000;
/// Longest cause in an error, in characters.
const CAUSE_CHARS_MAX: usize = 300;

/// Compiles `text` on a thread of its own, whose stack is known and where a panic of
/// a dependency ends. Blocks.
pub(crate) fn compile(
    factory: &OnceLock<Result<ParserFactory, ConstraintError>>,
    vocabulary: &Arc<Vocabulary>,
    text: &str,
) -> Result<SchemaMatcher, ConstraintError> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(ConstraintError::SchemaTooLong { bytes: text.len() });
    }
    let work = || {
        let schema =
            serde_json::from_str(text).map_err(|error| ConstraintError::SchemaNotJson {
                cause: error.to_string(),
            })?;
        costs::check(&schema)?;
        let factory = factory.get_or_init(|| build_factory(vocabulary));
        compile_here(factory.as_ref().map_err(Clone::clone)?, schema)
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("pocketune-schema".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| refused(&error.to_string()))?
            .join()
            .unwrap_or(Err(ConstraintError::SchemaFailed))
    })
}

fn compile_here(factory: &ParserFactory, schema: Value) -> Result<SchemaMatcher, ConstraintError> {
    let started = start(factory, with_white_space(schema.clone()));
    let mut matcher = started.map_err(|error| {
        let compiles = |pattern: &str| {
            let alone = serde_json::json!({"type": "string", "pattern": pattern});
            start(factory, alone).map(drop)
        };
        pattern::first_bad(&schema, &compiles).unwrap_or(error)
    })?;
    // A schema that nothing can satisfy shows at the first mask.
    let mask = matcher
        .compute_mask()
        .map_err(|error| refused(&error.to_string()))?;
    Ok(SchemaMatcher { matcher, mask })
}

fn start(factory: &ParserFactory, schema: Value) -> Result<Matcher, ConstraintError> {
    let matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_json_schema(schema)));
    match matcher.get_error() {
        Some(cause) => Err(refused(&cause)),
        None => Ok(matcher),
    }
}

/// The schema with our white space, unless it says what it wants itself.
fn with_white_space(schema: Value) -> Value {
    let mut schema = match schema {
        Value::Bool(true) => Map::new(),
        Value::Object(schema) => schema,
        other => return other,
    };
    let options = schema
        .entry("x-guidance")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(options) = options
        && !options.contains_key("whitespace_pattern")
        && !options.contains_key("whitespace_flexible")
    {
        options.insert("whitespace_pattern".to_owned(), WHITE_SPACE.into());
    }
    Value::Object(schema)
}

/// The state of one reply under a JSON Schema.
pub(crate) struct SchemaMatcher {
    matcher: Matcher,
    /// What is allowed next, as computed last; nothing after a token was taken.
    mask: SimpleVob,
}

impl SchemaMatcher {
    /// Forbids every token that the schema does not allow here.
    pub(crate) fn mask(&mut self, logits: &mut [f32]) -> Result<(), ConstraintError> {
        self.mask = self.matcher.compute_mask_or_eos().map_err(stuck)?;
        for (id, logit) in (0u32..).zip(logits) {
            if !self.mask.is_allowed(id) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Whether the last mask allows `token`.
    pub(crate) fn allows(&self, token: Token) -> bool {
        let id = usize::try_from(token)
            .ok()
            .filter(|&id| id < self.mask.len());
        id.is_some_and(|id| self.mask.get(id))
    }

    /// Takes the chosen token; true when the document is complete.
    pub(crate) fn accept(&mut self, token: Token) -> Result<bool, ConstraintError> {
        if !self.allows(token) {
            return Err(ConstraintError::Forbidden { token });
        }
        let id = super::id(token)?;
        self.mask.set_all(false);
        self.matcher.consume_token(id).map_err(stuck)?;
        Ok(self.matcher.is_stopped())
    }
}

fn build_factory(vocabulary: &Vocabulary) -> Result<ParserFactory, ConstraintError> {
    let ends = vocabulary.end_tokens();
    let &end = ends.first().ok_or(ConstraintError::NoEndToken)?;
    let words = words(vocabulary);
    let size = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let trie = TokTrie::from(&TokRxInfo::new(size, end), &words).with_eos_tokens(ends);
    let environment = Arc::new(ApproximateTokEnv::new(trie));
    let mut factory = ParserFactory::new_simple(&(environment as _))
        .map_err(|error| refused(&error.to_string()))?;
    factory.quiet();
    *factory.limits_mut() = ParserLimits {
        max_items_in_row: ROW_ITEMS_MAX,
        initial_lexer_fuel: LEXER_FUEL_MAX,
        step_lexer_fuel: STEP_LEXER_FUEL_MAX,
        step_max_items: STEP_ITEMS_MAX,
        max_lexer_states: LEXER_STATES_MAX,
        max_grammar_size: GRAMMAR_SYMBOLS_MAX,
        precompute_large_lexemes: true,
        // Errors would hold the reply.
        verbose_errors: false,
    };
    Ok(factory)
}

/// The tokens that a document may be written with; the others are empty. A first byte
/// of 255, which no UTF-8 has, would stand for a special token.
fn words(vocabulary: &Vocabulary) -> Vec<Vec<u8>> {
    let all = || {
        (0u32..)
            .take(vocabulary.len())
            .map(|id| vocabulary.bytes(id))
    };
    let longest = longest_that_fit(all().map(<[u8]>::len));
    all()
        .map(|bytes| match bytes.first() {
            Some(&first) if first != TokTrie::SPECIAL_TOKEN_MARKER && bytes.len() <= longest => {
                bytes.to_vec()
            }
            _ => Vec::new(),
        })
        .collect()
}

/// The length up to which all tokens together have at most [`TRIE_BYTES_MAX`].
fn longest_that_fit(lengths: impl Iterator<Item = usize>) -> usize {
    let mut of_length = vec![0usize; super::vocabulary::TOKEN_BYTES_MAX + 1];
    for length in lengths {
        if let Some(count) = of_length.get_mut(length) {
            *count += 1;
        }
    }
    let mut total = 0;
    let fits = of_length
        .iter()
        .enumerate()
        .take_while(|&(length, &count)| {
            total += length * count;
            total <= TRIE_BYTES_MAX
        });
    fits.last().map_or(0, |(length, _)| length)
}

fn refused(cause: &str) -> ConstraintError {
    // llguidance catches its own panics, and its dependencies'.
    if cause.starts_with("panic") {
        return ConstraintError::SchemaFailed;
    }
    ConstraintError::SchemaRefused {
        cause: essence(cause),
    }
}

fn stuck(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::SchemaStuck {
        cause: essence(&error.to_string()),
    }
}

/// The line that says what is wrong: the first, or the last of a regular expression's
/// error, whose first is a heading.
fn essence(text: &str) -> String {
    let said = text.lines().find_map(|line| line.strip_prefix("error: "));
    let line = said.or_else(|| text.lines().next()).unwrap_or_default();
    line.chars().take(CAUSE_CHARS_MAX).collect()
}
