//! Values of a template: Python's, as far as templates see them. Nothing changes once it is
//! made, so that no value can contain itself.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::ast::{For, Macro, Name};
use crate::error::{Fault, TemplateError};
use crate::library::Function;
use crate::limits;
use crate::meter::{Charge, Meter};
use crate::text::{Origin, Text};

#[derive(Clone)]
pub(crate) enum Value {
    /// With the name that led to it.
    Undefined(Option<Name>),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    List(List),
    Tuple(List),
    Dict(Dict),
    /// What Python computes when it is asked for.
    Series(Rc<Series>),
    /// An index into the rendering's namespaces.
    Namespace(usize),
    Function(Function),
    Macro(Rc<MacroValue>),
    /// A method with what it belongs to.
    Method(Rc<Method>),
    Loop(Rc<LoopState>),
}

/// A macro with the names around its definition.
pub(crate) struct MacroValue {
    pub(crate) definition: Arc<Macro>,
    pub(crate) captured: Vec<(Name, Value)>,
    depth: usize,
    _charge: Charge,
}

/// A method and what it belongs to.
pub(crate) struct Method {
    pub(crate) receiver: Value,
    pub(crate) name: Name,
    _charge: Charge,
}

/// Items that are no list: a range, the view of a dictionary, or what a filter gives.
pub(crate) struct Series {
    pub(crate) kind: SeriesKind,
    pub(crate) items: List,
    /// A generator gives its items once.
    taken: Cell<bool>,
    _charge: Charge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    Range,
    DictItems,
    DictKeys,
    DictValues,
    Generator,
}

impl Series {
    /// Its items; nothing the second time where it gives them once.
    pub(crate) fn take(&self) -> Option<List> {
        let gone = self.kind == SeriesKind::Generator && self.taken.replace(true);
        (!gone).then(|| self.items.clone())
    }
}

/// What `loop` is inside a `for`.
pub(crate) struct LoopState {
    pub(crate) items: List,
    pub(crate) index: Cell<usize>,
    /// Loops around it in a recursive one.
    pub(crate) level: usize,
    /// The loop to call, of a recursive one.
    pub(crate) recursive: Option<Arc<For>>,
    pub(crate) changed: RefCell<Option<Vec<Value>>>,
    _charge: Charge,
}

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
/// A value of any other kind: a method with its name, the state of a loop, a series.
const OTHER_BYTES: usize = 160;
const CAPTURED_BYTES: usize = 48;

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

    fn meter(&self) -> &Meter {
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

fn depth_above<'a>(items: impl Iterator<Item = &'a Value>) -> Result<usize, TemplateError> {
    let depth = 1 + items.map(Value::depth).max().unwrap_or(0);
    if depth > limits::VALUE_DEPTH_MAX {
        return Err(Fault::ValueTooDeep.into());
    }
    Ok(depth)
}

impl MacroValue {
    pub(crate) fn new(
        meter: &Meter,
        definition: Arc<Macro>,
        captured: Vec<(Name, Value)>,
    ) -> Result<Self, TemplateError> {
        let charge = Charge::take(meter, OTHER_BYTES + captured.len() * CAPTURED_BYTES)?;
        meter.spend(captured.len() as u64)?;
        let depth = depth_above(captured.iter().map(|(_, value)| value))?;
        Ok(Self {
            definition,
            captured,
            depth,
            _charge: charge,
        })
    }
}

impl LoopState {
    pub(crate) fn new(
        meter: &Meter,
        items: List,
        level: usize,
        recursive: Option<Arc<For>>,
    ) -> Result<Self, TemplateError> {
        Ok(Self {
            items,
            index: Cell::new(0),
            level,
            recursive,
            changed: RefCell::new(None),
            _charge: Charge::take(meter, OTHER_BYTES)?,
        })
    }

    pub(crate) fn length(&self) -> usize {
        self.items.items().len()
    }
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
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0)
        .then(|| crate::numbers::truncate(number).ok())
        .flatten()
}

impl Value {
    pub(crate) const UNDEFINED: Self = Self::Undefined(None);

    /// The same value; one that is not there learns the name that led to it.
    pub(crate) fn named(self, name: &Name) -> Self {
        match self {
            Self::Undefined(None) => Self::Undefined(Some(Arc::clone(name))),
            other => other,
        }
    }

    pub(crate) fn method(
        meter: &Meter,
        receiver: &Self,
        name: &str,
    ) -> Result<Self, TemplateError> {
        Ok(Self::Method(Rc::new(Method {
            receiver: receiver.clone(),
            name: name.into(),
            _charge: Charge::take(meter, OTHER_BYTES)?,
        })))
    }

    /// Text of the template's own.
    pub(crate) fn text(meter: &Meter, text: &str) -> Result<Self, TemplateError> {
        Text::new(meter, text, Origin::Template).map(Self::Text)
    }

