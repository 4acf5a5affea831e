//! What the command line fails with, and how it tells a person and a program.

use std::io;
use std::path::Path;

use pocketune_adapter::{BundleTooLarge, PolicyError};
use pocketune_core::Error;
use pocketune_judge::experiment::ExperimentError;
use pocketune_judge::reward::RewardError;
use pocketune_judge::suite::SuiteError;
use pocketune_terminal::{EXIT_USAGE, Failure, RunError};
use pocketune_train::TrainError;

use crate::adapter::{PeftError, UnsignableText};
use crate::evaluate::EvaluationError;
use crate::experiment::{NotCounted, WorldError};
use crate::key::KeyError;

/// Why a command did not do what it was asked. Never contains a prompt or a reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Run(#[from] RunError),
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
    #[error(transparent)]
    World(#[from] WorldError),
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
    #[error("the report cannot be made: {0}")]
    Report(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::Run(error.into())
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        Self::Run(error.into())
    }
}

impl From<BundleTooLarge> for CliError {
    fn from(too_large: BundleTooLarge) -> Self {
        Self::Run(too_large.into())
    }
}

impl CliError {
    /// The arguments make no sense together.
    pub(crate) fn usage(reason: &'static str) -> Self {
        Self::Run(RunError::Usage(reason))
    }

    /// The same of what a file holds, with the file's name.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            file: path.display().to_string(),
            source: Box::new(self),
        }
    }
}

impl Failure for CliError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Run(error) => error.kind(),
            Self::InFile { source, .. } => source.kind(),
            Self::RewardReport { .. } => "reward_report_invalid",
            Self::NoConsent { .. } => "no_consent",
            Self::Data { .. } | Self::NoData { .. } => "data_invalid",
            Self::NotWritten { .. } | Self::NoPlace { .. } => "not_written",
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
            Self::World(_) => "usage",
            Self::Neighbour(_) => "neighbour",
            Self::Raw(_) => "raw_llama_cpp",
            Self::UnequalWork { .. } => "unequal_work",
            Self::Report(_) => "report",
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::World(_) => EXIT_USAGE,
            _ => 1,
        }
    }

    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_broken_pipe())
    }
}
