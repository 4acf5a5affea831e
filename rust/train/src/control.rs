//! Stopping from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::TrainError;

/// Stops a running computation from any thread. Clones act on the same one.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<AtomicBool>);

impl Control {
    /// Not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The computation ends with [`TrainError::Cancelled`] after the matrix product
    /// that is under way. Does not block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Looked at between matrix products.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(TrainError::Cancelled);
        }
        Ok(())
    }
}
