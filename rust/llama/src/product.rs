//! ggml's own F32 matrix product, to measure others by.

use std::time::Duration;

use crate::backend;
use crate::bindings;
use crate::error::{LlamaError, Message};

/// The fastest of `runs` products of an N x K matrix with K x T values, in F32 on
/// `threads` threads. Allocates all three; blocks for that long.
///
/// # Errors
/// [`LlamaError::ProductFailed`], [`LlamaError::OutOfMemory`].
pub fn fastest_f32_product(
    [n, k, tokens]: [usize; 3],
    threads: usize,
    runs: u32,
) -> Result<Duration, LlamaError> {
    backend::ensure_started();
    let size = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let mut seconds = 0.0;
    let mut message = Message::new();
    // SAFETY: takes numbers, and writes one number and the message to places that
    // live for the call (shim/shim.h, pt_f32_product).
    let status = unsafe {
        bindings::pt_f32_product(
            size(n),
            size(k),
            size(tokens),
            i32::try_from(threads).unwrap_or(1),
            i32::try_from(runs.max(1)).unwrap_or(1),
            &raw mut seconds,
            message.as_mut_ptr(),
        )
    };
    message.check(status, |cause| LlamaError::ProductFailed { cause })?;
    Ok(Duration::from_secs_f64(seconds))
}
