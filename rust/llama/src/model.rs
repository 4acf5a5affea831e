//! A loaded model: weights and vocabulary, shared by its contexts.

use std::ffi::c_void;
use std::fs::File;
use std::os::fd::IntoRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use llama_cpp_sys_2 as sys;

use crate::backend;
use crate::bindings;
use crate::descriptor::reopened_at_start;
use crate::error::{LlamaError, Message};

/// How to load a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelLoad {
    /// Map the weights from the file; the system may drop and re-read pages.
    Mapped,
    /// Read the weights into anonymous memory.
    Copied,
    /// Metadata and vocabulary only. Contexts on it can be measured, not run.
    WeightsAbsent,
}

/// One loaded GGUF model. Immutable and shareable between threads.
#[derive(Debug)]
pub struct Model {
    raw: NonNull<sys::llama_model>,
    // llama.cpp keeps a model's adapters in a set without a lock
    // (src/llama-model.h, `loras`). Written while one comes or goes, read while
    // a context reserves its graphs, which making one and decoding may do.
    adapters: RwLock<()>,
}

// SAFETY: llama_model is not bound to a thread; it is freed once, by Drop.
unsafe impl Send for Model {}
// SAFETY: after loading, this crate only calls functions that take a const
// model or vocabulary and keep no hidden state (llama.h, llama_model_*,
// llama_vocab_*, llama_tokenize); contexts read the weights, and the set of
// adapters, which changes under `adapters` only.
unsafe impl Sync for Model {}

impl Model {
    /// Loads the model in `file`, which must have passed
    /// [`pocketune_gguf::audit_model`]. Blocks for the whole load.
    ///
    /// The descriptor is duplicated, so `file` stays usable, but the file offset
    /// that both share moves. `progress` receives fractions from 0 to 1 on this
    /// thread and returns whether to go on.
    ///
    /// # Errors
    /// [`LlamaError::ModelRefused`], [`LlamaError::LoadCancelled`],
    /// [`LlamaError::OutOfMemory`], [`LlamaError::BadDescriptor`].
    pub fn load(
        file: &File,
        how: ModelLoad,
        mut progress: impl FnMut(f32) -> bool,
    ) -> Result<Self, LlamaError> {
        backend::ensure_started();
        let fd = reopened_at_start(file)?.into_raw_fd();
        let mut watch = Watch {
            progress: &mut progress,
            cancelled: false,
        };
        let params = bindings::ModelParams {
            use_mmap: how == ModelLoad::Mapped,
            weights_absent: how == ModelLoad::WeightsAbsent,
            progress: Some(on_progress),
            progress_data: (&raw mut watch).cast(),
        };
        let mut raw = std::ptr::null_mut();
        let mut message = Message::new();
        // SAFETY: the shim takes ownership of `fd` on every path; `watch`
        // outlives the call, after which llama.cpp no longer calls back.
        let status =
            unsafe { bindings::pt_model_load(fd, params, &raw mut raw, message.as_mut_ptr()) };
        let checked = message.check(status, |cause| LlamaError::ModelRefused { cause });
        if watch.cancelled {
            return Err(LlamaError::LoadCancelled);
        }
        checked?;
        let raw = NonNull::new(raw).ok_or_else(|| LlamaError::ModelRefused {
            cause: "no model".to_owned(),
        })?;
        Ok(Self {
            raw,
            adapters: RwLock::new(()),
        })
    }

    pub(crate) fn raw(&self) -> NonNull<sys::llama_model> {
        self.raw
    }

    /// Keeps the model's set of adapters as it is until the guard is dropped.
    pub(crate) fn adapters_stay(&self) -> RwLockReadGuard<'_, ()> {
        self.adapters.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps contexts from reading the model's set of adapters until the guard
    /// is dropped.
    pub(crate) fn adapters_change(&self) -> RwLockWriteGuard<'_, ()> {
        self.adapters
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn vocab(&self) -> *const sys::llama_vocab {
        // SAFETY: the model is alive; its vocabulary lives as long as it does
        // (llama.h, llama_model_get_vocab).
        unsafe { sys::llama_model_get_vocab(self.raw.as_ptr()) }
    }

    /// Width of the hidden state, in floats.
    #[must_use]
    pub fn embedding_length(&self) -> usize {
        // SAFETY: the model is alive; the function reads one field.
        let n = unsafe { sys::llama_model_n_embd_out(self.raw.as_ptr()) };
        usize::try_from(n).unwrap_or(0)
    }

    /// Bytes of all weight tensors in the file's layout.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        // SAFETY: the model is alive; the function reads fields only.
        unsafe { sys::llama_model_size(self.raw.as_ptr()) }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: every Context and every Adapter holds an Arc of its Model, so
        // none is left, and Drop runs once.
        unsafe { sys::llama_model_free(self.raw.as_ptr()) }
    }
}

struct Watch<'a> {
    progress: &'a mut dyn FnMut(f32) -> bool,
    cancelled: bool,
}

/// llama.cpp's progress callback: `data` is the [`Watch`] of the running load.
unsafe extern "C" fn on_progress(fraction: f32, data: *mut c_void) -> bool {
    // SAFETY: `data` is the Watch that Model::load keeps alive during the call,
    // and llama.cpp calls back on the loading thread only.
    let watch = unsafe { &mut *data.cast::<Watch<'_>>() };
    // A panicking callback stops the load instead of unwinding into C++.
    let go_on = catch_unwind(AssertUnwindSafe(|| (watch.progress)(fraction))).unwrap_or(false);
    watch.cancelled |= !go_on;
    go_on
}
