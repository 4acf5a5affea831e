//! Operators, as Python computes them.

use crate::ast::Operator;
use crate::error::{Fault, TemplateError};
use crate::format;
use crate::meter::Meter;
use crate::text::TextBuilder;
use crate::value::{Key, List, ListBuilder, Value, equal};

pub(crate) fn arithmetic(
    operator: Operator,
    left: &Value,
    right: &Value,
    meter: &Meter,
) -> Result<Value, TemplateError> {
    match (operator, left, right) {
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            let mut whole = TextBuilder::new(meter)?;
            whole.push(a)?;
            whole.push(b)?;
            return Ok(Value::Text(whole.finish()));
        }
        (Operator::Add, Value::List(a), Value::List(b)) => {
            return joined(a, b, meter).map(Value::List);
        }
        (Operator::Add, Value::Tuple(a), Value::Tuple(b)) => {
            return joined(a, b, meter).map(Value::Tuple);
        }
        (Operator::Multiply, sequence, times) if times.as_int().is_some() => {
            if let Some(repeated) = repeated(sequence, times, meter)? {
                return Ok(repeated);
            }
        }
        (Operator::Multiply, times, sequence) if times.as_int().is_some() => {
            if let Some(repeated) = repeated(sequence, times, meter)? {
                return Ok(repeated);
            }
        }
        (Operator::Remainder, Value::Text(pattern), values) => {
            return format::percent(pattern, values, meter).map(Value::Text);
        }
        _ => {}
    }
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        return whole_numbers(operator, a, b);
    }
    if let (Some(a), Some(b)) = (left.as_float(), right.as_float()) {
        return floats(operator, a, b).map(Value::Float);
    }
    for value in [left, right] {
        if let Value::Undefined(name) = value {
            return Err(Value::undefined_fault(name.as_deref()));
        }
    }
    Err(Fault::types(format!(
        "`{}` does not work on {} and {}",
        sign(operator),
        left.type_name(),
        right.type_name()
    )))
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "**",
    }
}

fn joined(a: &List, b: &List, meter: &Meter) -> Result<List, TemplateError> {
    let mut whole = ListBuilder::new(meter)?;
    for item in a.items().iter().chain(b.items()) {
        whole.push(item.clone())?;
    }
    whole.finish()
}

fn repeated(
    sequence: &Value,
    times: &Value,
    meter: &Meter,
) -> Result<Option<Value>, TemplateError> {
    let times = usize::try_from(times.as_int().unwrap_or(0)).unwrap_or(0);
    let repeat_list = |list: &List| {
        let mut whole = ListBuilder::new(meter)?;
        if list.items().is_empty() {
            return whole.finish();
        }
        whole.check(list.items().len().saturating_mul(times))?;
        for _ in 0..times {
            for item in list.items() {
                whole.push(item.clone())?;
            }
        }
        whole.finish()
    };
    Ok(Some(match sequence {
        Value::Text(text) => {
            let mut whole = TextBuilder::new(meter)?;
            whole.repeat(text, times)?;
            Value::Text(whole.finish())
        }
        Value::List(list) => Value::List(repeat_list(list)?),
        Value::Tuple(list) => Value::Tuple(repeat_list(list)?),
        _ => return Ok(None),
    }))
}

fn too_large() -> TemplateError {
    Fault::value("a whole number is beyond 64 bits")
}

fn by_zero() -> TemplateError {
    Fault::value("a division by zero")
}

fn whole_numbers(operator: Operator, a: i64, b: i64) -> Result<Value, TemplateError> {
    let checked = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::FloorDivide if b == 0 => return Err(by_zero()),
        // Towards minus infinity, not towards zero.
        Operator::FloorDivide => a.checked_div(b).map(|quotient| {
            let inexact = a.checked_rem(b).is_some_and(|rest| rest != 0);
            quotient - i64::from(inexact && (a < 0) != (b < 0))
        }),
        Operator::Remainder if b == 0 => return Err(by_zero()),
        // With the sign of the divisor.
        Operator::Remainder => a.checked_rem(b).or(Some(0)).map(|rest| {
            if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            }
        }),
        Operator::Power if b >= 0 => match u32::try_from(b) {
            Ok(exponent) => a.checked_pow(exponent),
            Err(_) if (-1..=1).contains(&a) => a.checked_pow((2 + b % 2) as u32),
            Err(_) => None,
        },
        #[expect(clippy::cast_precision_loss, reason = "as Python's division")]
        Operator::Divide | Operator::Power => {
            return floats(operator, a as f64, b as f64).map(Value::Float);
        }
    };
    checked.map(Value::Int).ok_or_else(too_large)
}

fn floats(operator: Operator, a: f64, b: f64) -> Result<f64, TemplateError> {
    let divides = matches!(
        operator,
        Operator::Divide | Operator::FloorDivide | Operator::Remainder
    );
    if divides && b == 0.0 {
        return Err(by_zero());
    }
    Ok(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => (a / b).floor(),
        Operator::Remainder => {
            let rest = a % b;
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
                rest + b
            } else {
                rest
            }
        }
        Operator::Power => {
            if a == 0.0 && b < 0.0 {
                return Err(by_zero());
            }
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(Fault::value("a power is too large"));
            }
            if power.is_nan() && !a.is_nan() && !b.is_nan() {
                return Err(Fault::value("a power is no real number"));
            }
            power
        }
    })
}

pub(crate) fn negative(value: &Value) -> Result<Value, TemplateError> {
    match value {
        Value::Float(number) => Ok(Value::Float(-number)),
        other => match other.as_int() {
            Some(number) => number.checked_neg().map(Value::Int).ok_or_else(too_large),
            None => Err(no_sign(other)),
        },
    }
}

pub(crate) fn positive(value: Value) -> Result<Value, TemplateError> {
    match value {
        Value::Float(_) => Ok(value),
        other => match other.as_int() {
            Some(number) => Ok(Value::Int(number)),
            None => Err(no_sign(&other)),
        },
    }
}

fn no_sign(value: &Value) -> TemplateError {
    match value {
        Value::Undefined(name) => Value::undefined_fault(name.as_deref()),
        other => Fault::types(format!("a {} has no sign", other.type_name())),
    }
}

/// `item in container`.
pub(crate) fn contains(
    container: &Value,
    item: &Value,
    meter: &Meter,
) -> Result<bool, TemplateError> {
    match container {
        Value::Text(text) => match item {
            Value::Text(part) => {
                meter.read(text.len())?;
                Ok(text.as_str().contains(part.as_str()))
            }
            Value::Undefined(name) => Err(Value::undefined_fault(name.as_deref())),
            other => Err(Fault::types(format!(
                "a {} cannot be in a text",
                other.type_name()
            ))),
        },
        Value::List(list) | Value::Tuple(list) => {
            for known in list.items() {
                if equal(known, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Dict(dict) => Ok(dict.entries().contains_key(&Key::of(item)?)),
        Value::Undefined(_) => Ok(false),
        Value::Series(series) => {
            let items = series.take().map(Value::List);
            items.map_or(Ok(false), |items| contains(&items, item, meter))
        }
        other => Err(Fault::types(format!(
            "nothing can be in a {}",
            other.type_name()
        ))),
    }
}
