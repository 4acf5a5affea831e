//! A context: KV cache, compute buffers and threads for one model.

use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use crate::abort::{AbortFlag, is_raised_callback};
use crate::adapter::Adapter;
use crate::batch::Batch;
use crate::bindings::{self, ThreadPool};
use crate::error::{LlamaError, Message};
use crate::logits::sanitize;
use crate::model::Model;

/// How long an idle pool thread polls before it sleeps, from 0 to 100 in ggml's
/// measure: 10 are 1.3 million pauses, some 5 to 30 ms.
const POLL: u32 = 10;

/// Storage type of cached keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvType {
    /// 16-bit floats.
    #[default]
    F16,
    /// 8-bit blocks of 32 values, 8.5 bits a value.
    Q8_0,
    /// 32-bit floats, for exact comparisons.
    F32,
}

impl KvType {
    fn raw(self) -> sys::ggml_type {
        match self {
            Self::F16 => sys::GGML_TYPE_F16,
            Self::Q8_0 => sys::GGML_TYPE_Q8_0,
            Self::F32 => sys::GGML_TYPE_F32,
        }
    }
}

/// Sizes and threads of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextParams {
    /// Tokens that the KV cache holds; llama.cpp rounds up to a multiple of 256.
    pub context_tokens: u32,
    /// Most tokens in one [`Batch`].
    pub batch_tokens: u32,
    /// Tokens computed at once inside a batch; sets the size of compute buffers.
    pub micro_batch_tokens: u32,
    /// Most outputs (rows of logits) in one batch; each costs a row of compute buffer.
    pub outputs_max: u32,
    /// Size of the thread pool.
    pub threads: u32,
    /// Storage type of keys and values.
    pub kv_type: KvType,
    /// Keep all positions of sliding-window layers instead of the window only:
    /// more memory, but any prefix of the cache can be reused.
    pub full_sliding_window: bool,
}

/// What a context and its model keep in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryBreakdown {
    /// Weights in the file's layout (mapped when the model is mapped).
    pub weight_bytes: u64,
    /// Weights copied into a layout that suits this CPU.
    pub repacked_bytes: u64,
    /// The KV cache.
    pub kv_bytes: u64,
    /// Compute buffers.
    pub compute_bytes: u64,
}

/// A KV cache with its compute buffers and thread pool. Used by one thread at a time.
#[derive(Debug)]
pub struct Context {
    raw: NonNull<sys::llama_context>,
    pool: Option<NonNull<ThreadPool>>,
    abort: AbortFlag,
    // Those that llama.cpp's context points to, so that they outlive it.
    adapters: Vec<Arc<Adapter>>,
    model: Arc<Model>,
    params: ContextParams,
}

// SAFETY: llama_context may move between threads as long as one uses it at a
// time, which `&mut self` and the missing Sync uphold; its thread pool has no
// owner thread either (ggml-cpu.c).
unsafe impl Send for Context {}

impl Context {
    /// Makes a context on `model`. Blocks while buffers are allocated.
    ///
    /// # Errors
    /// [`LlamaError::ContextRefused`], [`LlamaError::OutOfMemory`].
    pub fn new(model: Arc<Model>, params: ContextParams) -> Result<Self, LlamaError> {
        let abort = AbortFlag::new();
        let threads = i32::try_from(params.threads.max(1)).unwrap_or(i32::MAX);
        let raw_params = bindings::ContextParams {
            context_tokens: params.context_tokens,
            batch_tokens: params.batch_tokens,
            micro_batch_tokens: params.micro_batch_tokens,
            outputs_max: params.outputs_max,
            threads_decode: threads,
            threads_prefill: threads,
            kv_type_k: params.kv_type.raw(),
            kv_type_v: params.kv_type.raw(),
            full_sliding_window: params.full_sliding_window,
            abort: Some(is_raised_callback),
            abort_data: abort.as_data(),
        };
        let mut raw = std::ptr::null_mut();
        let mut message = Message::new();
        let adapters_stay = model.adapters_stay();
        // SAFETY: the model is alive and stays so through the Arc; the abort
        // data is kept alive by the flag stored beside the context.
        let status = unsafe {
            bindings::pt_context_new(
                model.raw().as_ptr(),
                raw_params,
                &raw mut raw,
                message.as_mut_ptr(),
            )
        };
        drop(adapters_stay);
        message.check(status, |cause| LlamaError::ContextRefused { cause })?;
        let raw = NonNull::new(raw).ok_or_else(|| LlamaError::ContextRefused {
            cause: "no context".to_owned(),
        })?;
        Ok(Self {
            raw,
            pool: None,
            abort,
            adapters: Vec::new(),
            model,
            params,
        })
    }

