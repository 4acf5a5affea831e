//! The one public error. A variant exists only if an app handles it differently.

use pocketune_core::tuning::TrainError;
use pocketune_core::{Error, ExperimentError, StoreError};

use crate::reviews::ReviewConsent;

/// Why a call failed. Messages are for logs and developers, and contain no
/// prompt, reply or path.
#[derive(Debug, Clone, PartialEq, thiserror::Error, uniffi::Error)]
pub enum PocketuneError {
    /// The model file is missing, unreadable or no regular file: fetch it again
    /// or ask for permission.
    #[error("the model cannot be read: {reason}")]
    ModelUnreadable {
        /// What went wrong.
        reason: String,
    },
    /// The file is damaged or no model: delete it and fetch it again.
    #[error("the model is invalid: {reason}")]
    ModelInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A model that this version cannot run: offer another one.
    #[error("models of architecture {architecture} are not supported")]
    ModelUnsupported {
        /// The file's architecture.
        architecture: String,
    },
    /// Not enough memory: use a shorter context, a smaller model, or free memory.
    #[error("{required_bytes} bytes of memory are needed, {available_bytes} are free")]
    OutOfMemory {
        /// What is needed; 0 when an allocation failed unexpectedly.
        required_bytes: u64,
        /// What is free; 0 when unknown.
        available_bytes: u64,
    },
    /// The model cannot chat by itself: use a completion, or name a template.
    #[error("the model has no chat template")]
    NoChatTemplate,
    /// The conversation does not fit: start a new one, shorten it, or drop turns.
    #[error("{prompt_tokens} tokens do not fit a context of {context_tokens}")]
    ContextFull {
        /// Tokens of the prompt.
        prompt_tokens: u64,
        /// Tokens that the context holds.
        context_tokens: u64,
    },
    /// A mistake in the call: an option out of range, a grammar or template that
    /// does not work, a history that does not alternate.
    #[error("{option} {reason}")]
    InvalidArgument {
        /// The option or argument.
        option: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// Nothing to do it with at present, such as no reply to ask for again: offer it later.
    #[error("not now: {reason}")]
    NotNow {
        /// What is missing.
        reason: String,
    },
    /// Whoever holds the device has not agreed to it: ask, then `set_review_consent`.
    #[error("there is no consent")]
    ConsentMissing {
        /// What consent is needed.
        consent: ReviewConsent,
    },
    /// A saved chat of another model or version, or a damaged one: start afresh.
    #[error("the saved chat does not fit: {reason}")]
    StateMismatch {
        /// What differs.
        reason: String,
    },
    /// The caller cancelled. Kotlin and Swift see their own cancellation instead.
    #[error("cancelled")]
    Cancelled,
    /// The engine was closed: load it again.
    #[error("the engine is closed")]
    Closed,
    /// A file other than the model could not be read or written: check storage.
    #[error("storage failed: {reason}")]
    StorageFailed {
        /// What went wrong.
        reason: String,
    },
    /// A failure of the engine itself: report it.
    #[error("internal failure: {reason}")]
    Internal {
        /// What went wrong.
        reason: String,
    },
}

/// What an app's listener may throw; the call it listens to is cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// The listener failed.
    #[error("the listener failed: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed {
            reason: error.reason,
        }
    }
}

/// What an app sees of a store's trouble.
fn store_error(error: &StoreError) -> PocketuneError {
    let reason = error.to_string();
    match error {
        StoreError::Full
        | StoreError::ReadOnly
        | StoreError::Busy
        | StoreError::Newer { .. }
        | StoreError::Damaged { .. }
        | StoreError::NotAFile { .. }
        | StoreError::Io(_)
        | StoreError::Database(_) => PocketuneError::StorageFailed { reason },
        StoreError::Refused(_)
        | StoreError::Policy(_)
        | StoreError::NoPolicy
        | StoreError::NotInstalled { .. }
        | StoreError::Scale { .. } => PocketuneError::InvalidArgument {
            option: "adapter".to_owned(),
            reason,
        },
        StoreError::NoExperiment { .. } => PocketuneError::InvalidArgument {
            option: "experiment".to_owned(),
            reason,
        },
        StoreError::InUse { .. } | StoreError::NothingBefore => PocketuneError::NotNow { reason },
        StoreError::NoConsent { purpose } => PocketuneError::ConsentMissing {
            consent: (*purpose).into(),
        },
        StoreError::NoReview { .. }
        | StoreError::DuplicateReview { .. }
        | StoreError::LabelContradicts { .. } => PocketuneError::InvalidArgument {
            option: "review".to_owned(),
            reason,
        },
    }
}

