//! Values as text: Python's `str` and `repr`.

use crate::error::{Fault, TemplateError};
use crate::meter::Meter;
use crate::numbers::float_repr;
use crate::text::{Origin, Text, TextBuilder};
use crate::value::{SeriesKind, Value};

/// What `{{ value }}` writes.
pub(crate) fn to_text(value: &Value, meter: &Meter) -> Result<Text, TemplateError> {
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    let mut out = TextBuilder::new(meter)?;
    write(value, &mut out, meter)?;
    Ok(out.finish())
}

/// Appends what `{{ value }}` writes.
pub(crate) fn write(
    value: &Value,
    out: &mut TextBuilder,
    meter: &Meter,
) -> Result<(), TemplateError> {
    match value {
        Value::Text(text) => out.push(text),
        Value::Undefined(_) => Ok(()),
        other => write_repr(other, out, meter),
    }
}

/// Appends Python's `repr` of a value.
pub(crate) fn write_repr(
    value: &Value,
    out: &mut TextBuilder,
    meter: &Meter,
) -> Result<(), TemplateError> {
    meter.spend(1)?;
    let plain = |out: &mut TextBuilder, text: &str| out.push_str(text, Origin::Template);
    match value {
        Value::Undefined(_) => plain(out, "Undefined"),
        Value::None => plain(out, "None"),
        Value::Bool(true) => plain(out, "True"),
        Value::Bool(false) => plain(out, "False"),
        Value::Int(number) => plain(out, &number.to_string()),
        Value::Float(number) => plain(out, &float_repr(*number)),
        Value::Text(text) => write_quoted(text, out),
        Value::List(list) => {
            plain(out, "[")?;
            write_items(list.items(), out, meter)?;
            plain(out, "]")
        }
        Value::Tuple(list) => {
            plain(out, "(")?;
            write_items(list.items(), out, meter)?;
            plain(out, if list.items().len() == 1 { ",)" } else { ")" })
        }
        Value::Dict(dict) => {
            plain(out, "{")?;
            for (index, (key, value)) in dict.entries().iter().enumerate() {
                plain(out, if index == 0 { "" } else { ", " })?;
                write_repr(&key.value(), out, meter)?;
                plain(out, ": ")?;
                write_repr(value, out, meter)?;
            }
            plain(out, "}")
        }
        Value::Loop(state) => {
            let turn = state.index.get() + 1;
            plain(out, &format!("<LoopContext {turn}/{}>", state.length()))
        }
        Value::Series(series) if series.kind == SeriesKind::Range => {
            write_range(series.items.items(), out)
        }
        Value::Series(series) if series.kind != SeriesKind::Generator => {
            plain(out, value.type_name())?;
            plain(out, "([")?;
            write_items(series.items.items(), out, meter)?;
            plain(out, "])")
        }
        other => Err(Fault::types(format!(
            "a {} cannot be written",
            other.type_name()
        ))),
    }
}

fn write_range(numbers: &[Value], out: &mut TextBuilder) -> Result<(), TemplateError> {
    let number = |place: usize| numbers.get(place).and_then(Value::as_int);
    let start = number(0).unwrap_or(0);
    let step = number(1).map_or(1, |second| second.saturating_sub(start));
    let last = numbers.last().and_then(Value::as_int);
    let stop = last.map_or(start, |last| last.saturating_add(step.signum()));
    let step = if step == 1 {
        String::new()
    } else {
        format!(", {step}")
    };
    out.push_str(&format!("range({start}, {stop}{step})"), Origin::Template)
}

fn write_items(items: &[Value], out: &mut TextBuilder, meter: &Meter) -> Result<(), TemplateError> {
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " }, Origin::Template)?;
        write_repr(item, out, meter)?;
    }
    Ok(())
}

fn write_quoted(text: &Text, out: &mut TextBuilder) -> Result<(), TemplateError> {
    let quote = match text.as_str().contains('\'') && !text.as_str().contains('"') {
        true => '"',
        false => '\'',
    };
    out.push_char(quote, Origin::Template)?;
    for (_, char, origin) in text.chars() {
        match char {
            '\n' => out.push_str("\\n", origin)?,
            '\r' => out.push_str("\\r", origin)?,
            '\t' => out.push_str("\\t", origin)?,
            '\\' => out.push_str("\\\\", origin)?,
            char if char == quote => {
                out.push_char('\\', origin)?;
                out.push_char(char, origin)?;
            }
            char if is_printable(char) => out.push_char(char, origin)?,
            char => out.push_str(&escaped(char), origin)?,
        }
    }
    out.push_char(quote, Origin::Template)
}

fn escaped(char: char) -> String {
    match u32::from(char) {
        code @ 0..=0xFF => format!("\\x{code:02x}"),
        code @ 0x100..=0xFFFF => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Whether Python writes the character as it is: no control, no format character, no space
/// but the plain one, nothing for private use.
fn is_printable(char: char) -> bool {
    if char == ' ' {
        return true;
    }
    let formats = matches!(char,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}');
    let private = matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    !(char.is_control() || char.is_whitespace() || formats || private)
}
