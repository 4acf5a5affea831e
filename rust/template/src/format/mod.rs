//! Python's two ways of formatting: `'%s' % value` and `'{}'.format(value)`.

mod braces;
mod percent;

use crate::error::{Fault, TemplateError};
use crate::meter::Meter;
use crate::numbers::{float_repr, truncate};
use crate::text::{Origin, TextBuilder};
use crate::value::Value;

pub(crate) use braces::braces;
pub(crate) use percent::percent;

/// How one value is to be written.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) fill: Option<char>,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    pub(super) alternate: bool,
    pub(super) zero: bool,
    pub(super) comma: bool,
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

pub(super) fn not_a_format() -> TemplateError {
    Fault::value("a format cannot be read")
}

/// A number at the start of `rest`, which is moved behind it.
pub(super) fn digits(rest: &mut &str) -> Result<Option<usize>, TemplateError> {
    let end = rest
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    *rest = after;
    if number.is_empty() {
        return Ok(None);
    }
    number.parse().map(Some).map_err(|_| not_a_format())
}

pub(super) fn write_number(
    value: &Value,
    spec: &Spec,
    out: &mut TextBuilder,
    meter: &Meter,
) -> Result<(), TemplateError> {
    let (sign, digits) = number_text(value, spec, meter)?;
    let sign = match (sign, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let missing = spec.width.saturating_sub(sign.len() + digits.len());
    let align = spec.align.unwrap_or(if spec.zero { '=' } else { '>' });
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
    let (before, inside, after) = match align {
        '<' => (0, 0, missing),
        '^' => (missing / 2, 0, missing - missing / 2),
        '=' => (0, missing, 0),
        _ => (missing, 0, 0),
    };
    out.fill(fill, before)?;
    out.push_str(sign, Origin::Template)?;
    out.fill(fill, inside)?;
    out.push_str(&digits, Origin::Template)?;
    out.fill(fill, after)
}

/// Whether the number is negative, and its digits.
fn number_text(value: &Value, spec: &Spec, meter: &Meter) -> Result<(bool, String), TemplateError> {
    let wrong = || {
        Fault::types(format!(
            "a format for numbers does not write {}",
            value.type_name()
        ))
    };
    // Every digit asked for is one to pay for.
    let precision = spec.precision.unwrap_or(6);
    meter.read(precision.saturating_mul(64))?;
    if precision > 1000 {
        return Err(Fault::value("a format asks for more than 1,000 digits"));
    }
    let kind = match (spec.kind, value) {
        (Some(kind), _) => kind,
        (None, Value::Float(_)) => 'R',
        (None, _) => 'd',
    };
    let whole = || match value {
        Value::Float(number) => truncate(*number),
        other => other.as_int().ok_or_else(wrong),
    };
    let (negative, mut digits) = match kind {
        'd' | 'i' | 'u' | 'n' => {
            let number = whole()?;
            (number < 0, number.unsigned_abs().to_string())
        }
        'x' | 'X' | 'o' | 'b' => {
            let number = value.as_int().ok_or_else(wrong)?;
            let size = number.unsigned_abs();
            let (prefix, digits) = match kind {
                'x' => ("0x", format!("{size:x}")),
                'X' => ("0X", format!("{size:X}")),
                'o' => ("0o", format!("{size:o}")),
                _ => ("0b", format!("{size:b}")),
            };
            let prefix = if spec.alternate { prefix } else { "" };
            (number < 0, format!("{prefix}{digits}"))
        }
        _ => {
            let number = value.as_float().ok_or_else(wrong)?;
            let size = number.abs();
            let digits = match kind {
                'F' if size.is_infinite() => "INF".to_owned(),
                'f' | 'F' => format!("{size:.precision$}"),
                'e' | 'E' => exponential(size, precision, kind),
                'g' | 'G' => general(size, precision.max(1), kind),
                '%' => format!("{:.precision$}%", size * 100.0),
                'R' => match spec.precision {
                    Some(precision) => general(size, precision.max(1), 'g'),
                    None => float_repr(size),
                },
                _ => return Err(not_a_format()),
            };
            let digits = match number.is_nan() {
                true => "nan".to_owned(),
                false => digits,
            };
            (number.is_sign_negative() && !number.is_nan(), digits)
        }
    };
    if matches!(kind, 'd' | 'i' | 'u')
        && let Some(least) = spec.precision
    {
        digits = format!("{digits:0>least$}");
    }
    if spec.comma {
        digits = with_commas(&digits);
    }
    Ok((negative, digits))
}

fn exponential(number: f64, precision: usize, kind: char) -> String {
    if number.is_infinite() {
        return "inf".to_owned();
    }
    let written = format!("{number:.precision$e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!(
        "{digits}{}{sign}{exponent:0>2}",
        if kind == 'E' { 'E' } else { 'e' }
    )
}

fn general(number: f64, precision: usize, kind: char) -> String {
    if number.is_infinite() {
        return "inf".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let rounded = format!("{number:.*e}", precision - 1);
    let exponent = rounded
        .split_once('e')
        .and_then(|(_, e)| e.parse::<i64>().ok());
    let exponent = exponent.unwrap_or(0);
    let shortened = |digits: &str| match digits.contains('.') {
        true => digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => digits.to_owned(),
    };
    let least = i64::try_from(precision).unwrap_or(i64::MAX);
    if (-4..least).contains(&exponent) {
        let places = usize::try_from(least - 1 - exponent).unwrap_or(0);
        return shortened(&format!("{number:.places$}"));
    }
    let letter = if kind == 'G' { 'E' } else { 'e' };
    let written = exponential(number, precision - 1, letter);
    let (digits, exponent) = written.split_once(letter).unwrap_or((&written, "+00"));
    format!("{}{letter}{exponent}", shortened(digits))
}

fn with_commas(digits: &str) -> String {
    let whole = digits.find(['.', 'e']).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(whole);
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}
