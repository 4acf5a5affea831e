//! One error for the whole core.

mod constraint;
mod dataset;

use pocketune_adapter::AdapterError;
use pocketune_base::LineFault;
use pocketune_gguf::GgufError;
use pocketune_grammar::GrammarError;
use pocketune_judge::experiment::ExperimentError;
use pocketune_judge::reward::RewardError;
use pocketune_judge::suite::SuiteError;
use pocketune_llama::LlamaError;
use pocketune_store::StoreError;
use pocketune_train::TrainError;

pub use constraint::ConstraintError;
pub(crate) use constraint::SCHEMA_BYTES_MAX;
pub use dataset::{Contradiction, DatasetError, Form, RecordFault, RecordKind};

/// Why a request failed. Never contains a prompt, a reply or a path.
///
/// Deliberately exhaustive: the language bindings decide for every variant what
/// an app sees.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model file cannot be opened or read.
    #[error("the model file cannot be read: {0}")]
    ModelUnreadable(#[source] std::io::Error),
    /// The path or descriptor is not a regular file.
    #[error("the model must be a regular file, this is {found}")]
    ModelNotAFile {
        /// What it is instead.
        found: &'static str,
    },
    /// The file is no well-formed model. Fetch it again or choose another one.
    #[error("the model file is invalid: {0}")]
    ModelInvalid(#[source] GgufError),
    /// A matrix that adapters may change has weights that no training makes: changes could
    /// not be measured against them.
    #[error("the weights of {tensor} are unsound: {fault}")]
    WeightsUnsound {
        /// The matrix.
        tensor: String,
        /// What is wrong with them.
        fault: &'static str,
    },
    /// A well-formed model of an architecture that was not audited for this version.
    #[error("models of architecture `{architecture}` are not supported (llama and gemma3 are)")]
    ArchitectureUnsupported {
        /// The file's `general.architecture`.
        architecture: String,
    },
    /// A well-formed model with a part that this version cannot run.
    #[error("{fault}")]
    FeatureUnsupported {
        /// The file's `general.architecture`, where it has one.
        architecture: Option<String>,
        /// The part, such as `mixture of experts`.
        feature: String,
        /// What was found.
        #[source]
        fault: Box<GgufError>,
    },
    /// llama.cpp would not load a file that passed the audit.
    #[error("the model could not be loaded: {0}")]
    ModelRefused(#[source] LlamaError),
    /// The file is no adapter for this model.
    #[error("the adapter is refused: {0}")]
    AdapterInvalid(#[source] AdapterError),
    /// llama.cpp would not take an adapter that passed the checks.
    #[error("the adapter could not be loaded: {0}")]
    AdapterRefused(#[source] LlamaError),
    /// The store of adapters failed, or refused one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What a suite was answered with is no result.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// An experiment's definition or data cannot be.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// What an experiment's ledger in the store says cannot be.
    #[error("the experiment's ledger is damaged: {0}")]
    LedgerDamaged(#[source] ExperimentError),
    /// A line of what people said of replies cannot be read.
    #[error("line {line}: {reason}")]
    Labels {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: LineFault,
    },
    /// A reward model's head is no head, or not for this model.
    #[error(transparent)]
    RewardModel(#[from] RewardError),
    /// Training data cannot be learned from.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Tuning did not happen, or stopped.
    #[error(transparent)]
    Tuning(TrainError),
    /// Not enough memory. Choose a smaller model or context, or free memory.
    #[error("{required_bytes} bytes of memory are needed and {available_bytes} are free")]
    OutOfMemory {
        /// What the model needs with the options given.
        required_bytes: u64,
        /// What the system says is free.
        available_bytes: u64,
    },
    /// An allocation failed although the estimate fitted.
    #[error("an allocation failed")]
    AllocationFailed,
    /// The model has no chat template: use a completion, or ask for a template by name.
    #[error("the model has no chat template")]
    NoChatTemplate,
    /// The chat template does not compile, fails, or exceeds its limits.
    #[error("the chat template failed: {reason}")]
    TemplateFailed {
        /// The template engine's message.
        reason: String,
    },
    /// The prompt does not fit. Shorten it, drop turns, or load with a longer context.
    #[error("the prompt has {prompt_tokens} tokens and the context holds {context_tokens}")]
    ContextFull {
        /// Tokens of the prompt.
        prompt_tokens: u64,
        /// Tokens the context holds, one of which the reply needs.
        context_tokens: u64,
    },
    /// An option is outside its range.
    #[error("option `{name}` {reason}")]
    InvalidOption {
        /// The option.
        name: &'static str,
        /// What is wrong with it and what is allowed.
        reason: String,
    },
    /// The GBNF grammar or JSON Schema does not work.
    #[error("invalid constraint: {reason}")]
    InvalidConstraint {
        /// What is wrong with it.
        reason: ConstraintError,
    },
    /// The request makes no sense in the present state, such as regenerating before any reply.
    #[error("not possible now: {reason}")]
    NotNow {
        /// Why not.
        reason: &'static str,
    },
    /// A saved chat is damaged, or belongs to another model, build or option.
    #[error("the saved chat does not fit: {reason}")]
    StateMismatch {
        /// What differs.
        reason: String,
    },
    /// A saved chat is larger than any that this version writes.
    #[error("the {what} of the saved chat has {found} bytes; {limit} are possible")]
    SavedChatTooLarge {
        /// Which part of it.
        what: &'static str,
        /// Its bytes.
        found: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The request was cancelled before it had a result.
    #[error("cancelled")]
    Cancelled,
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// Reading or writing a file that is not the model failed.
    #[error("file access failed: {0}")]
    Io(#[source] std::io::Error),
    /// The path of a file that is not the model leads to something else than a file.
    #[error("the {what} must be a regular file, this is {found}")]
    NotAFile {
        /// What the file is for.
        what: &'static str,
        /// What it is instead.
        found: &'static str,
    },
    /// llama.cpp failed while computing. The engine stays usable.
    #[error("the computation failed: {0}")]
    Compute(#[source] LlamaError),
}

impl Error {
    /// An option outside its range.
    pub(crate) fn option(name: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidOption {
            name,
            reason: reason.into(),
        }
    }

    /// What is wrong with a model of this architecture.
    pub(crate) fn of_model(architecture: Option<&str>, fault: GgufError) -> Self {
        match (fault.unsupported_feature(), fault) {
            (_, GgufError::UnsupportedArchitecture { found }) => Self::ArchitectureUnsupported {
                architecture: found,
            },
            (Some(feature), fault) => Self::FeatureUnsupported {
                architecture: architecture.map(str::to_owned),
                feature,
                fault: Box::new(fault),
            },
            (None, fault) => Self::ModelInvalid(fault),
        }
    }

    /// What a failed load means to the caller.
    pub(crate) fn from_load(error: LlamaError) -> Self {
        match error {
            LlamaError::LoadCancelled | LlamaError::Aborted => Self::Cancelled,
            LlamaError::OutOfMemory => Self::AllocationFailed,
            LlamaError::BadDescriptor(source) => Self::ModelUnreadable(source),
            other => Self::ModelRefused(other),
        }
    }
}

impl From<TrainError> for Error {
    /// The model's own faults are the same whoever reads it.
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Io(source) => Self::ModelUnreadable(source),
            TrainError::ModelNotAFile { found } => Self::ModelNotAFile { found },
            TrainError::Gguf(fault) => fault.into(),
            TrainError::Cancelled => Self::Cancelled,
            other => Self::Tuning(other),
        }
    }
}

impl From<LlamaError> for Error {
    /// What a failure while computing means to the caller.
    fn from(error: LlamaError) -> Self {
        match error {
            LlamaError::LoadCancelled | LlamaError::Aborted => Self::Cancelled,
            LlamaError::OutOfMemory => Self::AllocationFailed,
            LlamaError::BadDescriptor(source) => Self::ModelUnreadable(source),
            LlamaError::DeadEnd => ConstraintError::DeadEnd.into(),
            LlamaError::AdapterRefused { .. } => Self::AdapterRefused(error),
            LlamaError::StateRefused { cause } => Self::StateMismatch { reason: cause },
            other => Self::Compute(other),
        }
    }
}

impl From<ConstraintError> for Error {
    fn from(reason: ConstraintError) -> Self {
        Self::InvalidConstraint { reason }
    }
}

impl From<GrammarError> for Error {
    fn from(error: GrammarError) -> Self {
        ConstraintError::from(error).into()
    }
}

impl From<AdapterError> for Error {
    fn from(error: AdapterError) -> Self {
        Self::AdapterInvalid(error)
    }
}

impl From<GgufError> for Error {
    fn from(fault: GgufError) -> Self {
        Self::of_model(None, fault)
    }
}
