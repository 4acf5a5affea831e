//! What is wrong with an evaluation that is to be signed, or with a statement that is to be
//! reproduced.

use pocketune_adapter::{Digest, EnvelopeError, JsonError, StatementError};

/// Why nothing is signed or measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluationError {
    #[error("the evaluation cannot be read: {0}")]
    Unreadable(JsonError),
    #[error("line {line} of the attestations: {cause}")]
    Envelope { line: usize, cause: EnvelopeError },
    #[error("line {line} of the attestations: {cause}")]
    Statement { line: usize, cause: StatementError },
    #[error("the attestations hold no validation")]
    NoValidation,
    #[error("the validation is about the adapter {stated}, this one is {found}")]
    OtherAdapter { stated: Digest, found: Digest },
    #[error("the validation was measured with the model {stated}, this one is {found}")]
    OtherModel { stated: Digest, found: Digest },
    #[error("the validation was measured on the suite {name} of {stated}, the one here is {found}")]
    SuiteDiffers {
        name: String,
        stated: Digest,
        found: Digest,
    },
    #[error("the suite {name} of {stated} is not here: name its file with --suite")]
    SuiteMissing { name: String, stated: Digest },
    #[error("the validation does not say how it was measured")]
    NoProcedure,
    #[error("the validation was measured in a way that this version does not know: {what}")]
    ProcedureUnknown { what: &'static str },
}

impl EvaluationError {
    /// A stable name for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "evaluation_invalid",
            Self::Envelope { .. } => "envelope_invalid",
            Self::Statement { .. } => "statement_invalid",
            Self::NoValidation => "no_validation",
            Self::OtherAdapter { .. } => "other_adapter",
            Self::OtherModel { .. } => "other_model",
            Self::SuiteDiffers { .. } => "suite_differs",
            Self::SuiteMissing { .. } => "suite_missing",
            Self::NoProcedure => "no_procedure",
            Self::ProcedureUnknown { .. } => "procedure_unknown",
        }
    }
}
