//! Why a benchmark cannot be had.

use std::io;

use pocketune_core::Error;
use pocketune_terminal::{Failure, RunError};
use pocketune_train::TrainError;

/// One variant for each thing that can go wrong beside what every program knows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Run(#[from] RunError),
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
}

impl From<Error> for BenchError {
    fn from(error: Error) -> Self {
        Self::Run(error.into())
    }
}

impl From<TrainError> for BenchError {
    fn from(error: TrainError) -> Self {
        Error::from(error).into()
    }
}

impl Failure for BenchError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Run(error) => error.kind(),
            Self::Neighbour(_) => "neighbour",
            Self::Raw(_) => "raw_llama_cpp",
            Self::UnequalWork { .. } => "unequal_work",
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Run(error) => error.exit_code(),
            _ => 1,
        }
    }

    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_broken_pipe())
    }
}
