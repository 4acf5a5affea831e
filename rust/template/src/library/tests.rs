//! Tests: `value is name`.

use crate::ast::Comparison;
use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::value::Value;

use super::{filters, int_argument, text_argument, written};

/// Whether `value is name(arguments)` holds.
pub(crate) fn apply(
    rendering: &mut Rendering,
    name: &str,
    value: &Value,
    mut arguments: CallArguments,
) -> Result<bool, TemplateError> {
    let holds = match comparison(name) {
        Some(comparison) => {
            let other = arguments.required("other")?;
            rendering.holds(comparison, value, &other)?
        }
        None => by_name(rendering, name, value, &mut arguments)?,
    };
    arguments.finish()?;
    Ok(holds)
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "eq" | "==" | "equalto" => Comparison::Equal,
        "ne" | "!=" => Comparison::NotEqual,
        "lt" | "<" | "lessthan" => Comparison::Less,
        "le" | "<=" => Comparison::LessOrEqual,
        "gt" | ">" | "greaterthan" => Comparison::Greater,
        "ge" | ">=" => Comparison::GreaterOrEqual,
        "in" => Comparison::In,
        _ => return None,
    })
}

fn by_name(
    rendering: &mut Rendering,
    name: &str,
    value: &Value,
    arguments: &mut CallArguments,
) -> Result<bool, TemplateError> {
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "none" => matches!(value, Value::None),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "boolean" => matches!(value, Value::Bool(_)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => value.as_float().is_some(),
        "string" => matches!(value, Value::Text(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "sequence" | "iterable" if matches!(value, Value::Series(_)) => {
            name == "iterable" || value.type_name() == "range"
        }
        "sequence" | "iterable" => matches!(
            value,
            Value::Text(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Undefined(_)
                | Value::Loop(_)
        ),
        "callable" => matches!(
            value,
            Value::Function(_)
                | Value::Macro(_)
                | Value::Method(_)
                | Value::Loop(_)
                | Value::Undefined(_)
        ),
        "odd" => parity(value)? == 1,
        "even" => parity(value)? == 0,
        "divisibleby" => {
            let by = int_argument(&arguments.required("num")?, "num")?;
            let number = int_argument(value, "value")?;
            let rest = number.checked_rem(by);
            rest.ok_or_else(|| Fault::value("a division by zero"))? == 0
        }
        "lower" => cased(rendering, value, char::is_lowercase, char::is_uppercase)?,
        "upper" => cased(rendering, value, char::is_uppercase, char::is_lowercase)?,
        "sameas" => {
            let other = arguments.required("other")?;
            value.type_name() == other.type_name()
                && rendering.holds(Comparison::Equal, value, &other)?
        }
        "filter" => filters::filter(text_argument(value, "value")?.as_str()).is_some(),
        "test" => is_test(text_argument(value, "value")?.as_str()),
        "escaped" => false,
        _ => return Err(Fault::unknown("test", name)),
    })
}

fn is_test(name: &str) -> bool {
    const NAMES: [&str; 21] = [
        "boolean",
        "callable",
        "defined",
        "divisibleby",
        "escaped",
        "even",
        "false",
        "filter",
        "float",
        "integer",
        "iterable",
        "lower",
        "mapping",
        "none",
        "number",
        "odd",
        "sameas",
        "sequence",
        "string",
        "test",
        "true",
    ];
    comparison(name).is_some() || NAMES.contains(&name) || matches!(name, "undefined" | "upper")
}

fn parity(value: &Value) -> Result<i64, TemplateError> {
    Ok(int_argument(value, "value")?.rem_euclid(2))
}

/// Whether a text has letters of one case and none of the other.
fn cased(
    rendering: &mut Rendering,
    value: &Value,
    wanted: fn(char) -> bool,
    other: fn(char) -> bool,
) -> Result<bool, TemplateError> {
    let text = written(rendering, value)?;
    rendering.meter.read(text.len())?;
    let text = text.as_str();
    Ok(text.chars().any(wanted) && !text.chars().any(other))
}
