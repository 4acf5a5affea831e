//! What keeps data from being learned from.

use std::io;

use pocketune_base::{LineError, LineFault};

use super::forms::{Form, RecordKind};
use crate::error::Error;

/// Why a dataset was not read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The reader failed.
    #[error("the training data cannot be read: {0}")]
    Io(#[source] io::Error),
    /// One of its lines cannot be learned from.
    #[error("line {line}: {fault}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// There is no record in it.
    #[error("the training data hold no sample")]
    Empty,
    /// It has no end, or none in time.
    #[error("the training data are longer than {limit_bytes} bytes")]
    TooLong {
        /// The most it may have.
        limit_bytes: u64,
    },
}

impl DatasetError {
    pub(super) fn line(line: usize, fault: RecordFault) -> Self {
        Self::Line { line, fault }
    }
}

/// What keeps a line from being learned from. Never contains a prompt or a reply.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// The line is no JSON object of the expected shape.
    #[error(transparent)]
    Line(LineFault),
    /// A form of data that other tools write, or that another objective learns from.
    #[error("{form} ({kind})")]
    Form {
        /// What it is.
        form: Form,
        /// What was expected.
        kind: RecordKind,
    },
    /// A field is missing.
    #[error("`{field}` is missing: {kind}")]
    Missing {
        /// Its name.
        field: &'static str,
        /// What was expected.
        kind: RecordKind,
    },
    /// There is no prompt, and none in what both replies begin with.
    #[error(
        "`prompt` is missing: without it `chosen` and `rejected` are lists of messages that begin \
         with the same ones"
    )]
    NoSharedPrompt,
    /// There is nothing to learn.
    #[error("one of `text`, `messages` and `completion` is missing: {0}")]
    NoCompletion(RecordKind),
    /// The fields contradict each other.
    #[error("{0}")]
    Record(&'static str),
    /// Prompt and reply are too long.
    #[error("{tokens} tokens, at most {limit_tokens} are allowed")]
    TooManyTokens {
        /// Tokens of the prompt and the longest reply.
        tokens: usize,
        /// The most that there may be.
        limit_tokens: usize,
    },
    /// The model's template or tokenizer failed.
    #[error(transparent)]
    Encoding(Box<Error>),
}

impl From<LineError> for RecordFault {
    fn from(error: LineError) -> Self {
        Self::Line(error.fault)
    }
}

impl From<Error> for RecordFault {
    fn from(error: Error) -> Self {
        Self::Encoding(Box::new(error))
    }
}
