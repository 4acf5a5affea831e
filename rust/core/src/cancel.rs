//! Cancellation that any thread may ask for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pocketune_llama::AbortFlag;

/// Cancels one request. Clones share one state; cancelling twice is harmless.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cancelled: AtomicBool,
    // Stops the graph that is being computed, once a worker has taken the request.
    abort: OnceLock<AbortFlag>,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the request to stop. Returns at once; may be called from any thread.
    pub fn cancel(&self) {
        // The order matters: the worker lowers the abort flag before it reads
        // `cancelled`, so one of the two always reaches it.
        self.0.cancelled.store(true, Ordering::Release);
        if let Some(abort) = self.0.abort.get() {
            abort.raise();
        }
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    pub(crate) fn bind(&self, abort: &AbortFlag) {
        // A token that serves two engines keeps the first flag; the second
        // request still stops at its next step.
        let _ = self.0.abort.set(abort.clone());
    }
}
