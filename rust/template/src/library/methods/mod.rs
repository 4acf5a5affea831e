//! Methods of texts, dictionaries, lists and numbers: Python's, without those that change
//! their object, which Hugging Face's sandbox refuses too.

mod splitting;
mod texts;

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::value::{Key, List, ListBuilder, SeriesKind, Value, equal};

use super::sequences;
use texts::of_text;

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
