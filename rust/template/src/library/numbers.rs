//! Filters of numbers.

use crate::ast::Operator;
use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering, arithmetic};
use crate::numbers::{round_half_even, truncate};
use crate::value::Value;

use super::{int_argument, sequences};

fn no_number(value: &Value) -> TemplateError {
    match value {
        Value::Undefined(name) => Value::undefined_fault(name.as_deref()),
        other => Fault::types(format!("a {} is no number", other.type_name())),
    }
}

pub(super) fn abs(
    _: &mut Rendering,
    value: Value,
    _: &mut CallArguments,
) -> Result<Value, TemplateError> {
    match value {
        Value::Float(number) => Ok(Value::Float(number.abs())),
        other => match other.as_int() {
            Some(number) => number
                .checked_abs()
                .map(Value::Int)
                .ok_or_else(|| Fault::value("a whole number is beyond 64 bits")),
            None => Err(no_number(&other)),
        },
    }
}

pub(super) fn float(
    _: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let otherwise = arguments.next("default").unwrap_or(Value::Float(0.0));
    match &value {
        Value::Undefined(_) => Err(no_number(&value)),
        Value::Text(text) => Ok(parse_float(text.as_str()).map_or(otherwise, Value::Float)),
        other => Ok(other.as_float().map_or(otherwise, Value::Float)),
    }
}

pub(super) fn int(
    _: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let otherwise = arguments.next("default").unwrap_or(Value::Int(0));
    let base = match arguments.next("base") {
        Some(base) => int_argument(&base, "base")?,
        None => 10,
    };
    match &value {
        Value::Undefined(_) => Err(no_number(&value)),
        Value::Text(text) => {
            let text = text.as_str();
            match (parse_int(text, base), parse_float(text)) {
                (Some(number), _) => Ok(Value::Int(number)),
                (None, Some(number)) if number.is_finite() => truncate(number).map(Value::Int),
                _ => Ok(otherwise),
            }
        }
        Value::Float(number) if number.is_finite() => truncate(*number).map(Value::Int),
        other => Ok(other.as_int().map_or(otherwise, Value::Int)),
    }
}

/// Python's `int(text, base)`.
fn parse_int(text: &str, base: i64) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefix = match base {
        16 => ["0x", "0X"],
        8 => ["0o", "0O"],
        2 => ["0b", "0B"],
        _ => ["", ""],
    };
    let digits = prefix
        .iter()
        .find_map(|prefix| digits.strip_prefix(prefix))
        .unwrap_or(digits);
    let base = u32::try_from(base)
        .ok()
        .filter(|base| (2..=36).contains(base))?;
    let well_spaced = !digits.starts_with(['_', '+', '-']) && !digits.ends_with('_');
    if !well_spaced || digits.contains("__") {
        return None;
    }
    let number = i64::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -number } else { number })
}

/// Python's `float(text)`.
fn parse_float(text: &str) -> Option<f64> {
    text.trim().replace('_', "").parse().ok()
}

pub(super) fn round(
    _: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let precision = match arguments.next("precision") {
        Some(precision) => int_argument(&precision, "precision")?,
        None => 0,
    };
    let method = arguments.next("method");
    let method = match &method {
        None => "common",
        Some(Value::Text(method)) => method.as_str(),
        Some(_) => "",
    };
    let Some(number) = value.as_float() else {
        return Err(no_number(&value));
    };
    if method == "common" {
        let rounded = round_half_even(number, precision);
        return match value.as_int() {
            Some(whole) if precision >= 0 => Ok(Value::Int(whole)),
            Some(_) => truncate(rounded).map(Value::Int),
            None => Ok(Value::Float(rounded)),
        };
    }
    let scale = 10f64.powi(i32::try_from(precision.clamp(-400, 400)).unwrap_or(0));
    let scaled = number * scale;
    let rounded = match method {
        "ceil" => scaled.ceil(),
        "floor" => scaled.floor(),
        _ => {
            return Err(Fault::value(
                "`round` knows the methods common, ceil and floor",
            ));
        }
    };
    Ok(Value::Float(rounded / scale))
}

pub(super) fn sum(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let attribute = arguments.next("attribute");
    let mut total = arguments.next("start").unwrap_or(Value::Int(0));
    for item in rendering.items(&value)?.items() {
        let item = sequences::attribute_of(rendering, item, attribute.as_ref())?;
        total = arithmetic(Operator::Add, &total, &item, &rendering.meter)?;
    }
    Ok(total)
}
