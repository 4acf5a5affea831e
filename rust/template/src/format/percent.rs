//! `pattern % values`.

use crate::error::{Fault, TemplateError};
use crate::library::{Side, padded};
use crate::meter::Meter;
use crate::print;
use crate::text::{Origin, Text, TextBuilder};
use crate::value::Value;

use super::{Spec, digits, not_a_format, write_number};

/// `pattern % values`.
pub(crate) fn percent(
    pattern: &Text,
    values: &Value,
    meter: &Meter,
) -> Result<Text, TemplateError> {
    let given: Vec<Value> = match values {
        Value::Tuple(list) => list.items().to_vec(),
        one => vec![one.clone()],
    };
    let mut given = given.into_iter();
    let mut by_name = false;
    let mut out = TextBuilder::new(meter)?;
    let string = pattern.as_str();
    let mut done = 0;
    while let Some(found) = string.get(done..).and_then(|rest| rest.find('%')) {
        meter.spend(1)?;
        out.push_part(pattern, done..done + found)?;
        let start = done + found + 1;
        let rest = string.get(start..).unwrap_or_default();
        if rest.starts_with('%') {
            out.push_part(pattern, start..start + 1)?;
            done = start + 1;
            continue;
        }
        let (name, after) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((name, after)) => (Some(name), after),
            None => (None, rest),
        };
        let (spec, after) = percent_spec(after, &mut given)?;
        let value = match name {
            None => given
                .next()
                .ok_or_else(|| Fault::types("there are fewer values than the format asks for"))?,
            Some(name) => {
                by_name = true;
                match values {
                    Value::Dict(dict) => dict.find(name).cloned(),
                    _ => return Err(Fault::types("a format with names expects a dictionary")),
                }
                .ok_or_else(|| Fault::value("a format asks for a name that is not there"))?
            }
        };
        write_percent(&value, &spec, &mut out, meter)?;
        done = string.len() - after.len();
    }
    out.push_part(pattern, done..string.len())?;
    let ignored = by_name || matches!(values, Value::Dict(_) | Value::List(_));
    if !ignored && given.next().is_some() {
        return Err(Fault::types(
            "there are more values than the format asks for",
        ));
    }
    Ok(out.finish())
}

/// The flags, width, precision and kind after a `%`, and what follows them.
fn percent_spec<'a>(
    text: &'a str,
    given: &mut impl Iterator<Item = Value>,
) -> Result<(Spec, &'a str), TemplateError> {
    let mut spec = Spec::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|flag| "-+ 0#".contains(*flag)) {
        match flag {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = Some('+'),
            ' ' => spec.sign = spec.sign.or(Some(' ')),
            '0' => spec.zero = true,
            _ => spec.alternate = true,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut size = |rest: &mut &'a str| -> Result<Option<usize>, TemplateError> {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            let value = given.next().and_then(|value| value.as_int());
            let value = value.ok_or_else(|| Fault::types("`*` in a format asks for a number"))?;
            return Ok(Some(usize::try_from(value).unwrap_or(0)));
        }
        digits(rest)
    };
    spec.width = size(&mut rest)?.unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        spec.precision = Some(size(&mut rest)?.unwrap_or(0));
    }
    rest = rest.trim_start_matches(['h', 'l', 'L']);
    let kind = rest.chars().next().ok_or_else(not_a_format)?;
    spec.kind = Some(kind);
    Ok((spec, rest.get(kind.len_utf8()..).unwrap_or_default()))
}

fn write_percent(
    value: &Value,
    spec: &Spec,
    out: &mut TextBuilder,
    meter: &Meter,
) -> Result<(), TemplateError> {
    let written = match spec.kind {
        Some('s') => print::to_text(value, meter)?,
        Some('r') => {
            let mut text = TextBuilder::new(meter)?;
            print::write_repr(value, &mut text, meter)?;
            text.finish()
        }
        Some('c') => match value {
            Value::Text(text) if text.char_count() == 1 => text.clone(),
            other => {
                let code = other.as_int().and_then(|code| u32::try_from(code).ok());
                let char = code.and_then(char::from_u32).ok_or_else(not_a_format)?;
                Text::new(meter, char.encode_utf8(&mut [0; 4]), Origin::Template)?
            }
        },
        _ => return write_number(value, spec, out, meter),
    };
    let cut = spec
        .precision
        .map_or(written.len(), |most| written.byte_of_char(most));
    let side = if spec.align == Some('<') {
        Side::Left
    } else {
        Side::Right
    };
    out.push(&padded(&written.slice(0..cut)?, spec.width, ' ', side)?)
}
