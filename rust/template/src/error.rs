//! Why a template does not compile or render.

use crate::limits;

/// A fault of a template. Never holds what a message says: names and texts in it stand
/// literally in the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// Where in the source, from 1; 0 where no line is to blame.
    pub line: u32,
    /// What is wrong.
    pub fault: Fault,
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.fault),
            line => write!(f, "line {line}: {}", self.fault),
        }
    }
}

/// What is wrong with a template, or with what it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The source is longer than [`limits::SOURCE_BYTES_MAX`].
    #[error("{bytes} bytes of source, at most {max} are allowed", max = limits::SOURCE_BYTES_MAX)]
    SourceTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Nested deeper than [`limits::NESTING_MAX`].
    #[error("nested deeper than {max}", max = limits::NESTING_MAX)]
    NestedTooDeep,
    /// The source is no Jinja template.
    #[error("syntax error: {reason}")]
    Syntax {
        /// What was found or expected.
        reason: String,
    },
    /// The template called `raise_exception`.
    #[error("the template refuses the conversation: {message}")]
    Raised {
        /// Its message; an ellipsis stands for what comes from a message.
        message: String,
    },
    /// A function, filter, test, method or tag that chat templates do not have.
    #[error("unknown {what} `{name}`")]
    Unknown {
        /// Which kind.
        what: &'static str,
        /// As the template writes it.
        name: String,
    },
    /// A method or attribute that the sandbox of chat templates refuses.
    #[error("`{name}` is not allowed in a chat template")]
    Forbidden {
        /// As the template writes it.
        name: String,
    },
    /// Something that is not there was used.
    #[error("{name} is undefined")]
    Undefined {
        /// The variable or attribute, as the template writes it.
        name: String,
    },
    /// An operation on values of the wrong type.
    #[error("{reason}")]
    Type {
        /// The operation and the types.
        reason: String,
    },
    /// A value outside its range, such as a division by zero.
    #[error("{reason}")]
    Value {
        /// The operation and the range.
        reason: String,
    },
    /// More than [`limits::STEPS_MAX`] steps.
    #[error("it takes too many steps")]
    TooManySteps,
    /// More than [`limits::LIVE_BYTES_MAX`] bytes alive.
    #[error("it needs too much memory")]
    TooMuchMemory,
    /// More than [`limits::OUTPUT_BYTES_MAX`] bytes written.
    #[error("its output is too long")]
    OutputTooLong,
    /// Evaluation deeper than [`limits::DEPTH_MAX`].
    #[error("it recurses deeper than {max}", max = limits::DEPTH_MAX)]
    TooDeep,
    /// Values nested deeper than [`limits::VALUE_DEPTH_MAX`].
    #[error("values are nested deeper than {max}", max = limits::VALUE_DEPTH_MAX)]
    ValueTooDeep,
    /// The caller asked to stop, or its deadline passed.
    #[error("it was interrupted")]
    Interrupted,
}

impl Fault {
    pub(crate) fn syntax(reason: impl Into<String>) -> Self {
        Self::Syntax {
            reason: reason.into(),
        }
    }

    pub(crate) fn types(reason: impl Into<String>) -> TemplateError {
        TemplateError::from(Self::Type {
            reason: reason.into(),
        })
    }

    pub(crate) fn value(reason: impl Into<String>) -> TemplateError {
        TemplateError::from(Self::Value {
            reason: reason.into(),
        })
    }

    pub(crate) fn unknown(what: &'static str, name: &str) -> TemplateError {
        TemplateError::from(Self::Unknown {
            what,
            name: shortened(name),
        })
    }

    pub(crate) fn at(self, line: u32) -> TemplateError {
        TemplateError { line, fault: self }
    }
}

impl From<Fault> for TemplateError {
    fn from(fault: Fault) -> Self {
        Self { line: 0, fault }
    }
}

impl TemplateError {
    /// The same fault, in `line` unless a line is known.
    pub(crate) fn at(mut self, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }
}

/// A name short enough for an error.
pub(crate) fn shortened(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    match name.char_indices().nth(CHARS_MAX) {
        Some((cut, _)) => format!("{}…", name.get(..cut).unwrap_or_default()),
        None => name.to_owned(),
    }
}
