//! The one public error. A variant exists only if an app handles it differently.

use std::io;

use pocketune_core::tuning::TrainError;
use pocketune_core::{Error, ExperimentError, StoreError};

use crate::consents::ConsentPurpose;
use crate::refusal::AdapterRefusal;

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
    /// A sound model that this version cannot run: offer another one.
    #[error("the model is not supported: {reason}")]
    ModelUnsupported {
        /// The file's architecture, where it is told.
        architecture: Option<String>,
        /// What of the model is not supported, such as `mixture of experts`; null where it
        /// is the architecture.
        feature: Option<String>,
        /// The same in words.
        reason: String,
    },
    /// Not enough memory: use a shorter context, a smaller model, or free memory.
    #[error("{required_bytes} bytes of memory are needed, {available_bytes} are free")]
    OutOfMemory {
        /// What is needed; 0 when an allocation failed unexpectedly.
        required_bytes: u64,
        /// What is free; 0 when unknown.
        available_bytes: u64,
    },
    /// The conversation does not fit: start a new one, shorten it, or drop turns.
    #[error("{prompt_tokens} tokens do not fit a context of {context_tokens}")]
    ContextFull {
        /// Tokens of the prompt.
        prompt_tokens: u64,
        /// Tokens that the context holds.
        context_tokens: u64,
    },
    /// A mistake in the call: an option out of range, a grammar or template that
    /// does not work, a history that does not alternate, a file that is not accepted.
    #[error("{argument}: {reason}")]
    InvalidArgument {
        /// The argument or option, as Kotlin and Swift name it.
        argument: String,
        /// What is wrong and what is allowed.
        reason: String,
        /// Why the verifier does not accept what was delivered; null for other mistakes.
        refusal: Option<AdapterRefusal>,
    },
    /// Nothing to do it with at present, such as no reply to ask for again: offer it later.
    /// Also a call that its own caller cancelled; Kotlin and Swift throw their own
    /// cancellation then.
    #[error("not now: {reason}")]
    NotNow {
        /// What is missing.
        reason: String,
    },
    /// The user has not agreed to it: ask, then `Store.set_consent`.
    #[error("there is no consent")]
    ConsentMissing {
        /// What consent is needed.
        purpose: ConsentPurpose,
    },
    /// A saved chat of another model or version, or a damaged one: start afresh.
    #[error("the saved chat does not fit: {reason}")]
    StateMismatch {
        /// What differs.
        reason: String,
    },
    /// The engine was closed: load it again.
    #[error("the engine is closed")]
    Closed,
    /// A file other than the model could not be read or written: see `kind`.
    #[error("storage failed: {reason}")]
    StorageFailed {
        /// What can be done about it.
        kind: StorageFault,
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

/// What is wrong with storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StorageFault {
    /// The disk is full: free space, and try again.
    Full,
    /// The folder or file may not be written.
    ReadOnly,
    /// Another process holds it: try again.
    Busy,
    /// A later version of the library wrote it: update the app.
    Newer,
    /// It is not what was written.
    Damaged,
    /// The platform's keystore lost the key: what it encrypted cannot be read any more.
    KeyMissing,
    /// The platform's keystore is locked until the user unlocks the device: try again then.
    Locked,
    /// The file is missing, no regular file, or the system failed otherwise.
    Other,
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

impl PocketuneError {
    /// A mistake in an argument, which is named in snake case as Rust does.
    pub(crate) fn argument(name: &str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument {
            argument: lower_camel_case(name),
            reason: reason.into(),
            refusal: None,
        }
    }

    fn storage(kind: StorageFault, reason: String) -> Self {
        Self::StorageFailed { kind, reason }
    }
}

/// As Kotlin and Swift name what Rust names in snake case.
fn lower_camel_case(name: &str) -> String {
    let mut words = name.split(['_', ' ']);
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        camel.push_str(&first.to_uppercase());
        camel.push_str(rest);
    }
    camel
}

