//! Methods of texts, dictionaries, lists and numbers: Python's, without those that change
//! their object, which Hugging Face's sandbox refuses too.

use crate::error::{Fault, TemplateError};
use crate::format;
use crate::interpreter::{CallArguments, Rendering};
use crate::lexer::is_space;
use crate::meter::Charge;
use crate::text::{Text, TextBuilder};
use crate::value::{Key, List, ListBuilder, SeriesKind, Value, equal};

use super::texts::{Side, capitalized, find_count, lowered, padded, replaced, strip, uppered};
use super::{int_argument, sequences, size_argument, text_argument, texts};

const TEXT: [&str; 40] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "istitle",
    "zfill",
];
const DICT: [&str; 5] = ["copy", "get", "items", "keys", "values"];
const CHANGING: [&str; 12] = [
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
    "add",
];

/// Whether `value.name` is a method.
pub(crate) fn exists(value: &Value, name: &str) -> bool {
    match value {
        Value::Text(_) => TEXT.contains(&name),
        Value::Dict(_) => DICT.contains(&name),
        Value::List(_) => matches!(name, "copy" | "count" | "index"),
        Value::Tuple(_) => matches!(name, "count" | "index"),
        Value::Loop(_) => matches!(name, "cycle" | "changed"),
        Value::Float(_) => name == "is_integer",
        Value::Series(series) if series.kind == SeriesKind::Range => {
            matches!(name, "count" | "index")
        }
        _ => false,
    }
}

/// Whether Python has the method, and the sandbox refuses it.
pub(crate) fn is_forbidden(value: &Value, name: &str) -> bool {
    name.starts_with('_')
        || matches!(value, Value::List(_) | Value::Dict(_)) && CHANGING.contains(&name)
}

pub(crate) fn call(
    rendering: &mut Rendering,
    value: &Value,
    name: &str,
    mut arguments: CallArguments,
) -> Result<Value, TemplateError> {
    let called = match value {
        Value::Text(text) => of_text(rendering, text, name, &mut arguments)?,
        Value::Dict(dict) => match name {
            "get" => {
                let key = arguments.required("key")?;
                let otherwise = arguments.next("default").unwrap_or(Value::None);
                let found = dict.entries().get(&Key::of(&key)?);
                found.cloned().unwrap_or(otherwise)
            }
            "items" => {
                let pairs = sequences::items(rendering, value.clone(), &mut arguments)?;
                Value::series(SeriesKind::DictItems, rendering.items(&pairs)?)?
            }
            "keys" => Value::series(SeriesKind::DictKeys, rendering.items(value)?)?,
            "values" => {
                let mut values = ListBuilder::new(&rendering.meter)?;
                for value in dict.entries().values() {
                    values.push(value.clone())?;
                }
                Value::series(SeriesKind::DictValues, values.finish()?)?
            }
            _ => value.clone(),
        },
        Value::List(list) | Value::Tuple(list) => match name {
            "copy" => value.clone(),
            _ => of_list(rendering, list, name, &mut arguments)?,
        },
        Value::Series(series) => of_list(rendering, &series.items, name, &mut arguments)?,
        Value::Loop(state) => return rendering.call_loop_method(state, name, arguments),
        Value::Float(number) => Value::Bool(number.fract() == 0.0),
        _ => return Err(Fault::unknown("method", name)),
    };
    arguments.finish()?;
    Ok(called)
}

fn of_list(
    rendering: &mut Rendering,
    list: &List,
    name: &str,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let wanted = arguments.required("value")?;
    let mut count = 0;
    for (place, item) in list.items().iter().enumerate() {
        if equal(item, &wanted, &rendering.meter)? {
            if name == "index" {
                return Ok(Value::count(place));
            }
            count += 1;
        }
    }
    match name {
        "index" => Err(Fault::value("`index` did not find the value")),
        _ => Ok(Value::count(count)),
    }
}

