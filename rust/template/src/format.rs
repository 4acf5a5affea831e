//! Python's two ways of formatting: `'%s' % value` and `'{}'.format(value)`.

use crate::ast::Name;
use crate::error::{Fault, TemplateError};
use crate::interpreter::Rendering;
use crate::library::{Side, padded};
use crate::meter::Meter;
use crate::numbers::{float_repr, truncate};
use crate::print;
use crate::text::{Origin, Text, TextBuilder};
use crate::value::Value;

/// How one value is to be written.
#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    comma: bool,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

fn not_a_format() -> TemplateError {
    Fault::value("a format cannot be read")
}

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

/// A number at the start of `rest`, which is moved behind it.
fn digits(rest: &mut &str) -> Result<Option<usize>, TemplateError> {
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

fn write_number(
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
