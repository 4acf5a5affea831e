//! Filters of text.

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::lexer::is_space;
use crate::text::{Origin, Text, TextBuilder};
use crate::value::{Dict, Key, List, Value};

use super::{size_argument, text_argument, written};

type Filtered = Result<Value, TemplateError>;

pub(super) fn string(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    written(rendering, &value).map(Value::Text)
}

/// Every character, mapped; what it becomes has its origin.
fn mapped(
    text: &Text,
    mut map: impl FnMut(usize, char, &mut String),
) -> Result<Text, TemplateError> {
    let mut whole = TextBuilder::new(text.meter())?;
    let mut piece = String::new();
    for (at, char, origin) in text.chars() {
        piece.clear();
        map(at, char, &mut piece);
        whole.push_str(&piece, origin)?;
    }
    Ok(whole.finish())
}

pub(super) fn lowered(text: &Text) -> Result<Text, TemplateError> {
    mapped(text, |at, char, piece| {
        lower_char(text.as_str(), at, char, piece)
    })
}

/// Lower case for comparisons: what differs only in case becomes the same.
pub(super) fn folded(text: &Text) -> Result<Text, TemplateError> {
    mapped(text, |_, char, piece| match char {
        'ß' | 'ẞ' => piece.push_str("ss"),
        'ς' => piece.push('σ'),
        char => piece.extend(char.to_lowercase()),
    })
}

pub(super) fn uppered(text: &Text) -> Result<Text, TemplateError> {
    mapped(text, |_, char, piece| piece.extend(char.to_uppercase()))
}

/// A sigma at the end of a word has a form of its own.
fn lower_char(text: &str, at: usize, char: char, piece: &mut String) {
    let ends_word = char == 'Σ'
        && text
            .get(..at)
            .is_some_and(|before| before.ends_with(char::is_alphabetic))
        && !text
            .get(at + char.len_utf8()..)
            .is_some_and(|after| after.starts_with(char::is_alphabetic));
    match ends_word {
        true => piece.push('ς'),
        false => piece.extend(char.to_lowercase()),
    }
}

/// The first character of a word. Python has title case, which differs from upper case for
/// the few letters that are two in one.
pub(super) fn title_char(char: char, piece: &mut String) {
    match char {
        'Ǆ'..='ǆ' => piece.push('ǅ'),
        'Ǉ'..='ǉ' => piece.push('ǈ'),
        'Ǌ'..='ǌ' => piece.push('ǋ'),
        'Ǳ'..='ǳ' => piece.push('ǲ'),
        _ => {
            let mut upper = char.to_uppercase();
            piece.extend(upper.next());
            // `ß` becomes `Ss`, not `SS`.
            piece.extend(upper.flat_map(char::to_lowercase));
        }
    }
}

pub(super) fn capitalized(text: &Text) -> Result<Text, TemplateError> {
    mapped(text, |at, char, piece| match at {
        0 => title_char(char, piece),
        _ => lower_char(text.as_str(), at, char, piece),
    })
}

pub(super) fn lower(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    lowered(&written(rendering, &value)?).map(Value::Text)
}

pub(super) fn upper(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    uppered(&written(rendering, &value)?).map(Value::Text)
}

pub(super) fn capitalize(
    rendering: &mut Rendering,
    value: Value,
    _: &mut CallArguments,
) -> Filtered {
    capitalized(&written(rendering, &value)?).map(Value::Text)
}

/// Words begin after white space, a hyphen or an opening bracket.
pub(super) fn title(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    let text = written(rendering, &value)?;
    let mut begins = true;
    mapped(&text, |at, char, piece| {
        if begins {
            piece.extend(char.to_uppercase());
        } else {
            lower_char(text.as_str(), at, char, piece);
        }
        begins = is_space(char) || matches!(char, '-' | '(' | '{' | '[' | '<');
    })
    .map(Value::Text)
}

/// The range of `text` without the characters that `strips` at its ends.
pub(super) fn stripped(
    text: &Text,
    strips: impl Fn(char) -> bool,
    ends: [bool; 2],
) -> Result<Text, TemplateError> {
    let string = text.as_str();
    text.meter().read(string.len())?;
    let kept = match ends[0] {
        true => string.trim_start_matches(&strips),
        false => string,
    };
    let start = string.len() - kept.len();
    let kept = match ends[1] {
        true => kept.trim_end_matches(&strips),
        false => kept,
    };
    text.slice(start..start + kept.len())
}

