//! The one public error. A variant exists only if an app handles it differently.

use std::io;

use pocketune_core::{Error, ExperimentError, StoreError};

use crate::adapter_records::AdapterRefusal;
use crate::consents::ConsentPurpose;

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
            // Adapters were verified before, and no call across this boundary takes a candidate
            // or a suite.
            Error::AdapterInvalid(_) | Error::AdapterRefused(_) | Error::Suite(_) => {
                Self::Internal { reason }
            }
            Error::Compute(_) => Self::Internal { reason },
        }
    }
}
