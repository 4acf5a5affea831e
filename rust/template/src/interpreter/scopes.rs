//! Which names stand for what.

use std::collections::HashMap;

use crate::ast::Name;
use crate::value::Value;

/// The inputs, the template's own names, and the blocks and macros inside of which it is.
pub(super) struct Scopes {
    frames: Vec<HashMap<Name, Value>>,
    // The first frame that is seen beside the inputs and the template's own: a macro does not
    // see the blocks that it is called from.
    floor: usize,
}

const INPUTS: usize = 0;
const TEMPLATE: usize = 1;

/// What to come back to when a scope ends.
pub(super) struct Mark {
    frames: usize,
    floor: usize,
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self {
            frames: vec![HashMap::new(), HashMap::new()],
            floor: TEMPLATE,
        }
    }

    pub(super) fn set_input(&mut self, name: Name, value: Value) {
        if let Some(frame) = self.frames.get_mut(INPUTS) {
            frame.insert(name, value);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let inner = self.frames.get(self.floor..).unwrap_or_default();
        let outer = self.frames.get(..=TEMPLATE).unwrap_or_default();
        inner
            .iter()
            .rev()
            .chain(outer.iter().rev())
            .find_map(|frame| frame.get(name))
    }

    pub(super) fn set(&mut self, name: Name, value: Value) {
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name, value);
        }
    }

    /// Begins a block, which sees what is around it.
    pub(super) fn enter_block(&mut self) -> Mark {
        self.enter(self.floor)
    }

    /// Begins a macro, which sees the inputs and the template's own names alone.
    pub(super) fn enter_macro(&mut self) -> Mark {
        self.enter(self.frames.len())
    }

    fn enter(&mut self, floor: usize) -> Mark {
        let mark = Mark {
            frames: self.frames.len(),
            floor: self.floor,
        };
        self.frames.push(HashMap::new());
        self.floor = floor;
        mark
    }

    pub(super) fn leave(&mut self, to: Mark) {
        self.frames.truncate(to.frames);
        self.floor = to.floor;
    }

    /// The names of the blocks and macros around, for a macro that is defined here.
    pub(super) fn captured(&self) -> Vec<(Name, Value)> {
        let from = self.floor.max(TEMPLATE + 1);
        let frames = self.frames.get(from..).unwrap_or_default();
        let mut captured: HashMap<Name, Value> = HashMap::new();
        for frame in frames {
            let names = frame
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()));
            captured.extend(names);
        }
        captured.into_iter().collect()
    }
}