/// What an app sees of a store's trouble.
fn store_error(error: &StoreError) -> PocketuneError {
    let reason = error.to_string();
    match error {
        StoreError::Full => PocketuneError::storage(StorageFault::Full, reason),
        StoreError::ReadOnly => PocketuneError::storage(StorageFault::ReadOnly, reason),
        StoreError::Busy => PocketuneError::storage(StorageFault::Busy, reason),
        StoreError::Newer { .. } => PocketuneError::storage(StorageFault::Newer, reason),
        StoreError::Damaged { .. } => PocketuneError::storage(StorageFault::Damaged, reason),
        StoreError::NotAFile { .. } | StoreError::Io(_) | StoreError::Database(_) => {
            PocketuneError::storage(StorageFault::Other, reason)
        }
        StoreError::Refused(refusal) => PocketuneError::InvalidArgument {
            argument: "path".to_owned(),
            refusal: Some((&**refusal).into()),
            reason,
        },
        StoreError::Policy(_) | StoreError::NoPolicy => PocketuneError::argument("policy", reason),
        StoreError::NotInstalled { .. } => PocketuneError::argument("sha256", reason),
        StoreError::Scale { .. } => PocketuneError::argument("scale", reason),
        StoreError::NoExperiment { .. } => PocketuneError::argument("sha256", reason),
        StoreError::InUse { .. } | StoreError::NothingBefore | StoreError::PurposeUnused { .. } => {
            PocketuneError::NotNow { reason }
        }
        StoreError::NoConsent { purpose } => PocketuneError::ConsentMissing {
            purpose: (*purpose).into(),
        },
        StoreError::NoReview { .. } | StoreError::DuplicateReview { .. } => {
            PocketuneError::argument("id", reason)
        }
        StoreError::LabelContradicts { .. } => PocketuneError::argument("lines", reason),
    }
}

/// What an app sees of trouble in tuning.
fn tuning_error(error: TrainError) -> PocketuneError {
    let reason = error.to_string();
    let unsupported = |architecture, reason| PocketuneError::ModelUnsupported {
        architecture,
        feature: Some("tuning".to_owned()),
        reason,
    };
    match error {
        TrainError::Io(_) | TrainError::ModelNotAFile { .. } => {
            PocketuneError::ModelUnreadable { reason }
        }
        TrainError::Gguf(_) => PocketuneError::ModelInvalid { reason },
        TrainError::UnsupportedArchitecture { architecture } => {
            unsupported(Some(architecture), reason)
        }
        TrainError::UnsupportedModel { .. }
        | TrainError::UnsupportedType { .. }
        | TrainError::Shape { .. } => unsupported(None, reason),
        TrainError::Adapter { .. } => PocketuneError::argument("adapter", reason),
        TrainError::Sample { .. } | TrainError::NoImprovement => {
            PocketuneError::argument("data", reason)
        }
        TrainError::Option { option, reason } => PocketuneError::argument(option, reason),
        TrainError::MemoryBudget {
            required_bytes,
            budget_bytes,
        } => PocketuneError::OutOfMemory {
            required_bytes,
            available_bytes: budget_bytes,
        },
        TrainError::CheckpointUnusable(error) | TrainError::CheckpointNotWritten(error) => {
            io_error(&error, reason)
        }
        TrainError::CheckpointDamaged(_) => PocketuneError::storage(StorageFault::Damaged, reason),
        TrainError::CheckpointOfAnotherRun { .. } => PocketuneError::StateMismatch { reason },
        TrainError::Diverged { .. } => PocketuneError::Internal { reason },
        TrainError::Cancelled => PocketuneError::NotNow { reason },
    }
}

