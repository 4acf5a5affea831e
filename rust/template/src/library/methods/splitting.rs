//! Methods that split a text.

use crate::error::{Fault, TemplateError};
use crate::interpreter::CallArguments;
use crate::lexer::is_space;
use crate::library::text_argument;
use crate::library::texts::find_count;
use crate::meter::Charge;
use crate::text::Text;
use crate::value::{ListBuilder, Value};

pub(super) fn split(
    text: &Text,
    arguments: &mut CallArguments,
    from_the_end: bool,
) -> Result<Value, TemplateError> {
    let separator = arguments
        .next("sep")
        .filter(|sep| !matches!(sep, Value::None));
    let most = find_count(arguments.next("maxsplit").as_ref())?;
    let mut ranges = Ranges::new(text);
    match separator {
        None => split_at_space(text.as_str(), most, from_the_end, &mut ranges)?,
        Some(separator) => {
            let separator = text_argument(&separator, "sep")?;
            if separator.is_empty() {
                return Err(Fault::value("a text cannot be split at nothing"));
            }
            split_at(
                text.as_str(),
                separator.as_str(),
                most,
                from_the_end,
                &mut ranges,
            )?;
        }
    }
    if from_the_end {
        ranges.found.reverse();
    }
    let mut parts = ListBuilder::new(text.meter())?;
    for range in ranges.found {
        parts.push(Value::Text(text.slice(range)?))?;
    }
    parts.finish().map(Value::List)
}

/// Where the parts of a text lie. Each is paid for.
struct Ranges {
    found: Vec<std::ops::Range<usize>>,
    charge: Charge,
}

impl Ranges {
    fn new(text: &Text) -> Self {
        Self {
            found: Vec::new(),
            charge: Charge::none(text.meter()),
        }
    }

    fn push(&mut self, range: std::ops::Range<usize>) -> Result<(), TemplateError> {
        self.charge.grow(size_of_val(&range))?;
        self.charge.meter().spend(1)?;
        self.found.push(range);
        Ok(())
    }
}

/// In the order of finding: the last one first where it goes from the end.
fn split_at(
    text: &str,
    separator: &str,
    most: usize,
    from_the_end: bool,
    ranges: &mut Ranges,
) -> Result<(), TemplateError> {
    if from_the_end {
        let mut end = text.len();
        for (at, found) in text.rmatch_indices(separator).take(most) {
            ranges.push(at + found.len()..end)?;
            end = at;
        }
        ranges.push(0..end)
    } else {
        let mut start = 0;
        for (at, found) in text.match_indices(separator).take(most) {
            ranges.push(start..at)?;
            start = at + found.len();
        }
        ranges.push(start..text.len())
    }
}

fn split_at_space(
    text: &str,
    most: usize,
    from_the_end: bool,
    ranges: &mut Ranges,
) -> Result<(), TemplateError> {
    let (mut start, mut end) = (0, text.len());
    loop {
        let rest = text.get(start..end).unwrap_or_default();
        if from_the_end {
            end -= rest.len() - rest.trim_end_matches(is_space).len();
        } else {
            start += rest.len() - rest.trim_start_matches(is_space).len();
        }
        let rest = text.get(start..end).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        if ranges.found.len() == most {
            // What is left keeps its inner white space.
            return ranges.push(start..end);
        }
        if from_the_end {
            let space = rest.char_indices().rev().find(|(_, char)| is_space(*char));
            let word = space.map_or(start, |(at, char)| start + at + char.len_utf8());
            ranges.push(word..end)?;
            end = word;
        } else {
            let word = rest.find(is_space).map_or(end, |at| start + at);
            ranges.push(start..word)?;
            start = word;
        }
    }
}

pub(super) fn splitlines(
    text: &Text,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let keep = arguments
        .next("keepends")
        .is_some_and(|value| value.is_true());
    let mut lines = ListBuilder::new(text.meter())?;
    let mut start = 0;
    let mut chars = text.as_str().char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let breaks = matches!(
            char,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        );
        if !breaks {
            continue;
        }
        let mut end = at + char.len_utf8();
        if char == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(Value::Text(text.slice(start..if keep { end } else { at })?))?;
        start = end;
    }
    if start < text.len() {
        lines.push(Value::Text(text.slice(start..text.len())?))?;
    }
    lines.finish().map(Value::List)
}

pub(super) fn partition(
    text: &Text,
    arguments: &mut CallArguments,
    last: bool,
) -> Result<Value, TemplateError> {
    let separator = text_argument(&arguments.required("sep")?, "sep")?;
    if separator.is_empty() {
        return Err(Fault::value("a text cannot be split at nothing"));
    }
    let string = text.as_str();
    let found = match last {
        true => string.rfind(separator.as_str()),
        false => string.find(separator.as_str()),
    };
    let length = text.len();
    let ranges = match found {
        Some(at) => [
            0..at,
            at..at + separator.len(),
            at + separator.len()..length,
        ],
        None if last => [0..0, 0..0, 0..length],
        None => [0..length, 0..0, 0..0],
    };
    let mut parts = ListBuilder::new(text.meter())?;
    for range in ranges {
        parts.push(Value::Text(text.slice(range)?))?;
    }
    parts.finish().map(Value::Tuple)
}
