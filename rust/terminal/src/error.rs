//! What a program fails with, and how it tells a person and a program.

use std::io;

use pocketune_adapter::{BundleTooLarge, Refusal};
use pocketune_base::TextError;
use pocketune_core::tuning::TrainError;
use pocketune_core::{Error, StoreError};

use crate::figures::human_bytes;
use crate::state;

/// The command line makes no sense; clap's own is the same.
pub const EXIT_USAGE: u8 = 2;
/// What Rust programs end with after a panic.
const EXIT_INTERNAL: u8 = 101;

/// Why a program did not do what it was asked: what a person and a program are told.
pub trait Failure: std::error::Error + From<RunError> {
    /// A stable name for programs.
    fn kind(&self) -> &'static str;

    /// As `pocketune --help` lists them.
    fn exit_code(&self) -> u8;

    /// Whether whoever read our output has gone, as `head` does.
    fn is_broken_pipe(&self) -> bool;
}

/// What every program can fail with. Never contains a prompt or a reply.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The core refused or failed.
    #[error("{}", explain(.0))]
    Core(#[from] Error),
    /// No model was named, and the default one was not fetched.
    #[error(
        "there is no model: name one with --model, or fetch the default one with scripts/fetch-model.sh"
    )]
    NoModel,
    /// A file cannot be read.
    #[error("the {what} cannot be read: {file}: {source}")]
    Unreadable {
        /// What it was to be read as.
        what: &'static str,
        /// Its path as it was given.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A path leads to a folder, a device or a pipe.
    #[error("the {what} must be a regular file: {file} is {found}{hint}")]
    NotAFile {
        /// What it was to be read as.
        what: &'static str,
        /// Its path as it was given.
        file: String,
        /// What it is instead.
        found: &'static str,
        /// How else it may come.
        hint: &'static str,
    },
    /// A file is no text.
    #[error("{file}, {source}")]
    Text {
        /// Its path as it was given.
        file: String,
        /// The line and what is wrong with it.
        source: TextError,
    },
    /// A file is longer than anything of its kind.
    #[error("the {what} is longer than {limit_bytes} bytes: {file}")]
    TooLong {
        /// What it was to be read as.
        what: &'static str,
        /// Its path as it was given.
        file: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// A file cannot be written.
    #[error("{what} cannot be written: {source}")]
    NotWritten {
        /// The option that names it, or what it is.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file has no place where it was to go.
    #[error("{what} cannot be written: {reason}")]
    NoPlace {
        /// The option that names it, or what it is.
        what: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A store was named that is not there.
    #[error("there is no store in the folder of --store")]
    NoStore,
    /// The arguments contradict each other, or one is missing.
    #[error("{0}")]
    Usage(&'static str),
    /// Standard output cannot be written to.
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
    /// Signals cannot be caught.
    #[error("signals cannot be caught: {0}")]
    Signals(#[source] io::Error),
    /// The system does not tell how much memory a process occupies.
    #[error("this system does not tell how much memory a process occupies")]
    NoMemoryFigures,
    /// A panic.
    #[error("a fault of pocketune itself; with --verbose it says more")]
    Internal,
}

impl From<BundleTooLarge> for RunError {
    fn from(too_large: BundleTooLarge) -> Self {
        Error::from(StoreError::from(Refusal::from(too_large))).into()
    }
}

impl Failure for RunError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Core(error) => core_kind(error),
            Self::NoModel => "no_model",
            Self::Unreadable { .. } => "file_unreadable",
            Self::NotAFile { .. } => "not_a_file",
            Self::Text { .. } => "text_invalid",
            Self::TooLong { .. } => "file_too_long",
            Self::NotWritten { .. } | Self::NoPlace { .. } => "not_written",
            Self::NoStore => "no_store",
            Self::Usage(_) => "usage",
            Self::Output(_) => "output",
            Self::Signals(_) => "signals",
            Self::NoMemoryFigures => "no_memory_figures",
            Self::Internal => "internal",
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::Core(Error::Cancelled) => state::exit_of_signal(),
            Self::Internal => EXIT_INTERNAL,
            _ => 1,
        }
    }

    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn core_kind(error: &Error) -> &'static str {
    match error {
        Error::ModelUnreadable(_) => "model_unreadable",
        Error::ModelNotAFile { .. } => "model_not_a_file",
        Error::ModelInvalid(_) => "model_invalid",
        Error::ArchitectureUnsupported { .. } => "architecture_unsupported",
        Error::FeatureUnsupported { .. } => "feature_unsupported",
        Error::ModelRefused(_) => "model_refused",
        Error::WeightsUnsound { .. } => "weights_unsound",
        Error::AdapterInvalid(_) => "adapter_invalid",
        Error::AdapterRefused(_) => "adapter_refused",
        Error::Store(error) => store_kind(error),
        Error::Suite(_) => "suite_invalid",
        Error::RewardModel(_) => "reward_invalid",
        Error::Experiment(_) | Error::LedgerDamaged(_) => "experiment_invalid",
        Error::Labels { .. } | Error::Dataset(_) => "data_invalid",
        Error::Tuning(error) => tune_kind(error),
        Error::OutOfMemory { .. } => "out_of_memory",
        Error::AllocationFailed => "allocation_failed",
        Error::NoChatTemplate => "no_chat_template",
        Error::TemplateFailed { .. } => "template_failed",
        Error::ContextFull { .. } => "context_full",
        Error::InvalidOption { .. } => "invalid_option",
        Error::InvalidConstraint { .. } => "invalid_constraint",
        Error::NotNow { .. } => "not_now",
        Error::StateMismatch { .. } | Error::SavedChatTooLarge { .. } => "state_mismatch",
        Error::Cancelled => "cancelled",
        Error::Closed => "closed",
        Error::Io(_) => "io",
        Error::NotAFile { .. } => "not_a_file",
        Error::Compute(_) => "compute",
    }
}

fn store_kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Refused(refusal) => refusal.reason(),
        StoreError::Policy(error) => error.reason(),
        StoreError::NoPolicy => "no_policy",
        StoreError::NotInstalled { .. } => "not_installed",
        StoreError::InUse { .. } => "in_use",
        StoreError::NothingBefore => "nothing_before",
        StoreError::Scale { .. } => "scale",
        StoreError::NoExperiment { .. } => "no_experiment",
        StoreError::NoConsent { .. } => "no_consent",
        StoreError::PurposeUnused { .. } => "purpose_unused",
        StoreError::NoReview { .. } => "no_review",
        StoreError::DuplicateReview { .. } => "duplicate_review",
        StoreError::LabelContradicts { .. } => "label_contradicts",
        StoreError::Full => "disk_full",
        StoreError::ReadOnly => "read_only",
        StoreError::Busy => "busy",
        StoreError::Newer { .. } => "store_newer",
        StoreError::Damaged { .. } => "store_damaged",
        StoreError::NotAFile { .. } => "not_a_file",
        StoreError::Io(_) => "io",
        StoreError::Database(_) => "database",
    }
}

