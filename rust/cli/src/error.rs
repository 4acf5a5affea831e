//! What the command line fails with, and how it tells a person and a program.

use std::io;
use std::path::Path;

use pocketune_adapter::{BundleTooLarge, PolicyError};
use pocketune_core::tuning::TrainError;
use pocketune_core::{Error, EvaluationError};
use pocketune_judge::experiment::ExperimentError;
use pocketune_judge::reward::RewardError;
use pocketune_judge::suite::SuiteError;
use pocketune_peft::PeftError;
use pocketune_report::ReportError;
use pocketune_terminal::{EXIT_USAGE, Failure, RunError};

use crate::adapter::UnsignableText;
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
    #[error("{file}: {reason}")]
    Feedback { file: String, reason: String },
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
    Evaluation(EvaluationError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error("it cannot be an adapter: {0}")]
    Peft(#[from] PeftError),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(
        "the program pocketune-bench, which lies beside pocketune where all is built \
         (cargo build --release --workspace), cannot be run: {source}"
    )]
    NoBench { source: io::Error },
    #[error(transparent)]
    Report(ReportError),
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::Run(error.into())
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        Error::from(error).into()
    }
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Experiment(error) => error.into(),
            error => Self::Report(error),
        }
    }
}

impl From<EvaluationError> for CliError {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::TooLarge(too_large) => too_large.into(),
            error => Self::Evaluation(error),
        }
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
            Self::Data { .. } | Self::NoData { .. } | Self::Feedback { .. } => "data_invalid",
            Self::Key(_) | Self::KeyFile(_) => "key",
            Self::Unsignable(_) => "text_unsignable",
            Self::Policy(error) => error.reason(),
            Self::Suite(_) | Self::SuiteFile { .. } => "suite_invalid",
            Self::Reward(_) => "reward_invalid",
            Self::Evaluation(error) => evaluation_kind(error),
            Self::Experiment(_) | Self::ExperimentFile { .. } | Self::Summary { .. } => {
                "experiment_invalid"
            }
            Self::SameFile { .. } => "same_file",
            Self::Peft(_) => "peft",
            Self::World(_) => "usage",
            Self::NoBench { .. } => "no_bench_program",
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

fn evaluation_kind(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::Unreadable(_) => "evaluation_invalid",
        EvaluationError::TooLarge(_) => "bundle_too_large",
        EvaluationError::Envelope { .. } => "envelope_invalid",
        EvaluationError::Statement { .. } => "statement_invalid",
        EvaluationError::NoValidation => "no_validation",
        EvaluationError::OtherAdapter { .. } => "other_adapter",
        EvaluationError::OtherModel { .. } => "other_model",
        EvaluationError::SuiteDiffers { .. } => "suite_differs",
        EvaluationError::SuiteMissing { .. } => "suite_missing",
        EvaluationError::NoProcedure => "no_procedure",
        EvaluationError::ProcedureUnknown { .. } => "procedure_unknown",
    }
}
