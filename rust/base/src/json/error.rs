//! What is wrong with a document.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;

use crate::text::{Shown, TextError};

/// Why bytes are no document. Holds names of fields and positions, and no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// No text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Nothing, or white space.
    #[error("it is empty")]
    Empty,
    /// Not JSON.
    #[error("it is no JSON at line {line}, column {column}: {reason}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 at a line's very start.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// JSON that ends too early.
    #[error("it is not complete: it ends in line {line}")]
    Incomplete {
        /// From 1.
        line: usize,
    },
    /// Something comes after the value.
    #[error("something follows the value at line {line}, column {column}")]
    Several {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A key comes twice in one object.
    #[error("an object has two values for the key `{}`", Shown(.key))]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Nested deeper than any document of ours.
    #[error("it is nested more than {limit} deep")]
    TooDeep {
        /// How deep it may be.
        limit: usize,
    },
    /// JSON, but a field is missing, unknown, or of the wrong kind.
    #[error("{}", sentence(.path, .fault))]
    Field {
        /// Where, such as `metrics[1].role`; empty for the document itself.
        path: String,
        /// What is wrong there.
        fault: FieldFault,
    },
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldFault {
    /// A value of another kind.
    Kind {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: String,
    },
    /// It is not there.
    Missing,
    /// No such field is known.
    Unknown {
        /// Those that are.
        known: &'static [&'static str],
    },
    /// A text that is none of those known.
    NoneOf {
        /// Those that are.
        known: &'static [&'static str],
    },
    /// A value that cannot be.
    Value {
        /// Why not, without the value.
        reason: String,
    },
}

impl JsonError {
    /// A fault of the document, or of what is being read.
    #[must_use]
    pub fn here(fault: FieldFault) -> Self {
        let path = String::new();
        Self::Field { path, fault }
    }

    /// A fault of the field of this name.
    #[must_use]
    pub fn of(field: &str, fault: FieldFault) -> Self {
        Self::here(fault).within(field)
    }

    /// The same fault, seen from around the field `name`.
    #[must_use]
    pub fn within(self, name: &str) -> Self {
        self.behind(&Shown(name).to_string())
    }

    pub(super) fn within_item(self, index: usize) -> Self {
        self.behind(&format!("[{index}]"))
    }

    fn behind(self, start: &str) -> Self {
        match self {
            Self::Field { path, fault } => {
                let dot = if path.is_empty() || path.starts_with('[') {
                    ""
                } else {
                    "."
                };
                let path = format!("{start}{dot}{path}");
                Self::Field { path, fault }
            }
            other => other,
        }
    }
}

fn sentence(path: &str, fault: &FieldFault) -> String {
    let field = match path {
        "" => "it".to_owned(),
        path => format!("`{path}`"),
    };
    match fault {
        FieldFault::Kind { found, expected } => {
            format!("{field} must be {expected}, found {found}")
        }
        FieldFault::Missing => format!("{field} is missing"),
        FieldFault::Unknown { known: [] } => format!("unknown field {field}"),
        FieldFault::Unknown { known } => {
            format!("unknown field {field}, known are {}", known.join(", "))
        }
        FieldFault::NoneOf { known } => {
            format!(
                "{field} must be one of {}, found another text",
                known.join(", ")
            )
        }
        FieldFault::Value { reason } => format!("{field}: {reason}"),
    }
}

impl Error for JsonError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::here(FieldFault::Value {
            reason: reason.to_string(),
        })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::here(FieldFault::Kind {
            found: kind(&found),
            expected: plain(&expected.to_string()),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Signed(..0) => "a negative number",
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number that is out of range",
            Unexpected::Str(_) => "another text",
            other => kind(&other),
        };
        let expected = plain(&expected.to_string());
        Self::here(FieldFault::Kind { found, expected })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::here(FieldFault::Kind {
            found: "a list of another length",
            expected: plain(&expected.to_string()),
        })
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::here(FieldFault::NoneOf { known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::of(field, FieldFault::Unknown { known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(field, FieldFault::Missing)
    }
}

/// A value's kind, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    kind(&unexpected(value))
}

/// A value's kind, as serde names it.
pub(super) fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Unexpected::Signed(number),
            None => Unexpected::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map | Unexpected::StructVariant | Unexpected::Enum => "an object",
        _ => "something else",
    }
}

/// What serde's readers expect, in words.
fn plain(expected: &str) -> String {
    let words = match expected {
        "a string" => "text",
        "a boolean" => "true or false",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        other => {
            let length = other.strip_prefix("an array of length ");
            if let Some(length) = length {
                return format!("a list of {length}");
            }
            let ours = ["struct ", "internally tagged enum ", "tuple variant "];
            match ours.iter().any(|start| other.starts_with(start)) {
                true => "an object",
                false => other,
            }
        }
    };
    words.to_owned()
}
