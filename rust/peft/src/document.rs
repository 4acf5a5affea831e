//! The fields of a configuration by type.

use serde_json::{Map, Value};

use crate::error::{PeftError, shown};
use crate::fields::unsupported;

/// A configuration, whose fields are read by type.
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A field that is there and not null.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn unsupported(&self, field: &str, reason: &'static str) -> PeftError {
        unsupported(field, self.0.get(field).unwrap_or(&Value::Null), reason)
    }

    pub(crate) fn text(&self, field: &str) -> Result<Option<&'a str>, PeftError> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| wrong(field, value, "a text"));
        self.value(field).map(text).transpose()
    }

    pub(crate) fn flag(&self, field: &str) -> Result<bool, PeftError> {
        let value = self.value(field).unwrap_or(&Value::Bool(false));
        value
            .as_bool()
            .ok_or_else(|| wrong(field, value, "true or false"))
    }
}

pub(crate) fn wrong(field: &str, value: &Value, expected: &'static str) -> PeftError {
    PeftError::FieldType {
        field: field.to_owned(),
        value: shown(&value.to_string()),
        expected,
    }
}