/// Strips the characters of an argument, or white space without one.
pub(super) fn strip(
    text: &Text,
    chars: Option<Value>,
    ends: [bool; 2],
) -> Result<Text, TemplateError> {
    match chars {
        None | Some(Value::None) => stripped(text, is_space, ends),
        Some(chars) => {
            let chars = text_argument(&chars, "chars")?;
            let set: std::collections::HashSet<char> = chars.as_str().chars().collect();
            stripped(text, |char| set.contains(&char), ends)
        }
    }
}

pub(super) fn trim(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    strip(&text, arguments.next("chars"), [true, true]).map(Value::Text)
}

/// `text` with the first `count` finds of `old` replaced.
pub(super) fn replaced(
    text: &Text,
    old: &Text,
    new: &Text,
    count: usize,
) -> Result<Text, TemplateError> {
    let mut whole = TextBuilder::new(text.meter())?;
    text.meter().read(text.len())?;
    let mut done = 0;
    // An empty `old` is found before every character and at the end, as in Python.
    for (at, _) in text.as_str().match_indices(old.as_str()).take(count) {
        text.meter().spend(1)?;
        whole.push_part(text, done..at)?;
        whole.push(new)?;
        done = at + old.len();
    }
    whole.push_part(text, done..text.len())?;
    Ok(whole.finish())
}

/// How many finds a `count` argument means; all of them without one or below 0.
pub(super) fn find_count(count: Option<&Value>) -> Result<usize, TemplateError> {
    match count {
        None | Some(Value::None) => Ok(usize::MAX),
        Some(count) => {
            Ok(usize::try_from(super::int_argument(count, "count")?).unwrap_or(usize::MAX))
        }
    }
}

pub(super) fn replace(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    let old = arguments.required("old")?;
    let new = arguments.required("new")?;
    let count = arguments.next("count");
    let (old, new) = (written(rendering, &old)?, written(rendering, &new)?);
    replaced(&text, &old, &new, find_count(count.as_ref())?).map(Value::Text)
}

pub(super) fn center(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    let width = match arguments.next("width") {
        Some(width) => size_argument(&width, "width")?,
        None => 80,
    };
    padded(&text, width, ' ', Side::Both).map(Value::Text)
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
    Both,
}

/// `text` with `fill` around it up to `width` characters; `side` is where the text is.
pub(crate) fn padded(
    text: &Text,
    width: usize,
    fill: char,
    side: Side,
) -> Result<Text, TemplateError> {
    let missing = width.saturating_sub(text.char_count());
    let before = match side {
        Side::Left => 0,
        Side::Right => missing,
        // As CPython does it: the odd one goes left where the width is odd too.
        Side::Both => missing / 2 + (missing & width & 1),
    };
    let mut whole = TextBuilder::new(text.meter())?;
    whole.fill(fill, before)?;
    whole.push(text)?;
    whole.fill(fill, missing - before)?;
    Ok(whole.finish())
}

pub(super) fn escape(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    let text = written(rendering, &value)?;
    mapped(&text, |_, char, piece| match char {
        '&' => piece.push_str("&amp;"),
        '<' => piece.push_str("&lt;"),
        '>' => piece.push_str("&gt;"),
        '\'' => piece.push_str("&#39;"),
        '"' => piece.push_str("&#34;"),
        char => piece.push(char),
    })
    .map(Value::Text)
}

pub(super) fn format(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let pattern = written(rendering, &value)?;
    let meter = rendering.meter.clone();
    let keyword = std::mem::take(&mut arguments.keyword);
    let values = match keyword.is_empty() {
        true => Value::Tuple(List::new(&meter, arguments.rest())?),
        false => {
            let mut entries = indexmap::IndexMap::new();
            for (name, value) in keyword {
                let name = Text::new(&meter, &name, Origin::Template)?;
                entries.insert(Key::Text(name), value);
            }
            Value::Dict(Dict::new(&meter, entries)?)
        }
    };
    crate::format::percent(&pattern, &values, &meter).map(Value::Text)
}

pub(super) fn indent(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    let meter = rendering.meter.clone();
    let margin = match arguments.next("width") {
        Some(Value::Text(margin)) => margin,
        width => {
            let width = width.map_or(Ok(4), |width| size_argument(&width, "width"))?;
            let mut spaces = TextBuilder::new(&meter)?;
            spaces.fill(' ', width)?;
            spaces.finish()
        }
    };
    let first = arguments.next("first").is_some_and(|value| value.is_true());
    let blank = arguments.next("blank").is_some_and(|value| value.is_true());
    let mut whole = TextBuilder::new(&meter)?;
    let mut start = 0;
    for (index, line) in text.as_str().split_inclusive('\n').enumerate() {
        meter.spend(1)?;
        let empty = line.trim_end_matches(['\n', '\r']).is_empty();
        if (index > 0 || first) && (blank || !empty || index == 0) {
            whole.push(&margin)?;
        }
        whole.push_part(&text, start..start + line.len())?;
        start += line.len();
    }
    // A text that ends with a newline has one more, empty, line.
    if blank && text.as_str().ends_with('\n') {
        whole.push(&margin)?;
    }
    Ok(Value::Text(whole.finish()))
}

