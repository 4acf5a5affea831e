//! Equality and order, as Python has them.

use std::rc::Rc;

use crate::error::{Fault, TemplateError};
use crate::meter::Meter;

use super::containers::whole;
use super::{List, SeriesKind, Value};

/// Whether two values are equal, as Python compares them.
pub(crate) fn equal(a: &Value, b: &Value, meter: &Meter) -> Result<bool, TemplateError> {
    meter.spend(1)?;
    Ok(match (a, b) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            let (a, b) = (a.items(), b.items());
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(a, b, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.entries().len() != b.entries().len() {
                return Ok(false);
            }
            for (key, value) in a.entries() {
                match b.entries().get(key) {
                    Some(other) if equal(value, other, meter)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Series(a), Value::Series(b)) if a.kind == SeriesKind::Range => {
            let same = |a: &List| Value::List(a.clone());
            b.kind == a.kind && equal(&same(&a.items), &same(&b.items), meter)?
        }
        (Value::Series(a), Value::Series(b)) => Rc::ptr_eq(a, b),
        (Value::Namespace(a), Value::Namespace(b)) => a == b,
        (Value::Macro(a), Value::Macro(b)) => Rc::ptr_eq(a, b),
        (Value::Loop(a), Value::Loop(b)) => Rc::ptr_eq(a, b),
        (Value::Function(a), Value::Function(b)) => a == b,
        (a, b) => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => a == b,
            (Some(number), None) | (None, Some(number)) => {
                let other = if a.as_int().is_some() { b } else { a };
                matches!(other, Value::Float(float) if whole(*float) == Some(number))
            }
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        },
    })
}

/// Which of two values comes first, as Python orders them; `None` for NaN.
pub(crate) fn order(
    a: &Value,
    b: &Value,
    meter: &Meter,
) -> Result<Option<std::cmp::Ordering>, TemplateError> {
    meter.spend(1)?;
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            Ok(Some(a.as_str().cmp(b.as_str())))
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            for (a, b) in a.items().iter().zip(b.items()) {
                if !equal(a, b, meter)? {
                    return order(a, b, meter);
                }
            }
            Ok(Some(a.items().len().cmp(&b.items().len())))
        }
        (a, b) => {
            if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
                return Ok(Some(a.cmp(&b)));
            }
            if let (Some(a), Some(b)) = (a.as_float(), b.as_float()) {
                return Ok(a.partial_cmp(&b));
            }
            for value in [a, b] {
                if let Value::Undefined(name) = value {
                    return Err(Value::undefined_fault(name.as_deref()));
                }
            }
            Err(Fault::types(format!(
                "{} and {} cannot be ordered",
                a.type_name(),
                b.type_name()
            )))
        }
    }
}