/// What an app sees of a file's trouble.
fn io_error(error: &io::Error, reason: String) -> PocketuneError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageFault::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StorageFault::ReadOnly
        }
        _ => StorageFault::Other,
    };
    PocketuneError::storage(kind, reason)
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
            Error::ArchitectureUnsupported { architecture } => Self::ModelUnsupported {
                architecture: Some(architecture),
                feature: None,
                reason,
            },
            Error::FeatureUnsupported {
                architecture,
                feature,
                ..
            } => Self::ModelUnsupported {
                architecture,
                feature: Some(feature),
                reason,
            },
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
            Error::NoChatTemplate | Error::TemplateFailed { .. } => {
                Self::argument("template", reason)
            }
            Error::ContextFull {
                prompt_tokens,
                context_tokens,
            } => Self::ContextFull {
                prompt_tokens,
                context_tokens,
            },
            Error::InvalidOption { name, reason } => Self::argument(name, reason),
            Error::InvalidConstraint { reason } => Self::argument("constraint", reason.to_string()),
            Error::NotNow { reason } => Self::NotNow {
                reason: reason.to_owned(),
            },
            Error::StateMismatch { .. } | Error::SavedChatTooLarge { .. } => {
                Self::StateMismatch { reason }
            }
            Error::Cancelled => Self::NotNow { reason },
            Error::Closed => Self::Closed,
            Error::Io(error) => io_error(&error, reason),
            Error::NotAFile { .. } => Self::storage(StorageFault::Other, reason),
            Error::Store(error) => store_error(&error),
            Error::RewardModel(_) => Self::argument("model", reason),
            Error::Experiment(ExperimentError::Ended) => Self::NotNow { reason },
            Error::LedgerDamaged(_) => Self::storage(StorageFault::Damaged, reason),
            Error::Experiment(ExperimentError::DefinitionInvalid { field, .. }) => {
                // The arms of a definition of types are fields of its own.
                Self::argument(field.strip_prefix("arms.").unwrap_or(field), reason)
            }
            Error::Experiment(_) => Self::argument("experiment", reason),
            Error::Labels { .. } => Self::argument("lines", reason),
            Error::Dataset(_) => Self::argument("data", reason),
            Error::Tuning(error) => tuning_error(error),
            // Adapters were verified before, and no call across this boundary takes a candidate
            // or a suite.
            Error::AdapterInvalid(_) | Error::AdapterRefused(_) | Error::Suite(_) => {
                Self::Internal { reason }
            }
            Error::Compute(_) => Self::Internal { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use pocketune_core::Digest;

    use super::*;

    fn kind(error: StoreError) -> StorageFault {
        match store_error(&error) {
            PocketuneError::StorageFailed { kind, .. } => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_are_named_as_kotlin_and_swift_name_them() {
        for (rust, camel) in [
            ("max_tokens", "maxTokens"),
            ("top_p", "topP"),
            ("stop", "stop"),
            ("kv_cache_type", "kvCacheType"),
            ("", ""),
        ] {
            assert_eq!(lower_camel_case(rust), camel);
        }
    }

    #[test]
    fn what_is_wrong_with_storage_is_told_apart() {
        assert_eq!(kind(StoreError::Full), StorageFault::Full);
        assert_eq!(kind(StoreError::ReadOnly), StorageFault::ReadOnly);
        assert_eq!(kind(StoreError::Busy), StorageFault::Busy);
        let newer = StoreError::Newer { found: 9, known: 1 };
        assert_eq!(kind(newer), StorageFault::Newer);
        let damaged = StoreError::Damaged { what: "it" };
        assert_eq!(kind(damaged), StorageFault::Damaged);
        let failed = |kind: io::ErrorKind| Error::Io(kind.into()).into();
        let full: PocketuneError = failed(io::ErrorKind::StorageFull);
        assert!(matches!(
            full,
            PocketuneError::StorageFailed {
                kind: StorageFault::Full,
                ..
            }
        ));
    }

    #[test]
    fn a_refused_delivery_says_why_as_a_value() {
        let refusal = pocketune_core::Refusal::Revoked {
            sha256: Digest::of(b"x"),
        };
        let error = store_error(&StoreError::from(refusal));
        assert!(matches!(
            error,
            PocketuneError::InvalidArgument {
                refusal: Some(AdapterRefusal {
                    reason: crate::RefusalReason::Revoked,
                    ..
                }),
                ..
            }
        ));
    }

    #[test]
    fn a_model_says_what_of_it_is_not_supported() {
        let error = Error::FeatureUnsupported {
            architecture: Some("llama".to_owned()),
            feature: "split files".to_owned(),
            fault: Box::new(pocketune_core::GgufError::SplitModel { count: 4 }),
        };
        let told = PocketuneError::from(error);
        assert!(
            matches!(&told, PocketuneError::ModelUnsupported { feature: Some(feature), .. }
                if feature == "split files"),
            "{told:?}"
        );
    }
}
