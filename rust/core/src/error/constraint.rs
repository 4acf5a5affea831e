//! Why a constraint is refused, or a reply under it cannot go on.

use pocketune_grammar::GrammarError;
use pocketune_llama::Token;

/// Longest JSON Schema, in bytes.
pub(crate) const SCHEMA_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with a constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The GBNF grammar.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The JSON Schema is longer than 64 KiB.
    #[error("the schema has {bytes} bytes, at most {SCHEMA_BYTES_MAX} are allowed")]
    SchemaTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The schema's text is no JSON, or nested deeper than 128 levels.
    #[error("the schema is no JSON: {cause}")]
    SchemaNotJson {
        /// What is wrong and where.
        cause: String,
    },
    /// A regular expression that does not parse, or uses what is not supported, such as
    /// looking ahead.
    #[error("the pattern `{pattern}` at {path} cannot be used: {cause}")]
    Pattern {
        /// Where it stands, as a JSON pointer.
        path: String,
        /// The expression, shortened.
        pattern: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The schema has more of something than is compiled in reasonable time.
    #[error("the schema has {count} {what}, at most {limit} are allowed")]
    SchemaTooCostly {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// A bound of a number beyond 9.2 × 10^18.
    #[error("the bound at {path} is beyond 9.2e18")]
    BoundTooLarge {
        /// Where it stands, as a JSON pointer.
        path: String,
    },
    /// The schema says what is not supported, contradicts itself, or exceeds its compiler's limits.
    #[error("the schema cannot be used: {cause}")]
    SchemaRefused {
        /// Why.
        cause: String,
    },
    /// The schema's compiler failed in a way of its own.
    #[error("the schema's compiler failed")]
    SchemaFailed,
    /// The model has no token that ends a reply.
    #[error("the vocabulary has no end-of-generation token")]
    NoEndToken,
    /// The reply cannot go on under the schema.
    #[error("the reply cannot go on under the schema: {cause}")]
    SchemaStuck {
        /// Why.
        cause: String,
    },
    /// Constraint and logit bias together forbid every token.
    #[error("the constraint leaves no token to choose")]
    DeadEnd,
    /// A token was chosen that the constraint forbids.
    #[error("token {token} breaks the constraint")]
    Forbidden {
        /// The token.
        token: Token,
    },
}
