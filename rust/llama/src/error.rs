//! One error for the whole crate, and the one place where a shim status becomes it.

use std::ffi::{CStr, c_char, c_int};

use crate::bindings;
use crate::log_bridge;

/// Why a call into llama.cpp failed. `cause` is llama.cpp's own message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlamaError {
    /// The model file passed our checks but llama.cpp would not load it.
    #[error("llama.cpp refused the model: {cause}")]
    ModelRefused {
        /// llama.cpp's message.
        cause: String,
    },
    /// The progress callback asked to stop.
    #[error("loading was cancelled")]
    LoadCancelled,
    /// The context parameters do not work for this model.
    #[error("llama.cpp refused the context: {cause}")]
    ContextRefused {
        /// llama.cpp's message.
        cause: String,
    },
    /// The adapter passed our checks but llama.cpp would not take it.
    #[error("llama.cpp refused the adapter: {cause}")]
    AdapterRefused {
        /// llama.cpp's message.
        cause: String,
    },
    /// The KV cache has no room for the batch.
    #[error("the KV cache has no room for {batch_tokens} more tokens")]
    KvCacheFull {
        /// Tokens in the batch that did not fit.
        batch_tokens: usize,
    },
    /// The abort flag was raised while computing.
    #[error("the computation was aborted")]
    Aborted,
    /// `llama_decode` failed.
    #[error("decoding failed with code {code}: {cause}")]
    DecodeFailed {
        /// `llama_decode`'s result.
        code: i32,
        /// llama.cpp's message.
        cause: String,
    },
    /// The text cannot be tokenized.
    #[error("tokenization failed: {cause}")]
    TokenizeFailed {
        /// llama.cpp's message.
        cause: String,
    },
    /// The model computed no finite logit: its weights, an adapter or the machine is at fault.
    #[error("the model computed no finite logit")]
    NoFiniteLogit,
    /// The model computed a hidden state that holds NaN or an infinity.
    #[error("the model computed a hidden state that is not finite")]
    HiddenStateNotFinite,
    /// Every token is forbidden, by the constraint and the logit bias.
    #[error("the constraint leaves no token to choose")]
    DeadEnd,
    /// A sampler stage failed.
    #[error("sampling failed: {cause}")]
    SamplingFailed {
        /// llama.cpp's message.
        cause: String,
    },
    /// A saved sequence state does not fit this context.
    #[error("the saved state was refused: {cause}")]
    StateRefused {
        /// llama.cpp's message.
        cause: String,
    },
    /// An allocation failed inside llama.cpp.
    #[error("out of memory")]
    OutOfMemory,
    /// A matrix product that only measures failed.
    #[error("ggml's own product failed: {cause}")]
    ProductFailed {
        /// llama.cpp's message.
        cause: String,
    },
    /// A file descriptor cannot be used.
    #[error("the file descriptor cannot be used")]
    BadDescriptor(#[source] std::io::Error),
}

/// The message buffer that every shim call writes its cause into.
pub(crate) struct Message([c_char; bindings::MESSAGE_BYTES]);

impl Message {
    /// An empty message; also forgets what llama.cpp logged before.
    pub(crate) fn new() -> Self {
        log_bridge::clear_last_error();
        Self([0; bindings::MESSAGE_BYTES])
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    /// What the exception said, else what llama.cpp logged on this thread.
    fn cause(&self) -> String {
        // SAFETY: the buffer is NUL-terminated: it starts zeroed and the shim
        // writes into it with snprintf only (shim/shim.cpp, write_message).
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) };
        if text.is_empty() {
            log_bridge::last_error().unwrap_or_else(|| "no reason given".to_owned())
        } else {
            text.to_string_lossy().into_owned()
        }
    }

    /// Turns a shim status into a result; `failed` makes the caller's error from the cause.
    pub(crate) fn check(
        &self,
        status: c_int,
        failed: impl FnOnce(String) -> LlamaError,
    ) -> Result<(), LlamaError> {
        match status {
            bindings::OK => Ok(()),
            bindings::OUT_OF_MEMORY => Err(LlamaError::OutOfMemory),
            bindings::DEAD_END => Err(LlamaError::DeadEnd),
            bindings::NULL | bindings::EXCEPTION => Err(failed(self.cause())),
            unknown => Err(failed(format!("unknown shim status {unknown}"))),
        }
    }
}
