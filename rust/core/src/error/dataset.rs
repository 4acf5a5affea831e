//! What keeps training data from being learned from.

use std::fmt;
use std::io;

use pocketune_base::{LineError, LineFault};

use super::Error;

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
    pub(crate) fn line(line: usize, fault: RecordFault) -> Self {
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

/// What a line is to be learned from as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// One reply, or a whole text: for supervised fine-tuning.
    Completion,
    /// A better and a worse reply: for preference training.
    Preference,
}

/// A form that is known and not supported, or not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tool calls, and what tools said.
    Tools,
    /// Messages whose content is a list of parts.
    Parts,
    /// Images beside the text.
    Images,
    /// TRL's unpaired preferences.
    Unpaired,
    /// TRL's stepwise supervision.
    Stepwise,
    /// TRL's prompt-only form.
    PromptOnly,
    /// ShareGPT's conversations.
    ShareGpt,
    /// Alpaca's instructions.
    Alpaca,
    /// OpenAI's preferences.
    OpenAiPreference,
    /// A preference where a completion is wanted.
    Preference,
    /// A completion where a preference is wanted.
    Completion,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tools => {
                "tool calls (`tools`, `tool_calls`, messages of a tool) are not supported yet"
            }
            Self::Parts => {
                "`content` as a list of parts is not supported yet: give each message one text"
            }
            Self::Images => "records with images are not supported yet",
            Self::Unpaired => {
                "TRL's unpaired preferences (`prompt`, `completion`, `label`) are not supported yet"
            }
            Self::Stepwise => {
                "TRL's stepwise supervision (`prompt`, `completions`, `labels`) is not supported yet"
            }
            Self::PromptOnly => "this is TRL's prompt-only form, there is no reply to learn from",
            Self::ShareGpt => {
                "the ShareGPT form (`conversations` with `from` and `value`) is not supported: \
                 write `messages` with `role` and `content`"
            }
            Self::Alpaca => {
                "the Alpaca form (`instruction`, `input`, `output`) is not supported: write \
                 `prompt` and `completion`"
            }
            Self::OpenAiPreference => {
                "OpenAI's preference form (`input`, `preferred_output`) is not supported: write \
                 `prompt`, `chosen` and `rejected`"
            }
            Self::Preference => {
                "this is a preference (`chosen`, `rejected`), which DPO learns from"
            }
            Self::Completion => "this is one reply, which SFT learns from",
        })
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completion => "a line has `text`, or `messages`, or `prompt` and `completion`",
            Self::Preference => "a line has `prompt`, `chosen` and `rejected`",
        })
    }
}