fn of_text(
    rendering: &mut Rendering,
    text: &Text,
    name: &str,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let meter = rendering.meter.clone();
    meter.read(text.len())?;
    let string = text.as_str();
    let all = |is: fn(char) -> bool| Ok(Value::Bool(!string.is_empty() && string.chars().all(is)));
    let cased = |wanted: fn(char) -> bool, other: fn(char) -> bool| {
        Ok(Value::Bool(
            string.chars().any(wanted) && !string.chars().any(other),
        ))
    };
    match name {
        "capitalize" => capitalized(text).map(Value::Text),
        "lower" => lowered(text).map(Value::Text),
        "casefold" => texts::folded(text).map(Value::Text),
        "upper" => uppered(text).map(Value::Text),
        "title" => titled(text).map(Value::Text),
        "swapcase" => swapped(text).map(Value::Text),
        "strip" => strip(text, arguments.next("chars"), [true, true]).map(Value::Text),
        "lstrip" => strip(text, arguments.next("chars"), [true, false]).map(Value::Text),
        "rstrip" => strip(text, arguments.next("chars"), [false, true]).map(Value::Text),
        "startswith" | "endswith" => affixed(rendering, text, name, arguments),
        "removeprefix" | "removesuffix" => without_affix(text, name, arguments),
        "split" => split(text, arguments, false),
        "rsplit" => split(text, arguments, true),
        "splitlines" => splitlines(text, arguments),
        "partition" => partition(text, arguments, false),
        "rpartition" => partition(text, arguments, true),
        "replace" => {
            let old = text_argument(&arguments.required("old")?, "old")?;
            let new = text_argument(&arguments.required("new")?, "new")?;
            let count = arguments.next("count");
            replaced(text, &old, &new, find_count(count.as_ref())?).map(Value::Text)
        }
        "join" => joined(rendering, text, arguments),
        "format" => {
            let positional = arguments.rest();
            let keyword = std::mem::take(&mut arguments.keyword);
            format::braces(rendering, text, &positional, &keyword).map(Value::Text)
        }
        "count" | "find" | "rfind" | "index" | "rindex" => find(text, name, arguments),
        "center" => pad(text, arguments, Side::Both),
        "ljust" => pad(text, arguments, Side::Left),
        "rjust" => pad(text, arguments, Side::Right),
        "zfill" => zfill(text, arguments),
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => Ok(Value::Bool(string.is_ascii())),
        "isdecimal" => all(|char| char.is_ascii_digit()),
        "isdigit" => all(|char| {
            char.is_ascii_digit() || matches!(char, '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉')
        }),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "istitle" => Ok(Value::Bool(
            string.chars().any(char::is_alphabetic) && titled(text)? == *text,
        )),
        "islower" => cased(char::is_lowercase, char::is_uppercase),
        "isupper" => cased(char::is_uppercase, char::is_lowercase),
        _ => Err(Fault::unknown("method", name)),
    }
}

/// Python's `title`: words begin after anything that is no letter.
fn titled(text: &Text) -> Result<Text, TemplateError> {
    let mut whole = TextBuilder::new(text.meter())?;
    let mut in_word = false;
    let mut piece = String::new();
    for (_, char, origin) in text.chars() {
        piece.clear();
        match in_word {
            true => piece.extend(char.to_lowercase()),
            false => texts::title_char(char, &mut piece),
        }
        whole.push_str(&piece, origin)?;
        in_word = char.is_alphabetic();
    }
    Ok(whole.finish())
}

fn swapped(text: &Text) -> Result<Text, TemplateError> {
    let mut whole = TextBuilder::new(text.meter())?;
    for (_, char, origin) in text.chars() {
        if char.is_uppercase() {
            for lower in char.to_lowercase() {
                whole.push_char(lower, origin)?;
            }
        } else {
            for upper in char.to_uppercase() {
                whole.push_char(upper, origin)?;
            }
        }
    }
    Ok(whole.finish())
}

