//! What templates can call: functions, filters, tests and methods.

pub(crate) mod filters;
pub(crate) mod functions;
pub(crate) mod json;
pub(crate) mod methods;
mod numbers;
mod sequences;
mod sorting;
pub(crate) mod tests;
mod texts;

pub(crate) use functions::Function;
pub(crate) use texts::{Side, padded};

use crate::error::{Fault, TemplateError};
use crate::interpreter::Rendering;
use crate::print;
use crate::text::Text;
use crate::value::Value;

/// A text argument.
fn text_argument(value: &Value, name: &str) -> Result<Text, TemplateError> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(Fault::types(format!(
            "`{name}` must be a text, not {}",
            other.type_name()
        ))),
    }
}

/// A whole number as an argument.
fn int_argument(value: &Value, name: &str) -> Result<i64, TemplateError> {
    value.as_int().ok_or_else(|| {
        Fault::types(format!(
            "`{name}` must be a whole number, not {}",
            value.type_name()
        ))
    })
}

/// A count or a width: negative ones are 0.
fn size_argument(value: &Value, name: &str) -> Result<usize, TemplateError> {
    let number = int_argument(value, name)?.max(0);
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// What most filters of text read: any value, as it is written.
fn written(rendering: &Rendering, value: &Value) -> Result<Text, TemplateError> {
    print::to_text(value, &rendering.meter)
}
