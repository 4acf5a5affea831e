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
    /// Two of its lines say the opposite of each other.
    #[error("lines {earlier} and {line} contradict each other: {contradiction}")]
    Contradiction {
        /// The first line, from 1.
        earlier: usize,
        /// The line that contradicts it.
        line: usize,
        /// How.
        contradiction: Contradiction,
    },
    /// There is no record in it.
    #[error("the training data hold no sample")]
    Empty,
    /// All of its lines were left out.
    #[error("none of the {lines} lines can be learned from: line {line}: {fault}")]
    NothingUsable {
        /// How many there are.
        lines: usize,
        /// The first one, from 1.
        line: usize,
        /// What is wrong with that one.
        fault: RecordFault,
    },
    /// There is less feedback than anything can be learned from.
    #[error("{samples} ratings, at least {minimum} are needed")]
    TooFew {
        /// Thumbs, pairs and edits that there are.
        samples: usize,
        /// The least that there must be.
        minimum: usize,
    },
    /// Only disliked replies are there, and the model has none that critics would prefer.
    #[error("only disliked replies are there, and critics prefer none of the model's others")]
    NoAlternative,
    /// KTO learns from both labels.
    #[error("all thumbs point {}: KTO needs both", if *up { "up" } else { "down" })]
    OneSided {
        /// Which way.
        up: bool,
    },
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
    /// A completion that nobody judged, where thumbs are wanted.
    #[error("`label` is missing: SFT learns from completions without one ({0})")]
    Unlabelled(RecordKind),
    /// There is no prompt, and none in what both replies begin with.
    #[error(
        "`prompt` is missing: without it `chosen` and `rejected` are lists of messages that begin \
         with the same ones"
    )]
    NoSharedPrompt,
    /// There is nothing to learn.
    #[error("one of `text`, `messages` and `completion` is missing: {0}")]
    NoCompletion(RecordKind),
    /// There is neither a thumb nor a pair.
    #[error("one of `completion` and `chosen` is missing: {0}")]
    NoFeedback(RecordKind),
    /// Text beside messages.
    #[error(
        "`{text}` is a text and `{messages}` a list of messages: write both as messages, or both \
         as texts with the chat template applied"
    )]
    MixedContent {
        /// The field with the text.
        text: &'static str,
        /// The field with the messages.
        messages: &'static str,
    },
    /// A prompt without a token.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// A reply that is to be learned, and says nothing.
    #[error("`{field}` is empty: there is nothing to learn")]
    EmptyReply {
        /// The field that holds it.
        field: &'static str,
    },
    /// A pair, or an edit, of a reply and itself.
    #[error("`chosen` and `rejected` are the same")]
    SameReplies,
    /// The fields contradict each other.
    #[error("{0}")]
    Record(&'static str),
    /// Another line says the opposite.
    #[error("it contradicts line {line}: {contradiction}")]
    Contradicts {
        /// The first line that does, from 1.
        line: usize,
        /// How.
        contradiction: Contradiction,
    },
    /// Prompt and reply are too long, those of a conversation also without its earlier turns.
    #[error("{tokens} tokens, at most {limit_tokens} are allowed")]
    TooManyTokens {
        /// Tokens of the prompt and the longest reply.
        tokens: usize,
        /// The most that there may be.
        limit_tokens: usize,
    },
    /// All replies of a text are to be learned: only messages say which they are.
    #[error("loss on assistant turns alone needs `messages`")]
    NoTurns,
    /// All replies of a conversation are to be learned, and the chat template does not write
    /// it as it grows: what a reply follows at the end is not what it followed when it was
    /// given.
    #[error(
        "the chat template writes reply {reply} of the conversation otherwise once the \
         conversation goes on: its replies cannot be learned together"
    )]
    RewrittenTurn {
        /// Which one, from 1.
        reply: usize,
    },
    /// The model's template or tokenizer failed.
    #[error(transparent)]
    Encoding(Box<Error>),
}

impl RecordFault {
    /// Whether another line may be learned from all the same.
    pub(crate) fn is_of_line(&self) -> bool {
        match self {
            Self::Encoding(error) => matches!(
                **error,
                Error::NoChatTemplate | Error::TemplateFailed { .. } | Error::Compute(_)
            ),
            // A file without an end has no next line, and one array has no lines.
            Self::Line(LineFault::TooManyBlank { .. } | LineFault::Array) => false,
            _ => true,
        }
    }
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

/// How two lines say the opposite of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// The same reply to the same prompt, with a thumb up and a thumb down.
    Thumbs,
    /// The same two replies to the same prompt, each of them the better one.
    Pairs,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thumbs => "the same reply to the same prompt has both labels",
            Self::Pairs => "the same two replies to the same prompt stand in both orders",
        })
    }
}

/// What a line is to be learned from as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// One reply, or a whole text: for supervised fine-tuning.
    Completion,
    /// A better and a worse reply: for preference training.
    Preference,
    /// A reply with a thumb up or down: for TRL's unpaired preference training, KTO.
    Thumb,
    /// Whatever a person said of a reply: thumbs, pairs and edits in one file.
    Feedback,
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
    /// TRL's unpaired preferences where something else is wanted.
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
    /// A preference where something else is wanted.
    Preference,
    /// A completion where something else is wanted.
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
                "TRL's unpaired preferences (`prompt`, `completion`, `label`) are not supported \
                 here: KTO learns from them"
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
            Self::Thumb => "a line has `prompt`, `completion` and `label`",
            Self::Feedback => {
                "a line has `prompt`, and `completion` and `label` or `chosen` and `rejected`"
            }
        })
    }
}
