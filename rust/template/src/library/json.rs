//! `tojson` as Hugging Face's renderer has it: Python's `json.dumps`, without HTML escapes.

use std::fmt::Write as _;

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::meter::Meter;
use crate::numbers::float_repr;
use crate::text::{Origin, Text, TextBuilder};
use crate::value::{Key, Value};

use super::{size_argument, text_argument};

/// `value | tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let meter = rendering.meter.clone();
    let mut flag = |name| arguments.next(name).is_some_and(|value| value.is_true());
    let ensure_ascii = flag("ensure_ascii");
    let indent = match arguments.next("indent") {
        None | Some(Value::None) => None,
        Some(Value::Text(text)) => Some(text),
        Some(width) => {
            let mut spaces = TextBuilder::new(&meter)?;
            spaces.fill(' ', size_argument(&width, "indent")?)?;
            Some(spaces.finish())
        }
    };
    let separators = arguments.next("separators");
    let sort_keys = arguments
        .next("sort_keys")
        .is_some_and(|value| value.is_true());
    let (between, colon) = match separators {
        None | Some(Value::None) => {
            let between = if indent.is_some() { "," } else { ", " };
            let text = |text| Text::new(&meter, text, Origin::Template);
            (text(between)?, text(": ")?)
        }
        Some(pair) => match rendering.items(&pair)?.items() {
            [between, colon] => (
                text_argument(between, "separators")?,
                text_argument(colon, "separators")?,
            ),
            _ => return Err(Fault::types("`separators` are two texts")),
        },
    };
    let mut writer = Writer {
        out: TextBuilder::new(&meter)?,
        meter,
        ensure_ascii,
        sort_keys,
        indent,
        between,
        colon,
    };
    writer.value(&value, 0)?;
    Ok(Value::Text(writer.out.finish()))
}

struct Writer {
    out: TextBuilder,
    meter: Meter,
    ensure_ascii: bool,
    sort_keys: bool,
    indent: Option<Text>,
    between: Text,
    colon: Text,
}

impl Writer {
    fn plain(&mut self, text: &str) -> Result<(), TemplateError> {
        self.out.push_str(text, Origin::Template)
    }

    fn value(&mut self, value: &Value, level: usize) -> Result<(), TemplateError> {
        self.meter.spend(1)?;
        match value {
            Value::None => self.plain("null"),
            Value::Bool(bool) => self.plain(if *bool { "true" } else { "false" }),
            Value::Int(number) => self.plain(&number.to_string()),
            Value::Float(number) => self.plain(&json_float(*number)),
            Value::Text(text) => self.text(text),
            Value::List(list) | Value::Tuple(list) => {
                let items: Vec<_> = list.items().iter().map(|item| (None, item)).collect();
                self.all(&items, ["[", "]"], level)
            }
            Value::Dict(dict) => {
                let entries = dict.entries().iter();
                let mut entries: Vec<_> = entries.map(|(key, value)| (Some(key), value)).collect();
                if self.sort_keys {
                    self.meter.spend(entries.len() as u64 * 16)?;
                    entries.sort_by_key(|(key, _)| key.map(key_name));
                }
                self.all(&entries, ["{", "}"], level)
            }
            other => Err(Fault::types(format!(
                "a {} cannot be written as JSON",
                other.type_name()
            ))),
        }
    }

    fn all(
        &mut self,
        items: &[(Option<&Key>, &Value)],
        [open, close]: [&str; 2],
        level: usize,
    ) -> Result<(), TemplateError> {
        self.plain(open)?;
        for (index, (key, item)) in items.iter().enumerate() {
            if index > 0 {
                let between = self.between.clone();
                self.out.push(&between)?;
            }
            self.new_line(level + 1)?;
            if let Some(key) = key {
                match key {
                    Key::Text(text) => self.text(text)?,
                    other => self.plain(&format!("\"{}\"", key_name(other)))?,
                }
                let colon = self.colon.clone();
                self.out.push(&colon)?;
            }
            self.value(item, level + 1)?;
        }
        if !items.is_empty() {
            self.new_line(level)?;
        }
        self.plain(close)
    }

    fn new_line(&mut self, level: usize) -> Result<(), TemplateError> {
        let Some(indent) = self.indent.clone() else {
            return Ok(());
        };
        self.plain("\n")?;
        self.out.repeat(&indent, level)
    }

    fn text(&mut self, text: &Text) -> Result<(), TemplateError> {
        self.plain("\"")?;
        // Runs without an escape go over as they are.
        let mut done = 0;
        for (at, char, origin) in text.chars() {
            let Some(escape) = self.escape(char) else {
                continue;
            };
            self.out.push_part(text, done..at)?;
            self.out.push_str(&escape, origin)?;
            done = at + char.len_utf8();
        }
        self.out.push_part(text, done..text.len())?;
        self.plain("\"")
    }

    fn escape(&self, char: char) -> Option<String> {
        Some(match char {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            char if char < ' ' || self.ensure_ascii && char > '~' => {
                let mut escaped = String::new();
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a String does not fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
                escaped
            }
            _ => return None,
        })
    }
}

fn json_float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned()
    } else {
        float_repr(number)
    }
}

fn key_name(key: &Key) -> String {
    match key {
        Key::None => "null".to_owned(),
        Key::Bool(bool) => bool.to_string(),
        Key::Int(number) => number.to_string(),
        Key::Float(number) => json_float(*number),
        Key::Text(text) => text.as_str().to_owned(),
    }
}
