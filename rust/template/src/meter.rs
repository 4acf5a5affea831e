//! Counts what a rendering costs, and stops it at its limits.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{Fault, TemplateError};
use crate::limits;

/// Says whether to stop. Asked every few thousand steps, from the thread that renders.
pub type Interrupt = Arc<dyn Fn() -> bool + Send + Sync>;

const STEPS_BETWEEN_LOOKS: u64 = 4096;

/// One rendering's meter, shared by all that it builds.
#[derive(Clone)]
pub(crate) struct Meter(Rc<Counts>);

struct Counts {
    steps: Cell<u64>,
    steps_max: u64,
    next_look: Cell<u64>,
    live_bytes: Cell<usize>,
    live_bytes_max: usize,
    depth: Cell<usize>,
    interrupt: Option<Interrupt>,
}

impl Meter {
    pub(crate) fn new(input_bytes: usize, interrupt: Option<Interrupt>) -> Self {
        Self(Rc::new(Counts {
            steps: Cell::new(0),
            steps_max: limits::STEPS_MAX.saturating_add((input_bytes as u64).saturating_mul(16)),
            next_look: Cell::new(0),
            live_bytes: Cell::new(0),
            live_bytes_max: limits::LIVE_BYTES_MAX.saturating_add(input_bytes.saturating_mul(16)),
            depth: Cell::new(0),
            interrupt,
        }))
    }

    /// Counts `steps` of work.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), TemplateError> {
        let counts = &self.0;
        let spent = counts.steps.get().saturating_add(steps);
        counts.steps.set(spent);
        if spent > counts.steps_max {
            return Err(Fault::TooManySteps.into());
        }
        if spent >= counts.next_look.get() {
            counts.next_look.set(spent + STEPS_BETWEEN_LOOKS);
            if counts.interrupt.as_ref().is_some_and(|stop| stop()) {
                return Err(Fault::Interrupted.into());
            }
        }
        Ok(())
    }

    /// Counts the work of reading or comparing `bytes` of text.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), TemplateError> {
        self.spend(bytes as u64 / 64)
    }

    /// Counts one level of evaluation until the guard is dropped.
    pub(crate) fn descend(&self) -> Result<Level, TemplateError> {
        let depth = self.0.depth.get() + 1;
        if depth > limits::DEPTH_MAX {
            return Err(Fault::TooDeep.into());
        }
        self.0.depth.set(depth);
        Ok(Level(self.clone()))
    }
}

/// One level of evaluation.
pub(crate) struct Level(Meter);

impl Drop for Level {
    fn drop(&mut self) {
        let depth = &self.0.0.depth;
        depth.set(depth.get().saturating_sub(1));
    }
}

/// Bytes that are alive as long as this is.
pub(crate) struct Charge {
    meter: Meter,
    bytes: usize,
}

impl Charge {
    pub(crate) fn none(meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            bytes: 0,
        }
    }

    pub(crate) fn take(meter: &Meter, bytes: usize) -> Result<Self, TemplateError> {
        let mut charge = Self::none(meter);
        charge.grow(bytes)?;
        Ok(charge)
    }

    /// Refuses what could never be taken, before any of it is.
    pub(crate) fn check(meter: &Meter, bytes: usize) -> Result<(), TemplateError> {
        let counts = &meter.0;
        let live = counts.live_bytes.get().saturating_add(bytes);
        match live > counts.live_bytes_max {
            true => Err(Fault::TooMuchMemory.into()),
            false => Ok(()),
        }
    }

    /// Takes `bytes` more, before they are allocated.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), TemplateError> {
        Self::check(&self.meter, bytes)?;
        let live = &self.meter.0.live_bytes;
        live.set(live.get().saturating_add(bytes));
        self.bytes += bytes;
        self.meter.read(bytes)
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let live = &self.meter.0.live_bytes;
        live.set(live.get().saturating_sub(self.bytes));
    }
}
