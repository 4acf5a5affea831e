//! JSON of others, read strictly: bounded, without duplicate keys, nothing after it.
//!
//! A parser that takes the last of two equal keys and another that takes the first
//! see two documents under one signature; depth without a bound ends the process.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Objects and arrays inside each other; ours nest five deep.
const DEPTH_MAX: usize = 16;

/// Why bytes are no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not UTF-8.
    #[error("it is no JSON at line {line}, column {column}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 at a line's very start.
        column: usize,
    },
    /// A key comes twice in one object.
    #[error("an object has two values for one key")]
    DuplicateKey,
    /// Nested deeper than any document of ours.
    #[error("it is nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// JSON, but a field is missing, unknown, or of the wrong kind.
    #[error("{reason}")]
    Field {
        /// Which one; names fields of the format and positions, no values.
        reason: String,
    },
}

/// Reads one value.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let fault = Cell::new(None);
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        depth: 0,
        fault: &fault,
    };
    let value = seed.deserialize(&mut from);
    let value = value.and_then(|value| from.end().map(|()| value));
    value.map_err(|error| {
        fault.take().unwrap_or(JsonError::Malformed {
            line: error.line(),
            column: error.column(),
        })
    })
}

/// Reads one document of a known shape.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    shaped(parse(bytes)?)
}

/// A value as a known shape.
pub(crate) fn shaped<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    serde_json::from_value(value).map_err(|error| JsonError::Field {
        reason: without_values(&error.to_string()),
    })
}

/// serde quotes what it found; a document's own text does not belong into messages.
fn without_values(message: &str) -> String {
    let harmless = ["missing field", "duplicate field"];
    if harmless.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    match message.split_once(", expected ") {
        Some((found, expected)) => {
            let kind = found.split([':', '`']).next().unwrap_or("invalid value");
            format!("{}, expected {expected}", kind.trim())
        }
        None => "a field has another form than it should".to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    fault: &'a Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse(JsonError::TooDeep));
        }
        let depth = self.depth.saturating_add(1);
        Ok(Self { depth, ..self })
    }

    /// Remembers the fault: serde's own errors carry text alone.
    fn refuse<E: serde::de::Error>(self, fault: JsonError) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not finite"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            let value = from.next_value_seed(inner)?;
            if values.insert(key, value).is_some() {
                return Err(self.refuse(JsonError::DuplicateKey));
            }
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, JsonError, parse, without_values};

    #[test]
    fn equal_keys_are_refused_at_any_depth() {
        assert!(parse(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert_eq!(parse(twice.as_bytes()), Err(JsonError::DuplicateKey));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(DEPTH_MAX + 1).as_bytes()),
            Err(JsonError::TooDeep)
        );
        assert_eq!(parse(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
    }

    #[test]
    fn what_is_no_json_is_located() {
        for bad in [
            &b"{\"a\":1} x"[..],
            b"{\"a\":1,}",
            b"{'a':1}",
            b"\"\xff\"",
            b"NaN",
            b"1e999",
            b"",
        ] {
            let refused = parse(bad);
            assert!(
                matches!(refused, Err(JsonError::Malformed { .. })),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn messages_do_not_quote_values() {
        let message = r#"invalid type: string "secret", expected u64"#;
        assert_eq!(without_values(message), "invalid type, expected u64");
        let message = "unknown field `secret`, expected one of `a`, `b`";
        assert_eq!(
            without_values(message),
            "unknown field, expected one of `a`, `b`"
        );
    }
}
