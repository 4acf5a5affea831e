//! What is wrong with an evaluation that is to be signed, or with a statement that is to be
//! reproduced.

use pocketune_adapter::{BundleTooLarge, Digest, EnvelopeError, JsonError, StatementError};

/// Why nothing is signed or measured.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// What is to be signed is no evaluation.
    #[error("the evaluation cannot be read: {0}")]
    Unreadable(JsonError),
    /// A bundle exceeds its limits.
    #[error(transparent)]
    TooLarge(#[from] BundleTooLarge),
    /// A line of a bundle is no envelope.
    #[error("line {line} of the attestations: {cause}")]
    Envelope {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        cause: EnvelopeError,
    },
    /// An envelope holds no statement.
    #[error("line {line} of the attestations: {cause}")]
    Statement {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        cause: StatementError,
    },
    /// Nobody says what was measured.
    #[error("the attestations hold no validation")]
    NoValidation,
    /// A validation of other bytes.
    #[error("the validation is about the adapter {stated}, this one is {found}")]
    OtherAdapter {
        /// What it is about.
        stated: Digest,
        /// What is at hand.
        found: Digest,
    },
    /// A validation on another model.
    #[error("the validation was measured with the model {stated}, this one is {found}")]
    OtherModel {
        /// What it was measured with.
        stated: Digest,
        /// What is at hand.
        found: Digest,
    },
    /// A suite of the same name is another one.
    #[error("the validation was measured on the suite {name} of {stated}, the one here is {found}")]
    SuiteDiffers {
        /// The suite.
        name: String,
        /// What it was measured on.
        stated: Digest,
        /// What is at hand.
        found: Digest,
    },
    /// A suite is not at hand.
    #[error("the suite {name} of {stated} is not here: name its file with --suite")]
    SuiteMissing {
        /// The suite.
        name: String,
        /// What it was measured on.
        stated: Digest,
    },
    /// It cannot be measured again.
    #[error("the validation does not say how it was measured")]
    NoProcedure,
    /// It was measured by a later version, or another program.
    #[error("the validation was measured in a way that this version does not know: {what}")]
    ProcedureUnknown {
        /// The field.
        what: &'static str,
    },
}
