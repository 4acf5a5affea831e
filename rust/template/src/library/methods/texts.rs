//! Methods of texts.

use crate::error::{Fault, TemplateError};
use crate::format;
use crate::interpreter::{CallArguments, Rendering};
use crate::lexer::is_space;
use crate::library::texts::{
    self, Side, capitalized, find_count, lowered, padded, replaced, strip, uppered,
};
use crate::library::{int_argument, sequences, size_argument, text_argument};
use crate::text::{Text, TextBuilder};
use crate::value::Value;

use super::splitting::{partition, split, splitlines};

pub(super) fn of_text(
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