/// The bytes between the characters `start` and `end` of the arguments.
fn window(
    text: &Text,
    arguments: &mut CallArguments,
) -> Result<std::ops::Range<usize>, TemplateError> {
    let mut bound = |name: &str, absent: usize| match arguments.next(name) {
        None | Some(Value::None) => Ok::<_, TemplateError>(absent),
        Some(value) => {
            let index = int_argument(&value, name)?;
            let length = i64::try_from(text.char_count()).unwrap_or(i64::MAX);
            let index = if index < 0 {
                (index.saturating_add(length)).max(0)
            } else {
                index
            };
            Ok(text.byte_of_char(usize::try_from(index).unwrap_or(usize::MAX)))
        }
    };
    let start = bound("start", 0)?;
    let end = bound("end", text.len())?;
    Ok(start..end.max(start))
}

fn affixed(
    rendering: &mut Rendering,
    text: &Text,
    name: &str,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let affix = arguments.required("prefix")?;
    let range = window(text, arguments)?;
    let part = text.as_str().get(range).unwrap_or_default();
    let at_start = name == "startswith";
    let found = sequences::any_of(rendering, &affix, "prefix", |affix| match at_start {
        true => part.starts_with(affix.as_str()),
        false => part.ends_with(affix.as_str()),
    })?;
    Ok(Value::Bool(found))
}

fn without_affix(
    text: &Text,
    name: &str,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let affix = text_argument(&arguments.required("prefix")?, "prefix")?;
    let string = text.as_str();
    let range = match name {
        "removeprefix" if string.starts_with(affix.as_str()) => affix.len()..text.len(),
        "removesuffix" if string.ends_with(affix.as_str()) => 0..text.len() - affix.len(),
        _ => 0..text.len(),
    };
    text.slice(range).map(Value::Text)
}

fn split(
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

fn splitlines(text: &Text, arguments: &mut CallArguments) -> Result<Value, TemplateError> {
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

fn partition(
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

fn joined(
    rendering: &mut Rendering,
    between: &Text,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let items = arguments.required("iterable")?;
    let mut whole = TextBuilder::new(&rendering.meter)?;
    for (index, item) in rendering.items(&items)?.items().iter().enumerate() {
        rendering.meter.spend(1)?;
        if index > 0 {
            whole.push(between)?;
        }
        let Value::Text(item) = item else {
            return Err(Fault::types(format!(
                "`join` expects texts, not {}",
                item.type_name()
            )));
        };
        whole.push(item)?;
    }
    Ok(Value::Text(whole.finish()))
}

fn find(text: &Text, name: &str, arguments: &mut CallArguments) -> Result<Value, TemplateError> {
    let wanted = text_argument(&arguments.required("sub")?, "sub")?;
    let range = window(text, arguments)?;
    let part = text.as_str().get(range.clone()).unwrap_or_default();
    let found = match name {
        "count" => return Ok(Value::count(part.matches(wanted.as_str()).count())),
        "rfind" | "rindex" => part.rfind(wanted.as_str()),
        _ => part.find(wanted.as_str()),
    };
    match found {
        Some(at) => {
            let before = text.as_str().get(..range.start + at).unwrap_or_default();
            Ok(Value::count(before.chars().count()))
        }
        None if name.ends_with("index") => Err(Fault::value("`index` did not find the text")),
        None => Ok(Value::Int(-1)),
    }
}

fn pad(text: &Text, arguments: &mut CallArguments, side: Side) -> Result<Value, TemplateError> {
    let width = size_argument(&arguments.required("width")?, "width")?;
    let fill = match arguments.next("fillchar") {
        None => ' ',
        Some(fill) => {
            let fill = text_argument(&fill, "fillchar")?;
            let mut chars = fill.as_str().chars();
            match (chars.next(), chars.next()) {
                (Some(fill), None) => fill,
                _ => return Err(Fault::types("`fillchar` is one character")),
            }
        }
    };
    padded(text, width, fill, side).map(Value::Text)
}

fn zfill(text: &Text, arguments: &mut CallArguments) -> Result<Value, TemplateError> {
    let width = size_argument(&arguments.required("width")?, "width")?;
    let missing = width.saturating_sub(text.char_count());
    let signed = usize::from(text.as_str().starts_with(['-', '+']));
    let mut whole = TextBuilder::new(text.meter())?;
    whole.push_part(text, 0..signed)?;
    whole.fill('0', missing)?;
    whole.push_part(text, signed..text.len())?;
    Ok(Value::Text(whole.finish()))
}
