//! What a template is given.

use indexmap::IndexMap;

use crate::error::{Fault, TemplateError};
use crate::limits;
use crate::meter::{Interrupt, Meter};
use crate::text::{Origin, Text};
use crate::value::{Dict, Key, Value};

/// A value for a template, with the origin of every text in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `none`.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String, Origin),
    /// A list.
    List(Vec<Data>),
    /// A dictionary, in this order. The origin is that of the key.
    Dict(Vec<(String, Origin, Data)>),
}

impl Data {
    /// A dictionary whose keys are the template's own words.
    pub fn dict<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let entries = entries.into_iter();
        Self::Dict(
            entries
                .map(|(key, value)| (key.to_owned(), Origin::Template, value))
                .collect(),
        )
    }

    /// The value of `json`, all of whose texts and keys are of one origin.
    ///
    /// # Errors
    /// [`Fault::ValueTooDeep`].
    pub fn from_json(json: &serde_json::Value, origin: Origin) -> Result<Self, TemplateError> {
        from_json(json, origin, 0)
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text, _) => text.len(),
            Self::List(items) => items.iter().map(Self::text_bytes).sum(),
            Self::Dict(entries) => entries
                .iter()
                .map(|(key, _, value)| key.len() + value.text_bytes())
                .sum(),
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 8,
        }
    }

    pub(crate) fn value(&self, meter: &Meter) -> Result<Value, TemplateError> {
        Ok(match self {
            Self::None => Value::None,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text, origin) => Value::Text(Text::new(meter, text, *origin)?),
            Self::List(items) => {
                let items = items.iter().map(|item| item.value(meter));
                Value::list(meter, items.collect::<Result<_, _>>()?)?
            }
            Self::Dict(entries) => {
                let mut made = IndexMap::with_capacity(entries.len());
                for (key, origin, value) in entries {
                    let key = Key::Text(Text::new(meter, key, *origin)?);
                    made.insert(key, value.value(meter)?);
                }
                Value::Dict(Dict::new(meter, made)?)
            }
        })
    }
}

fn from_json(
    json: &serde_json::Value,
    origin: Origin,
    depth: usize,
) -> Result<Data, TemplateError> {
    use serde_json::Value as Json;
    if depth > limits::VALUE_DEPTH_MAX {
        return Err(Fault::ValueTooDeep.into());
    }
    Ok(match json {
        Json::Null => Data::None,
        Json::Bool(bool) => Data::Bool(*bool),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Data::Int(number),
            None => Data::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Data::Text(text.clone(), origin),
        Json::Array(items) => {
            let items = items.iter().map(|item| from_json(item, origin, depth + 1));
            Data::List(items.collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                from_json(value, origin, depth + 1).map(|value| (key.clone(), origin, value))
            });
            Data::Dict(entries.collect::<Result<_, _>>()?)
        }
    })
}

/// The variables of one rendering.
#[derive(Clone, Default)]
pub struct Inputs {
    pub(crate) variables: Vec<(String, Data)>,
    pub(crate) now: Option<jiff::ZonedDateTime>,
    pub(crate) interrupt: Option<Interrupt>,
}

impl Inputs {
    /// No variables, no clock, no interruption.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: Data) -> Self {
        self.variables.push((name.to_owned(), value));
        self
    }

    /// The time that `strftime_now` formats, in the user's time zone. Without it the function
    /// is unknown.
    #[must_use]
    pub fn now(mut self, now: jiff::ZonedDateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// A question that is asked again and again while rendering: whether to stop.
    #[must_use]
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    pub(crate) fn text_bytes(&self) -> usize {
        self.variables
            .iter()
            .map(|(name, value)| name.len() + value.text_bytes())
            .sum()
    }
}

impl std::fmt::Debug for Inputs {
    /// Without the values: they hold conversations.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.variables.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}