/// What an app sees of trouble in tuning.
fn tuning_error(error: TrainError) -> PocketuneError {
    let reason = error.to_string();
    let argument = |option: &str, reason| PocketuneError::InvalidArgument {
        option: option.to_owned(),
        reason,
    };
    match error {
        TrainError::Io(_) | TrainError::ModelNotAFile { .. } => {
            PocketuneError::ModelUnreadable { reason }
        }
        TrainError::Gguf(_) => PocketuneError::ModelInvalid { reason },
        TrainError::UnsupportedArchitecture { architecture } => {
            PocketuneError::ModelUnsupported { architecture }
        }
        TrainError::UnsupportedModel { .. }
        | TrainError::UnsupportedType { .. }
        | TrainError::Shape { .. } => PocketuneError::ModelInvalid { reason },
        TrainError::Adapter { .. } => argument("adapter", reason),
        TrainError::Sample { .. } => argument("data", reason),
        TrainError::Option { option, reason } => argument(option, reason),
        TrainError::MemoryBudget {
            required_bytes,
            budget_bytes,
        } => PocketuneError::OutOfMemory {
            required_bytes,
            available_bytes: budget_bytes,
        },
        TrainError::CheckpointUnusable(_)
        | TrainError::CheckpointNotWritten(_)
        | TrainError::CheckpointDamaged(_) => PocketuneError::StorageFailed { reason },
        TrainError::CheckpointOfAnotherRun { .. } => PocketuneError::StateMismatch { reason },
        TrainError::Diverged { .. } => PocketuneError::Internal { reason },
        TrainError::Cancelled => PocketuneError::Cancelled,
    }
}

impl From<Error> for PocketuneError {
    // No wildcard: a new inner error does not build until someone decides what
    // an app sees.
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::ModelUnreadable(_) | Error::ModelNotAFile { .. } => {
                Self::ModelUnreadable { reason }
            }
            Error::ModelInvalid(_) | Error::ModelRefused(_) | Error::WeightsUnsound { .. } => {
                Self::ModelInvalid { reason }
            }
            Error::ArchitectureUnsupported { architecture } => {
                Self::ModelUnsupported { architecture }
            }
            Error::OutOfMemory {
                required_bytes,
                available_bytes,
            } => Self::OutOfMemory {
                required_bytes,
                available_bytes,
            },
            Error::AllocationFailed => Self::OutOfMemory {
                required_bytes: 0,
                available_bytes: 0,
            },
            Error::NoChatTemplate => Self::NoChatTemplate,
            Error::TemplateFailed { reason } => Self::InvalidArgument {
                option: "template".to_owned(),
                reason,
            },
            Error::ContextFull {
                prompt_tokens,
                context_tokens,
            } => Self::ContextFull {
                prompt_tokens,
                context_tokens,
            },
            Error::InvalidOption { name, reason } => Self::InvalidArgument {
                option: name.to_owned(),
                reason,
            },
            Error::InvalidConstraint { reason } => Self::InvalidArgument {
                option: "constraint".to_owned(),
                reason: reason.to_string(),
            },
            Error::NotNow { reason } => Self::NotNow {
                reason: reason.to_owned(),
            },
            Error::StateMismatch { reason } => Self::StateMismatch { reason },
            Error::SavedChatTooLarge { .. } => Self::StateMismatch { reason },
            Error::Cancelled => Self::Cancelled,
            Error::Closed => Self::Closed,
            Error::Io(_) | Error::NotAFile { .. } => Self::StorageFailed { reason },
            Error::Store(error) => store_error(&error),
            Error::RewardModel(_) => Self::InvalidArgument {
                option: "reward model".to_owned(),
                reason,
            },
            Error::Experiment(ExperimentError::Ended) => Self::NotNow { reason },
            Error::LedgerDamaged(_) => Self::StorageFailed { reason },
            Error::Experiment(_) => Self::InvalidArgument {
                option: "experiment".to_owned(),
                reason,
            },
            Error::Dataset(_) => Self::InvalidArgument {
                option: "data".to_owned(),
                reason,
            },
            Error::Tuning(error) => tuning_error(error),
            Error::Labels { .. } => Self::InvalidArgument {
                option: "labels".to_owned(),
                reason,
            },
            // Adapters were verified before, and no call across this boundary takes a candidate
            // or a suite.
            Error::AdapterInvalid(_) | Error::AdapterRefused(_) | Error::Suite(_) => {
                Self::Internal { reason }
            }
            Error::Compute(_) => Self::Internal { reason },
        }
    }
}
