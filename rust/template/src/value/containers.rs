//! Lists, dictionaries and their keys.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use indexmap::IndexMap;

use crate::error::{Fault, TemplateError};
use crate::limits;
use crate::meter::{Charge, Meter};
use crate::numbers::truncate;
use crate::text::Text;

use super::Value;

#[derive(Clone)]
pub(crate) struct List(Rc<ListBody>);

struct ListBody {
    items: Vec<Value>,
    depth: usize,
    charge: Charge,
}

#[derive(Clone)]
pub(crate) struct Dict(Rc<DictBody>);

struct DictBody {
    entries: IndexMap<Key, Value>,
    depth: usize,
    _charge: Charge,
}

/// What a dictionary is asked for.
#[derive(Clone)]
pub(crate) enum Key {
    None,
    Bool(bool),
    Int(i64),
    /// No whole number.
    Float(f64),
    Text(Text),
}

const ITEM_BYTES: usize = size_of::<Value>();

const ENTRY_BYTES: usize = size_of::<(Key, Value)>() + 24;

const BODY_BYTES: usize = size_of::<DictBody>() + 16;

impl List {
    pub(crate) fn new(meter: &Meter, items: Vec<Value>) -> Result<Self, TemplateError> {
        let mut builder = ListBuilder::new(meter)?;
        builder.charge.grow(items.len() * ITEM_BYTES)?;
        builder.items = items;
        builder.finish()
    }

    pub(crate) fn items(&self) -> &[Value] {
        &self.0.items
    }

    pub(super) fn depth(&self) -> usize {
        self.0.depth
    }

    pub(super) fn meter(&self) -> &Meter {
        self.0.charge.meter()
    }
}

/// A list under construction. Every push is paid for.
pub(crate) struct ListBuilder {
    items: Vec<Value>,
    charge: Charge,
}

impl ListBuilder {
    pub(crate) fn new(meter: &Meter) -> Result<Self, TemplateError> {
        Ok(Self {
            items: Vec::new(),
            charge: Charge::take(meter, BODY_BYTES)?,
        })
    }

    /// Refuses more items than there could ever be.
    pub(crate) fn check(&self, items: usize) -> Result<(), TemplateError> {
        Charge::check(self.charge.meter(), items.saturating_mul(ITEM_BYTES))
    }

    pub(crate) fn push(&mut self, value: Value) -> Result<(), TemplateError> {
        self.charge.grow(ITEM_BYTES)?;
        self.charge.meter().spend(1)?;
        self.items.push(value);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<List, TemplateError> {
        let depth = depth_above(self.items.iter())?;
        Ok(List(Rc::new(ListBody {
            items: self.items,
            depth,
            charge: self.charge,
        })))
    }
}

impl Dict {
    pub(crate) fn new(meter: &Meter, entries: IndexMap<Key, Value>) -> Result<Self, TemplateError> {
        let charge = Charge::take(meter, BODY_BYTES + entries.len() * ENTRY_BYTES)?;
        let depth = depth_above(entries.values())?;
        Ok(Self(Rc::new(DictBody {
            entries,
            depth,
            _charge: charge,
        })))
    }

    pub(super) fn depth(&self) -> usize {
        self.0.depth
    }

    pub(crate) fn entries(&self) -> &IndexMap<Key, Value> {
        &self.0.entries
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Value> {
        self.0.entries.get(&NameKey(name))
    }
}

/// Finds a text key without making one.
struct NameKey<'a>(&'a str);

impl Hash for NameKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl indexmap::Equivalent<Key> for NameKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Text(text) if text.as_str() == self.0)
    }
}

pub(super) fn depth_above<'a>(
    items: impl Iterator<Item = &'a Value>,
) -> Result<usize, TemplateError> {
    let depth = 1 + items.map(Value::depth).max().unwrap_or(0);
    if depth > limits::VALUE_DEPTH_MAX {
        return Err(Fault::ValueTooDeep.into());
    }
    Ok(depth)
}

impl Key {
    /// Python takes a bool for the number that it is.
    fn number(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(bool) => Some(i64::from(*bool)),
            Self::None | Self::Float(_) | Self::Text(_) => None,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a.number().is_some() && a.number() == b.number(),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    /// A text's own hash, so that it is found without making a key of it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Text(text) => text.as_str().hash(state),
            Self::Float(number) => number.to_bits().hash(state),
            other => other.number().hash(state),
        }
    }
}

impl Key {
    pub(crate) fn of(value: &Value) -> Result<Self, TemplateError> {
        match value {
            Value::None => Ok(Self::None),
            Value::Bool(bool) => Ok(Self::Bool(*bool)),
            Value::Int(number) => Ok(Self::Int(*number)),
            Value::Float(number) => Ok(match whole(*number) {
                Some(number) => Self::Int(number),
                None => Self::Float(*number),
            }),
            Value::Text(text) => Ok(Self::Text(text.clone())),
            other => Err(Fault::types(format!(
                "{} cannot be a key of a dictionary",
                other.type_name()
            ))),
        }
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::None => Value::None,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// The whole number that a float is.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0)
        .then(|| truncate(number).ok())
        .flatten()
}
