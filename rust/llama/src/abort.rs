//! A flag that stops a running computation.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the computation of the context that it was given to.
///
/// Clones share one flag. llama.cpp looks at it between the nodes of a graph,
/// so an abort takes effect within a few milliseconds on any thread's request.
#[derive(Debug, Clone, Default)]
pub struct AbortFlag(Arc<AtomicBool>);

impl AbortFlag {
    /// A lowered flag.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the running computation to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Allows the next computation to run.
    pub fn lower(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether the flag is up.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The address that [`is_raised_callback`] expects; valid while a clone lives.
    pub(crate) fn as_data(&self) -> *mut c_void {
        Arc::as_ptr(&self.0).cast_mut().cast()
    }
}

/// llama.cpp's abort callback: `data` is an [`AbortFlag::as_data`].
pub(crate) unsafe extern "C" fn is_raised_callback(data: *mut c_void) -> bool {
    // SAFETY: the context that holds this pointer also holds a clone of the
    // flag (context.rs), so the AtomicBool outlives every call.
    let flag = unsafe { &*data.cast::<AtomicBool>() };
    flag.load(Ordering::Acquire)
}