fn tune_kind(error: &TrainError) -> &'static str {
    match error {
        TrainError::Io(_) => "model_unreadable",
        TrainError::ModelNotAFile { .. } => "model_not_a_file",
        TrainError::Gguf(_) => "model_invalid",
        TrainError::UnsupportedArchitecture { .. } => "architecture_unsupported",
        TrainError::UnsupportedModel { .. }
        | TrainError::UnsupportedType { .. }
        | TrainError::Shape { .. } => "model_unsupported",
        TrainError::Adapter { .. } => "adapter_invalid",
        TrainError::Sample { .. } => "sample_invalid",
        TrainError::Option { .. } => "invalid_option",
        TrainError::MemoryBudget { .. } => "memory_budget",
        TrainError::Diverged { .. } => "diverged",
        TrainError::NoImprovement => "no_improvement",
        TrainError::CheckpointUnusable(_) => "checkpoint_unusable",
        TrainError::CheckpointNotWritten(_) => "checkpoint_not_written",
        TrainError::CheckpointDamaged(_) => "checkpoint_damaged",
        TrainError::CheckpointOfAnotherRun { .. } => "checkpoint_of_another_run",
        TrainError::Cancelled => "cancelled",
    }
}

/// The trainer's message in the words of the command line.
fn explain_tuning(error: &TrainError) -> String {
    match error {
        TrainError::MemoryBudget { required_bytes, .. } => format!(
            "--memory-mb is too small: {} are needed at least",
            required_bytes.div_ceil(1_000_000)
        ),
        other => other.to_string(),
    }
}

/// The core's message in the words of the command line, with a way out where there is one.
fn explain(error: &Error) -> String {
    match error {
        Error::InvalidOption {
            name: "context_tokens",
            reason,
        } => {
            format!("--context {reason}, the length the model was trained on")
        }
        Error::InvalidOption { name, reason } => format!("{} {reason}", flag(name)),
        Error::NoChatTemplate => {
            "the model has no chat template: try --raw, or --template chatml".to_owned()
        }
        Error::Tuning(error) => explain_tuning(error),
        Error::ContextFull { .. } => {
            format!("{error}; shorten it, or ask for a longer --context")
        }
        Error::OutOfMemory {
            required_bytes,
            available_bytes,
        } => format!(
            "{} of memory are needed and {} are free; try a shorter --context or --kv-type q8_0",
            human_bytes(*required_bytes),
            human_bytes(*available_bytes)
        ),
        other => other.to_string(),
    }
}

/// The flag that sets an option of the core.
fn flag(option: &str) -> String {
    let name = match option {
        "penalties.repeat" => "repeat-penalty",
        "threads" | "max_tokens" | "temperature" | "top_p" | "min_p" | "stop" => option,
        "prompt" | "reply" | "text" => return format!("the {option}"),
        other => return format!("the option {other}"),
    };
    format!("--{}", name.replace('_', "-"))
}