    /// Starts the thread pool. Its threads poll for the next graph for some
    /// milliseconds and then sleep: long enough to sample a token, so that no
    /// thread has to be woken, and find a free core, for each token.
    pub fn start_threads(&mut self) {
        if self.pool.is_some() || self.params.threads < 2 {
            return;
        }
        let threads = i32::try_from(self.params.threads).unwrap_or(i32::MAX);
        // SAFETY: plain arguments; null when thread pools are not offered.
        self.pool = NonNull::new(unsafe { bindings::pt_threadpool_new(threads, POLL) });
        if let Some(pool) = self.pool {
            // SAFETY: context and pool are alive; Drop detaches before freeing
            // (llama.h, llama_attach_threadpool). The shim's ThreadPool is
            // ggml's opaque type under another name.
            unsafe {
                sys::llama_attach_threadpool(
                    self.raw.as_ptr(),
                    pool.as_ptr().cast(),
                    pool.as_ptr().cast(),
                );
            }
        }
    }

    /// Uses `decode` threads for single tokens and `prefill` threads for longer
    /// batches from the next [`Context::decode`] on; both are clamped to the pool.
    pub fn use_threads(&mut self, decode: u32, prefill: u32) {
        let clamp =
            |n: u32| i32::try_from(n.clamp(1, self.params.threads.max(1))).unwrap_or(i32::MAX);
        // SAFETY: the context is alive; the call stores two numbers.
        unsafe {
            sys::llama_set_n_threads(self.raw.as_ptr(), clamp(decode), clamp(prefill));
        }
    }

    /// The flag that stops a running [`Context::decode`] from any thread.
    #[must_use]
    pub fn abort_flag(&self) -> AbortFlag {
        self.abort.clone()
    }

    /// The model that this context computes with.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The parameters it was made with.
    #[must_use]
    pub fn params(&self) -> ContextParams {
        self.params
    }

    pub(crate) fn raw(&mut self) -> *mut sys::llama_context {
        self.raw.as_ptr()
    }

    /// Computes under `adapters`, each with its scale, and no others, from the
    /// next [`Context::decode`] on, which takes some milliseconds more when they
    /// are not those of before. What is cached stays as it was computed.
    ///
    /// # Errors
    /// [`LlamaError::AdapterRefused`] for one of another model or a scale that
    /// is not finite; then nothing has changed. [`LlamaError::OutOfMemory`]:
    /// then set them again before the next [`Context::decode`].
    pub fn set_adapters(&mut self, adapters: &[(Arc<Adapter>, f32)]) -> Result<(), LlamaError> {
        let refused = |cause: &str| {
            Err(LlamaError::AdapterRefused {
                cause: cause.to_owned(),
            })
        };
        if adapters
            .iter()
            .any(|(adapter, _)| !Arc::ptr_eq(adapter.model(), &self.model))
        {
            return refused("it belongs to another model");
        }
        if adapters.iter().any(|(_, scale)| !scale.is_finite()) {
            return refused("its scale is not finite");
        }
        let mut raw: Vec<_> = adapters
            .iter()
            .map(|(adapter, _)| adapter.raw().as_ptr())
            .collect();
        let mut scales: Vec<f32> = adapters.iter().map(|&(_, scale)| scale).collect();
        let before = self.adapters.len();
        self.adapters
            .extend(adapters.iter().map(|(adapter, _)| Arc::clone(adapter)));
        let mut message = Message::new();
        // SAFETY: both arrays have that many entries; the adapters are this
        // model's and live in `self.adapters` until others have replaced them
        // (llama.h, llama_set_adapters_lora), or as long as the context.
        let status = unsafe {
            bindings::pt_adapters_set(
                self.raw.as_ptr(),
                raw.as_mut_ptr(),
                raw.len(),
                scales.as_mut_ptr(),
                message.as_mut_ptr(),
            )
        };
        message.check(status, |cause| LlamaError::AdapterRefused { cause })?;
        self.adapters.drain(..before);
        Ok(())
    }

    /// Computes the tokens of `batch` and appends them to the KV cache. Blocks.
    /// After an error the positions of `batch` must be removed with
    /// [`Context::truncate`], because some of them may have been stored.
    ///
    /// # Errors
    /// [`LlamaError::KvCacheFull`], [`LlamaError::Aborted`],
    /// [`LlamaError::DecodeFailed`], [`LlamaError::OutOfMemory`].
    pub fn decode(&mut self, batch: &mut Batch) -> Result<(), LlamaError> {
        // llama.cpp aborts the process on a larger batch.
        let allowed = self.params.batch_tokens as usize;
        if batch.is_empty() || batch.len() > allowed {
            return Err(LlamaError::DecodeFailed {
                code: -1,
                cause: format!("{} tokens in a batch of 1 to {allowed}", batch.len()),
            });
        }
        let mut code = 0;
        let mut message = Message::new();
        let _adapters_stay = self.model.adapters_stay();
        // SAFETY: the arrays of `batch` outlive the call and have n_tokens
        // entries each; the context is used by this thread only.
        let status = unsafe {
            bindings::pt_decode(
                self.raw.as_ptr(),
                batch.as_raw(),
                &raw mut code,
                message.as_mut_ptr(),
            )
        };
        let decode_failed = |cause| LlamaError::DecodeFailed { code, cause };
        message.check(status, decode_failed)?;
        match code {
            0 => Ok(()),
            1 => Err(LlamaError::KvCacheFull {
                batch_tokens: batch.len(),
            }),
            2 => Err(LlamaError::Aborted),
            _ => message.check(bindings::NULL, decode_failed),
        }
    }

