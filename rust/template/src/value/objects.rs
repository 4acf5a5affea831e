//! Values that are neither plain nor containers: macros, methods, series, loops.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{For, Macro, Name};
use crate::error::TemplateError;
use crate::meter::{Charge, Meter};

use super::containers::depth_above;
use super::{List, OTHER_BYTES, Value};

/// A macro with the names around its definition.
pub(crate) struct MacroValue {
    pub(crate) definition: Arc<Macro>,
    pub(crate) captured: Vec<(Name, Value)>,
    pub(super) depth: usize,
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

const CAPTURED_BYTES: usize = 48;

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

impl Value {
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

    pub(crate) fn series(kind: SeriesKind, items: List) -> Result<Self, TemplateError> {
        let charge = Charge::take(items.meter(), OTHER_BYTES)?;
        Ok(Self::Series(Rc::new(Series {
            kind,
            items,
            taken: Cell::new(false),
            _charge: charge,
        })))
    }
}
