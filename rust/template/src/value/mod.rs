//! Values of a template: Python's, as far as templates see them. Nothing changes once it is
//! made, so that no value can contain itself.

mod compare;
mod containers;
mod objects;

use std::rc::Rc;
use std::sync::Arc;

use crate::ast::Name;
use crate::error::{Fault, TemplateError};
use crate::library::Function;
use crate::meter::Meter;
use crate::text::{Origin, Text};

pub(crate) use compare::{equal, order};
pub(crate) use containers::{Dict, Key, List, ListBuilder};
pub(crate) use objects::{LoopState, MacroValue, Method, Series, SeriesKind};

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

/// A value of any other kind: a method with its name, the state of a loop, a series.
const OTHER_BYTES: usize = 160;

impl Value {
    pub(crate) const UNDEFINED: Self = Self::Undefined(None);

    /// The same value; one that is not there learns the name that led to it.
    pub(crate) fn named(self, name: &Name) -> Self {
        match self {
            Self::Undefined(None) => Self::Undefined(Some(Arc::clone(name))),
            other => other,
        }
    }

    /// Text of the template's own.
    pub(crate) fn text(meter: &Meter, text: &str) -> Result<Self, TemplateError> {
        Text::new(meter, text, Origin::Template).map(Self::Text)
    }

    pub(crate) fn list(meter: &Meter, items: Vec<Self>) -> Result<Self, TemplateError> {
        List::new(meter, items).map(Self::List)
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Values inside each other, from here down.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(list) | Self::Tuple(list) => list.depth(),
            Self::Dict(dict) => dict.depth(),
            Self::Series(series) => series.items.depth(),
            Self::Macro(value) => value.depth,
            Self::Method(method) => method.receiver.depth() + 1,
            Self::Loop(state) => state.items.depth() + 1,
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
