//! JSON of others, read strictly: bounded in depth, without equal keys, nothing after it;
//! and what is wrong with it by the names of its fields, never by their values.
//!
//! A parser that takes the last of two equal keys and another that takes the first
//! see two documents; depth without a bound ends the process.

mod error;
mod parse;
mod shape;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use error::{FieldFault, JsonError};

/// Objects and arrays inside each other; those of ours nest seven deep at most, and fields of
/// other tools that are passed over not much deeper.
pub const DEPTH_MAX: usize = 64;

/// What a `null` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The same as a field that is left out, where it may be left out.
    Absent,
    /// Nothing: it is refused everywhere.
    Refused,
}

/// Reads one document of a known shape. Byte order marks before it are passed over.
///
/// # Errors
/// [`JsonError`].
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    shaped(&parse(bytes, DEPTH_MAX)?, Nulls::Absent)
}

/// Reads one value that nests at most `depth_max` deep.
///
/// # Errors
/// [`JsonError`].
pub fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, JsonError> {
    parse::parse(bytes, depth_max)
}

/// Takes the field that says which of several shapes an object has out of it, one of `known`.
///
/// # Errors
/// [`JsonError::Field`].
pub fn tag(
    value: &mut Value,
    field: &str,
    known: &'static [&'static str],
) -> Result<&'static str, JsonError> {
    let wrong = |found: &Value, expected: &str| {
        let found = error::kind_of(found);
        let expected = expected.to_owned();
        JsonError::here(FieldFault::Kind { found, expected })
    };
    let Value::Object(fields) = value else {
        return Err(wrong(value, "an object"));
    };
    match fields.shift_remove(field) {
        Some(Value::String(text)) => {
            let tag = known.iter().find(|tag| **tag == text);
            let none = || JsonError::of(field, FieldFault::NoneOf { known });
            tag.copied().ok_or_else(none)
        }
        Some(other) => Err(wrong(&other, "text").within(field)),
        None => Err(JsonError::of(field, FieldFault::Missing)),
    }
}

/// A value as a known shape.
///
/// # Errors
/// [`JsonError::Field`].
pub fn shaped<T: DeserializeOwned>(value: &Value, nulls: Nulls) -> Result<T, JsonError> {
    T::deserialize(shape::At { value, nulls })
}
