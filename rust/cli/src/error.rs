//! What the command line fails with, and how it tells a person and a program.

use std::io;
use std::path::Path;

use pocketune_adapter::{BundleTooLarge, PolicyError, Refusal};
use pocketune_base::TextError;
use pocketune_core::{Error, StoreError};
use pocketune_judge::experiment::ExperimentError;
use pocketune_judge::reward::RewardError;
use pocketune_judge::suite::SuiteError;
use pocketune_train::TrainError;

use crate::adapter::{PeftError, UnsignableText};
use crate::ending;
use crate::evaluate::EvaluationError;
use crate::experiment::{NotCounted, WorldError};
use crate::key::KeyError;
use crate::output::human_bytes;

/// The command line makes no sense; clap's own is the same.
pub(crate) const EXIT_USAGE: u8 = 2;
/// What Rust programs end with after a panic.
const EXIT_INTERNAL: u8 = 101;

/// Why a command did not do what it was asked. Never contains a prompt or a reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{}", explain(.0))]
    Core(#[from] Error),
    #[error("{}", explain_tuning(.0))]
    Tune(#[from] TrainError),
    #[error(
        "there is no model: name one with --model, or fetch the default one with scripts/fetch-model.sh"
    )]
    NoModel,
    #[error("the {what} cannot be read: {file}: {source}")]
    Unreadable {
        what: &'static str,
        file: String,
        source: io::Error,
    },
    #[error("the {what} must be a regular file: {file} is {found}{hint}")]
    NotAFile {
        what: &'static str,
        file: String,
        found: &'static str,
        hint: &'static str,
    },
    #[error("{file}, {source}")]
    Text { file: String, source: TextError },
    #[error("{file}: {source}")]
    InFile { file: String, source: Box<CliError> },
    #[error("{file}: {source}")]
    ExperimentFile {
        file: String,
        source: ExperimentError,
    },
    #[error("{file}: {source}")]
    Summary { file: String, source: NotCounted },
    #[error("{one} and {other} are the same bytes: their outcomes would count twice")]
    SameFile { one: String, other: String },
    #[error("{file}: {source}")]
    RewardReport { file: String, source: RewardError },
    #[error("{file}, line {line}: the sample is not shown without \"consent\": true")]
    NoConsent { file: String, line: usize },
    #[error("{file}, line {line}: {reason}")]
    Data {
        file: String,
        line: usize,
        reason: String,
    },
    #[error("{file} holds no sample")]
    NoData { file: String },
    #[error("{what} cannot be written: {source}")]
    NotWritten {
        what: &'static str,
        source: io::Error,
    },
    #[error("{what} cannot be written: {reason}")]
    NoPlace {
        what: &'static str,
        reason: &'static str,
    },
    #[error("there is no store in the folder of --store")]
    NoStore,
    #[error("the key: {0}")]
    Key(String),
    #[error("the key: {0}")]
    KeyFile(#[from] KeyError),
    #[error(transparent)]
    Unsignable(#[from] UnsignableText),
    #[error(transparent)]
    Policy(PolicyError),
    #[error(transparent)]
    Suite(#[from] SuiteError),
    #[error("the suite {file}: {source}")]
    SuiteFile { file: String, source: SuiteError },
    #[error(transparent)]
    Reward(#[from] RewardError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error("it cannot be an adapter: {0}")]
    Peft(#[from] PeftError),
    #[error("the {what} is longer than {limit_bytes} bytes: {file}")]
    TooLong {
        what: &'static str,
        file: String,
        limit_bytes: u64,
    },
    #[error("{0}")]
    Usage(&'static str),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
    #[error("signals cannot be caught: {0}")]
    Signals(#[source] io::Error),
    #[error("a fault of pocketune itself; with --verbose it says more")]
    Internal,
    #[error("a neighbour process cannot be started: {0}")]
    Neighbour(#[source] io::Error),
    #[error("llama.cpp without Pocketune failed: {0}")]
    Raw(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the runs cannot be compared: {got} {what} instead of {expected}")]
    UnequalWork {
        what: &'static str,
        expected: u32,
        got: u32,
    },
    #[error("this system does not tell how much memory a process occupies")]
    NoMemoryFigures,
    #[error("the report cannot be made: {0}")]
    Report(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<BundleTooLarge> for CliError {
    fn from(too_large: BundleTooLarge) -> Self {
        Error::from(StoreError::from(Refusal::from(too_large))).into()
    }
}

impl CliError {
    /// The same of what a file holds, with the file's name.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            file: path.display().to_string(),
            source: Box::new(self),
        }
    }

    /// A stable name for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Core(error) => core_kind(error),
            Self::Tune(error) => tune_kind(error),
            Self::NoModel => "no_model",
            Self::InFile { source, .. } => source.kind(),
            Self::Unreadable { .. } => "file_unreadable",
            Self::NotAFile { .. } => "not_a_file",
            Self::Text { .. } => "text_invalid",
            Self::RewardReport { .. } => "reward_report_invalid",
            Self::NoConsent { .. } => "no_consent",
            Self::Data { .. } | Self::NoData { .. } => "data_invalid",
            Self::NotWritten { .. } | Self::NoPlace { .. } => "not_written",
            Self::NoStore => "no_store",
            Self::Key(_) | Self::KeyFile(_) => "key",
            Self::Unsignable(_) => "text_unsignable",
            Self::Policy(error) => error.reason(),
            Self::Suite(_) | Self::SuiteFile { .. } => "suite_invalid",
            Self::Reward(_) => "reward_invalid",
            Self::Evaluation(error) => error.kind(),
            Self::Experiment(_) | Self::ExperimentFile { .. } | Self::Summary { .. } => {
                "experiment_invalid"
            }
            Self::SameFile { .. } => "same_file",
            Self::Peft(_) => "peft",
            Self::TooLong { .. } => "file_too_long",
            Self::Usage(_) | Self::World(_) => "usage",
            Self::Output(_) => "output",
            Self::Signals(_) => "signals",
            Self::Internal => "internal",
            Self::Neighbour(_) => "neighbour",
            Self::Raw(_) => "raw_llama_cpp",
            Self::UnequalWork { .. } => "unequal_work",
            Self::NoMemoryFigures => "no_memory_figures",
            Self::Report(_) => "report",
        }
    }

    /// As `pocketune --help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::World(_) => EXIT_USAGE,
            Self::Core(Error::Cancelled) | Self::Tune(TrainError::Cancelled) => {
                ending::exit_of_signal()
            }
            Self::Internal => EXIT_INTERNAL,
            _ => 1,
        }
    }

    /// Whether whoever read our output has gone, as `head` does.
    pub(crate) fn is_broken_pipe(&self) -> bool {
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
        Error::Labels { .. } => "data_invalid",
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