    pub(crate) fn list(meter: &Meter, items: Vec<Self>) -> Result<Self, TemplateError> {
        List::new(meter, items).map(Self::List)
    }

    pub(crate) fn series(kind: SeriesKind, items: List) -> Result<Self, TemplateError> {
        let charge = Charge::take(items.meter(), OTHER_BYTES)?;
        Ok(Self::Series(Rc::new(Series {
            kind,
            items,
            taken: Cell::new(false),
            _charge: charge,
        })))
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Values inside each other, from here down.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(list) | Self::Tuple(list) => list.0.depth,
            Self::Dict(dict) => dict.0.depth,
            Self::Series(series) => series.items.0.depth,
            Self::Macro(value) => value.depth,
            Self::Method(method) => method.receiver.depth() + 1,
            Self::Loop(state) => state.items.0.depth + 1,
            _ => 0,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(bool) => *bool,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) | Self::Tuple(list) => !list.items().is_empty(),
            Self::Dict(dict) => !dict.entries().is_empty(),
            Self::Series(series) => {
                series.kind == SeriesKind::Generator || !series.items.items().is_empty()
            }
            Self::Namespace(_)
            | Self::Function(_)
            | Self::Macro(_)
            | Self::Method(_)
            | Self::Loop(_) => true,
        }
    }

    /// Python's name of the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Series(series) => match series.kind {
                SeriesKind::Range => "range",
                SeriesKind::DictItems => "dict_items",
                SeriesKind::DictKeys => "dict_keys",
                SeriesKind::DictValues => "dict_values",
                SeriesKind::Generator => "generator",
            },
            Self::Namespace(_) => "Namespace",
            Self::Function(_) | Self::Method(_) => "function",
            Self::Macro(_) => "Macro",
            Self::Loop(_) => "LoopContext",
        }
    }

    /// The number that a bool, an int or a float is.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "as Python's float()")]
            other => other.as_int().map(|number| number as f64),
        }
    }

    /// The whole number that a bool or an int is.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(bool) => Some(i64::from(*bool)),
            _ => None,
        }
    }

    /// The fault of using something that is not there.
    pub(crate) fn undefined_fault(name: Option<&str>) -> TemplateError {
        Fault::Undefined {
            name: match name {
                Some(name) => format!("`{}`", crate::error::shortened(name)),
                None => "a value".to_owned(),
            },
        }
        .into()
    }
}

/// Whether two values are equal, as Python compares them.
pub(crate) fn equal(a: &Value, b: &Value, meter: &Meter) -> Result<bool, TemplateError> {
    meter.spend(1)?;
    Ok(match (a, b) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            let (a, b) = (a.items(), b.items());
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(a, b, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.entries().len() != b.entries().len() {
                return Ok(false);
            }
            for (key, value) in a.entries() {
                match b.entries().get(key) {
                    Some(other) if equal(value, other, meter)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Series(a), Value::Series(b)) if a.kind == SeriesKind::Range => {
            let same = |a: &List| Value::List(a.clone());
            b.kind == a.kind && equal(&same(&a.items), &same(&b.items), meter)?
        }
        (Value::Series(a), Value::Series(b)) => Rc::ptr_eq(a, b),
        (Value::Namespace(a), Value::Namespace(b)) => a == b,
        (Value::Macro(a), Value::Macro(b)) => Rc::ptr_eq(a, b),
        (Value::Loop(a), Value::Loop(b)) => Rc::ptr_eq(a, b),
        (Value::Function(a), Value::Function(b)) => a == b,
        (a, b) => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => a == b,
            (Some(number), None) | (None, Some(number)) => {
                let other = if a.as_int().is_some() { b } else { a };
                matches!(other, Value::Float(float) if whole(*float) == Some(number))
            }
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        },
    })
}

/// Which of two values comes first, as Python orders them; `None` for NaN.
pub(crate) fn order(
    a: &Value,
    b: &Value,
    meter: &Meter,
) -> Result<Option<std::cmp::Ordering>, TemplateError> {
    meter.spend(1)?;
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            Ok(Some(a.as_str().cmp(b.as_str())))
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            for (a, b) in a.items().iter().zip(b.items()) {
                if !equal(a, b, meter)? {
                    return order(a, b, meter);
                }
            }
            Ok(Some(a.items().len().cmp(&b.items().len())))
        }
        (a, b) => {
            if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
                return Ok(Some(a.cmp(&b)));
            }
            if let (Some(a), Some(b)) = (a.as_float(), b.as_float()) {
                return Ok(a.partial_cmp(&b));
            }
            for value in [a, b] {
                if let Value::Undefined(name) = value {
                    return Err(Value::undefined_fault(name.as_deref()));
                }
            }
            Err(Fault::types(format!(
                "{} and {} cannot be ordered",
                a.type_name(),
                b.type_name()
            )))
        }
    }
}