pub(super) fn truncate(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    let length = match arguments.next("length") {
        Some(length) => size_argument(&length, "length")?,
        None => 255,
    };
    let whole_words = !arguments
        .next("killwords")
        .is_some_and(|value| value.is_true());
    let end = match arguments.next("end") {
        Some(end) => text_argument(&end, "end")?,
        None => Text::new(&rendering.meter, "...", Origin::Template)?,
    };
    let leeway = match arguments.next("leeway") {
        Some(leeway) => size_argument(&leeway, "leeway")?,
        None => 5,
    };
    let ending = end.char_count();
    if length < ending {
        return Err(Fault::value(
            "`length` is shorter than what is put at the end",
        ));
    }
    if text.char_count() <= length.saturating_add(leeway) {
        return Ok(Value::Text(text));
    }
    let mut cut = text.byte_of_char(length - ending);
    if whole_words && let Some(space) = text.as_str().get(..cut).and_then(|kept| kept.rfind(' ')) {
        cut = space;
    }
    let mut whole = TextBuilder::new(&rendering.meter)?;
    whole.push_part(&text, 0..cut)?;
    whole.push(&end)?;
    Ok(Value::Text(whole.finish()))
}

pub(super) fn wordcount(
    rendering: &mut Rendering,
    value: Value,
    _: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    rendering.meter.read(text.len())?;
    let words = text
        .as_str()
        .split(|char: char| !(char.is_alphanumeric() || char == '_'))
        .filter(|word| !word.is_empty());
    Ok(Value::count(words.count()))
}

pub(super) fn urlencode(
    rendering: &mut Rendering,
    value: Value,
    _: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    mapped(&text, |_, char, piece| {
        if char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-' | '~' | '/') {
            piece.push(char);
            return;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            piece.push('%');
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            piece.push(digit(byte >> 4).to_ascii_uppercase());
            piece.push(digit(byte & 15).to_ascii_uppercase());
        }
    })
    .map(Value::Text)
}

/// Breaks lines at white space so that they have at most `width` characters.
pub(super) fn wordwrap(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let text = written(rendering, &value)?;
    let width = match arguments.next("width") {
        Some(width) => size_argument(&width, "width")?.max(1),
        None => 79,
    };
    let break_long = arguments
        .next("break_long_words")
        .is_none_or(|value| value.is_true());
    let between = match arguments.next("wrapstring") {
        None | Some(Value::None) => Text::new(&rendering.meter, "\n", Origin::Template)?,
        Some(between) => text_argument(&between, "wrapstring")?,
    };
    let mut whole = TextBuilder::new(&rendering.meter)?;
    let mut start = 0;
    for (index, line) in text.as_str().split('\n').enumerate() {
        if index > 0 {
            whole.push(&between)?;
        }
        wrap_line(
            &text,
            start..start + line.len(),
            width,
            break_long,
            &between,
            &mut whole,
        )?;
        start += line.len() + 1;
    }
    Ok(Value::Text(whole.finish()))
}

fn wrap_line(
    text: &Text,
    line: std::ops::Range<usize>,
    width: usize,
    break_long: bool,
    between: &Text,
    out: &mut TextBuilder,
) -> Result<(), TemplateError> {
    let string = text.as_str().get(line.clone()).unwrap_or_default();
    let mut used = 0;
    let mut at = line.start;
    // White space waits for a word that fits behind it.
    let mut space = line.start..line.start;
    for word in string.split_inclusive(is_space) {
        text.meter().spend(1)?;
        let bare = word.trim_end_matches(is_space);
        let mut rest = at..at + bare.len();
        let mut length = bare.chars().count();
        let spaces = space.len();
        if length > 0 && used > 0 && used + spaces + length > width {
            out.push(between)?;
            used = 0;
        } else if length > 0 {
            out.push_part(text, space.clone())?;
            used += spaces;
        }
        while break_long && length > width {
            let part = text.as_str().get(rest.clone()).unwrap_or_default();
            let cut = part
                .char_indices()
                .nth(width)
                .map_or(part.len(), |(at, _)| at);
            out.push_part(text, rest.start..rest.start + cut)?;
            out.push(between)?;
            rest.start += cut;
            length -= width;
        }
        out.push_part(text, rest)?;
        used += length;
        let end = at + word.len();
        space = match length {
            0 => space.start..end,
            _ => at + bare.len()..end,
        };
        at = end;
    }
    Ok(())
}