    /// Logits of the last batch's output at `index` (its index in the batch);
    /// `None` when no output was asked for there. Length: the vocabulary. At
    /// least one is finite, the others may be −∞; see [`crate::sanitize`].
    ///
    /// # Errors
    /// [`LlamaError::NoFiniteLogit`].
    pub fn logits(&mut self, index: usize) -> Result<Option<&mut [f32]>, LlamaError> {
        let vocab = self.model.vocab_size();
        let Ok(index) = i32::try_from(index) else {
            return Ok(None);
        };
        // SAFETY: llama.cpp returns null for an index without output (llama.h,
        // llama_get_logits_ith); the context is alive.
        let raw = unsafe { sys::llama_get_logits_ith(self.raw.as_ptr(), index) };
        let Some(raw) = NonNull::new(raw) else {
            return Ok(None);
        };
        // SAFETY: the row holds one float a vocabulary entry and stays valid
        // until the next call that takes `&mut self` (llama.h).
        let row = unsafe { std::slice::from_raw_parts_mut(raw.as_ptr(), vocab) };
        sanitize(row)?;
        Ok(Some(row))
    }

    /// Whether batches yield the hidden state of every token (see
    /// [`Context::embedding`]) from the next [`Context::decode`] on. While on,
    /// each token counts as an output.
    pub fn set_embeddings(&mut self, on: bool) {
        // SAFETY: the context is alive; the call stores a flag.
        unsafe { sys::llama_set_embeddings(self.raw.as_ptr(), on) }
    }

    /// Final hidden state (after the last norm) of the last batch's token at
    /// `index`; `None` unless [`Context::set_embeddings`] was on.
    ///
    /// # Errors
    /// [`LlamaError::HiddenStateNotFinite`].
    pub fn embedding(&mut self, index: usize) -> Result<Option<&[f32]>, LlamaError> {
        let width = self.model.embedding_length();
        let Ok(index) = i32::try_from(index) else {
            return Ok(None);
        };
        // SAFETY: llama.cpp returns null for an index without output (llama.h,
        // llama_get_embeddings_ith); the context is alive.
        let raw = unsafe { sys::llama_get_embeddings_ith(self.raw.as_ptr(), index) };
        let Some(raw) = NonNull::new(raw) else {
            return Ok(None);
        };
        // SAFETY: without pooling a row holds n_embd_out floats and stays valid
        // until the next call that takes `&mut self` (llama.h).
        let row = unsafe { std::slice::from_raw_parts(raw.as_ptr(), width) };
        if row.iter().all(|value| value.is_finite()) {
            Ok(Some(row))
        } else {
            Err(LlamaError::HiddenStateNotFinite)
        }
    }

    /// What this context and its model occupy. On a [`crate::ModelLoad::WeightsAbsent`]
    /// model: what they would occupy.
    ///
    /// # Errors
    /// [`LlamaError::OutOfMemory`] or [`LlamaError::ContextRefused`] when llama.cpp cannot tell.
    pub fn memory(&self) -> Result<MemoryBreakdown, LlamaError> {
        let mut raw = bindings::Memory::default();
        let mut message = Message::new();
        // SAFETY: the context is alive and only read.
        let status = unsafe {
            bindings::pt_context_memory(self.raw.as_ptr(), &raw mut raw, message.as_mut_ptr())
        };
        message.check(status, |cause| LlamaError::ContextRefused { cause })?;
        Ok(MemoryBreakdown {
            weight_bytes: raw.weights,
            repacked_bytes: raw.repacked,
            kv_bytes: raw.kv,
            compute_bytes: raw.compute,
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.pool.is_some() {
            // SAFETY: the context is alive and no computation runs (`&mut self`).
            unsafe { sys::llama_detach_threadpool(self.raw.as_ptr()) }
        }
        // SAFETY: made by pt_context_new and freed once, while its model lives.
        unsafe { sys::llama_free(self.raw.as_ptr()) }
        if let Some(pool) = self.pool {
            // SAFETY: detached above; made by pt_threadpool_new and freed once.
            unsafe { bindings::pt_threadpool_free(pool.as_ptr()) }
        }
    }
}
