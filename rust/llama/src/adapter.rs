//! A LoRA adapter that was made from bytes in memory.

use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use crate::bindings;
use crate::error::{LlamaError, Message};
use crate::model::Model;

/// One adapter of a model. [`crate::Context::set_adapters`] applies it.
///
/// A context compares adapters by address, and llama.cpp frees one whether or
/// not contexts still point to it. Here a context keeps those it points to, so
/// that none is freed, and no address used again, before it was detached.
/// Dropping the last handle frees it; that waits for a running
/// [`crate::Context::decode`] of the same model.
#[derive(Debug)]
pub struct Adapter {
    raw: NonNull<sys::llama_adapter_lora>,
    model: Arc<Model>,
}

// SAFETY: llama_adapter_lora is not bound to a thread; it enters and leaves its
// model's set under the model's lock.
unsafe impl Send for Adapter {}
// SAFETY: after loading it is only read (llama-adapter.h: contexts look up its
// tensors and alpha).
unsafe impl Sync for Adapter {}

impl Adapter {
    /// Makes the adapter whose GGUF file is `bytes`, for `model`. The bytes must
    /// have passed the checks of a candidate adapter for this very model: of
    /// shapes llama.cpp checks less than it copies by. They may go afterwards.
    /// Blocks for some milliseconds, and for a running decode of the same model.
    ///
    /// # Errors
    /// [`LlamaError::AdapterRefused`], [`LlamaError::OutOfMemory`].
    pub fn load(model: Arc<Model>, bytes: &[u8]) -> Result<Self, LlamaError> {
        let mut raw = std::ptr::null_mut();
        let mut message = Message::new();
        let changing = model.adapters_change();
        // SAFETY: the model is alive and stays so through the Arc, and nothing
        // else touches its set of adapters (`changing`); `bytes` is valid for
        // its length during the call, after which llama.cpp reads it no more
        // (shim/shim.cpp, pt_adapter_load).
        let status = unsafe {
            bindings::pt_adapter_load(
                model.raw().as_ptr(),
                bytes.as_ptr(),
                bytes.len(),
                &raw mut raw,
                message.as_mut_ptr(),
            )
        };
        drop(changing);
        message.check(status, |cause| LlamaError::AdapterRefused { cause })?;
        let raw = NonNull::new(raw).ok_or_else(|| LlamaError::AdapterRefused {
            cause: "no adapter".to_owned(),
        })?;
        Ok(Self { raw, model })
    }

    /// The model that it changes.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn raw(&self) -> NonNull<sys::llama_adapter_lora> {
        self.raw
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _changing = self.model.adapters_change();
        // SAFETY: made by pt_adapter_load and freed once; its model is alive and
        // nothing else touches the model's set of adapters; every context that
        // pointed to it held an Arc of it and has replaced it or was freed.
        unsafe { sys::llama_adapter_lora_free(self.raw.as_ptr()) }
    }
}
