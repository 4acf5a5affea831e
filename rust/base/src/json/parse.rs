//! Bytes to a value.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::JsonError;
use crate::text::text;

pub(super) fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, JsonError> {
    let text = text(bytes)?;
    if text.trim().is_empty() {
        return Err(JsonError::Empty);
    }
    let fault = Cell::new(None);
    let mut from = serde_json::Deserializer::from_str(text);
    let seed = Strict {
        depth: depth_max,
        depth_max,
        fault: &fault,
    };
    let value = seed.deserialize(&mut from);
    let value = value.map_err(|error| fault.take().unwrap_or_else(|| of_parser(&error)))?;
    match from.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(JsonError::Several {
            line: error.line(),
            column: error.column(),
        }),
    }
}

/// The parser's message names signs and places, and quotes nothing.
fn of_parser(error: &serde_json::Error) -> JsonError {
    if error.classify() == Category::Eof {
        return JsonError::Incomplete { line: error.line() };
    }
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    JsonError::Malformed {
        line: error.line(),
        column: error.column(),
        reason: reason.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    /// How much deeper it may get.
    depth: usize,
    depth_max: usize,
    fault: &'a Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let limit = self.depth_max;
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.refuse(JsonError::TooDeep { limit })),
        }
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
            if values.contains_key(&key) {
                return Err(self.refuse(JsonError::DuplicateKey { key }));
            }
            let value = from.next_value_seed(inner)?;
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}
