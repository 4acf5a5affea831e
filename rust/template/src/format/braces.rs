//! `pattern.format(values…)`.

use crate::ast::Name;
use crate::error::{Fault, TemplateError};
use crate::interpreter::Rendering;
use crate::library::{Side, padded};
use crate::print;
use crate::text::{Text, TextBuilder};
use crate::value::Value;

use super::{Spec, digits, not_a_format, write_number};

/// Fields are numbered by themselves or by the pattern, not both.
#[derive(Default)]
struct Numbering {
    next: usize,
    by_pattern: bool,
}

impl Numbering {
    fn automatic(&mut self) -> Result<usize, TemplateError> {
        self.next += 1;
        match self.by_pattern {
            true => Err(not_a_format()),
            false => Ok(self.next - 1),
        }
    }

    fn manual(&mut self) -> Result<(), TemplateError> {
        self.by_pattern = true;
        match self.next {
            0 => Ok(()),
            _ => Err(not_a_format()),
        }
    }
}

/// `pattern.format(values…)`.
pub(crate) fn braces(
    rendering: &mut Rendering,
    pattern: &Text,
    positional: &[Value],
    keyword: &[(Name, Value)],
) -> Result<Text, TemplateError> {
    let mut out = TextBuilder::new(&rendering.meter)?;
    let string = pattern.as_str();
    let mut next = Numbering::default();
    let mut done = 0;
    while let Some(found) = string.get(done..).and_then(|rest| rest.find(['{', '}'])) {
        rendering.meter.spend(1)?;
        let at = done + found;
        out.push_part(pattern, done..at)?;
        let rest = string.get(at..).unwrap_or_default();
        if rest.starts_with("{{") || rest.starts_with("}}") {
            out.push_part(pattern, at..at + 1)?;
            done = at + 2;
            continue;
        }
        let end = field_end(rest).ok_or_else(not_a_format)?;
        let field = rest.get(1..end).unwrap_or_default();
        let (path, spec) = field.split_once(':').unwrap_or((field, ""));
        let (path, conversion) = match path.split_once('!') {
            Some((path, conversion)) => (path, conversion),
            None => (path, ""),
        };
        let value = field_value(rendering, path, positional, keyword, &mut next)?;
        // A width or precision may be a field itself.
        let mut filled = String::new();
        let mut spec = spec;
        while let Some((before, after)) = spec.split_once('{') {
            let (path, after) = after.split_once('}').ok_or_else(not_a_format)?;
            let inner = field_value(rendering, path, positional, keyword, &mut next)?;
            filled.push_str(before);
            let inner = inner.as_int().ok_or_else(not_a_format)?;
            filled.push_str(&inner.to_string());
            spec = after;
        }
        filled.push_str(spec);
        write_field(rendering, &value, conversion, &filled, &mut out)?;
        done = at + end + 1;
    }
    out.push_part(pattern, done..string.len())?;
    Ok(out.finish())
}

/// Where the field ends that `text` begins with, one level of fields inside included.
fn field_end(text: &str) -> Option<usize> {
    let mut level = 0;
    for (at, char) in text.char_indices() {
        match char {
            '{' => level += 1,
            '}' => level -= 1,
            _ => {}
        }
        if level == 0 || level > 2 {
            return (level == 0 && at > 0).then_some(at);
        }
    }
    None
}

/// The value of `name`, `0.name` or `name[0]`; of the next place where nothing is named.
fn field_value(
    rendering: &mut Rendering,
    path: &str,
    positional: &[Value],
    keyword: &[(Name, Value)],
    next: &mut Numbering,
) -> Result<Value, TemplateError> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (first, mut rest) = path.split_at(end);
    let missing = || Fault::value("a format asks for a value that is not there");
    let place = match first {
        "" => Some(next.automatic()?),
        first => first.parse().ok(),
    };
    if place.is_some() && !first.is_empty() {
        next.manual()?;
    }
    let found = match place {
        Some(place) => positional.get(place).cloned(),
        None => keyword
            .iter()
            .find(|(name, _)| &**name == first)
            .map(|(_, value)| value.clone()),
    };
    let mut value = found.ok_or_else(missing)?;
    while !rest.is_empty() {
        rendering.meter.spend(1)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            value = rendering.attribute(&value, name)?;
            rest = after;
        } else {
            let inner = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let (name, after) = inner.ok_or_else(not_a_format)?;
            value = match name.parse() {
                Ok(index) => rendering.item(&value, &Value::Int(index))?,
                Err(_) => rendering.item_named(&value, name)?,
            };
            rest = after;
        }
    }
    Ok(value)
}

fn write_field(
    rendering: &mut Rendering,
    value: &Value,
    conversion: &str,
    spec: &str,
    out: &mut TextBuilder,
) -> Result<(), TemplateError> {
    let meter = rendering.meter.clone();
    let converted = match conversion {
        "" => None,
        "s" => Some(print::to_text(value, &meter)?),
        "r" => {
            let mut text = TextBuilder::new(&meter)?;
            print::write_repr(value, &mut text, &meter)?;
            Some(text.finish())
        }
        _ => return Err(not_a_format()),
    };
    let spec = brace_spec(spec)?;
    let number = value.as_float().is_some() && !matches!(value, Value::Bool(_));
    if converted.is_none() && (number || value.as_int().is_some() && spec.kind.is_some()) {
        return write_number(value, &spec, out, &meter);
    }
    if !matches!(spec.kind, None | Some('s')) {
        return Err(Fault::types(
            "a format for numbers does not write this value",
        ));
    }
    let text = match converted {
        Some(text) => text,
        None => print::to_text(value, &meter)?,
    };
    let cut = spec
        .precision
        .map_or(text.len(), |most| text.byte_of_char(most));
    let side = match spec.align {
        Some('>') => Side::Right,
        Some('^') => Side::Both,
        _ => Side::Left,
    };
    let fill = spec.fill.unwrap_or(' ');
    out.push(&padded(&text.slice(0..cut)?, spec.width, fill, side)?)
}

/// `[[fill]align][sign][#][0][width][,][.precision][kind]`.
fn brace_spec(text: &str) -> Result<Spec, TemplateError> {
    const ALIGNS: [char; 4] = ['<', '>', '^', '='];
    let mut spec = Spec::default();
    let mut rest = text;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(fill), Some(align)) if ALIGNS.contains(&align) => {
            (spec.fill, spec.align) = (Some(fill), Some(align));
            rest = chars.as_str();
        }
        (Some(align), _) if ALIGNS.contains(&align) => {
            spec.align = Some(align);
            rest = text.get(1..).unwrap_or_default();
        }
        _ => {}
    }
    if let Some(sign) = rest.chars().next().filter(|sign| "+- ".contains(*sign)) {
        spec.sign = Some(sign);
        rest = rest.get(1..).unwrap_or_default();
    }
    let skip = |rest: &mut &str, flag: char| {
        let after = rest.strip_prefix(flag);
        *rest = after.unwrap_or(rest);
        after.is_some()
    };
    spec.alternate = skip(&mut rest, '#');
    spec.zero = skip(&mut rest, '0');
    spec.width = digits(&mut rest)?.unwrap_or(0);
    spec.comma = skip(&mut rest, ',');
    if skip(&mut rest, '.') {
        spec.precision = Some(digits(&mut rest)?.ok_or_else(not_a_format)?);
    }
    let mut chars = rest.chars();
    spec.kind = chars.next();
    match chars.next() {
        None => Ok(spec),
        Some(_) => Err(not_a_format()),
    }
}
