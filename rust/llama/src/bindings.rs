//! The shim's declarations, by hand: `shim/shim.h` is their source.

use std::ffi::{c_char, c_int, c_void};

use llama_cpp_sys_2 as sys;

pub(crate) const MESSAGE_BYTES: usize = 512;

pub(crate) const OK: c_int = 0;
pub(crate) const NULL: c_int = 1;
pub(crate) const EXCEPTION: c_int = 2;
pub(crate) const OUT_OF_MEMORY: c_int = 3;
pub(crate) const DEAD_END: c_int = 4;

#[repr(C)]
pub(crate) struct ModelParams {
    pub use_mmap: bool,
    pub weights_absent: bool,
    pub progress: Option<unsafe extern "C" fn(f32, *mut c_void) -> bool>,
    pub progress_data: *mut c_void,
}

#[repr(C)]
pub(crate) struct ContextParams {
    pub context_tokens: u32,
    pub batch_tokens: u32,
    pub micro_batch_tokens: u32,
    pub outputs_max: u32,
    pub threads_decode: i32,
    pub threads_prefill: i32,
    pub kv_type_k: sys::ggml_type,
    pub kv_type_v: sys::ggml_type,
    pub full_sliding_window: bool,
    pub abort: Option<unsafe extern "C" fn(*mut c_void) -> bool>,
    pub abort_data: *mut c_void,
}

#[repr(C)]
#[derive(Default)]
pub(crate) struct Memory {
    pub weights: u64,
    pub repacked: u64,
    pub kv: u64,
    pub compute: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
#[allow(
    dead_code,
    reason = "mirrors pt_stage_kind; each is made in sampler.rs"
)]
pub(crate) enum StageKind {
    LogitBias,
    Penalties,
    TopK,
    TopP,
    MinP,
    Temperature,
    Distribution,
    Greedy,
}

#[repr(C)]
pub(crate) struct Stage {
    pub kind: StageKind,
    pub integer: i32,
    pub value: f32,
    pub frequency: f32,
    pub presence: f32,
    pub seed: u32,
    pub biases: *const sys::llama_logit_bias,
    pub n_biases: i32,
}

#[repr(C)]
pub(crate) struct ThreadPool {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    pub(crate) fn pt_model_load(
        fd: c_int,
        params: ModelParams,
        out: *mut *mut sys::llama_model,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_context_new(
        model: *mut sys::llama_model,
        params: ContextParams,
        out: *mut *mut sys::llama_context,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_context_memory(
        context: *const sys::llama_context,
        out: *mut Memory,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_adapter_load(
        model: *mut sys::llama_model,
        bytes: *const u8,
        count: usize,
        out: *mut *mut sys::llama_adapter_lora,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_adapters_set(
        context: *mut sys::llama_context,
        adapters: *mut *mut sys::llama_adapter_lora,
        count: usize,
        scales: *mut f32,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_threadpool_new(threads: i32, poll: u32) -> *mut ThreadPool;
    pub(crate) fn pt_threadpool_free(pool: *mut ThreadPool);
    pub(crate) fn pt_decode(
        context: *mut sys::llama_context,
        batch: sys::llama_batch,
        code: *mut i32,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_tokenize(
        vocab: *const sys::llama_vocab,
        text: *const c_char,
        text_bytes: i32,
        tokens: *mut sys::llama_token,
        capacity: i32,
        add_special: bool,
        parse_special: bool,
        count: *mut i32,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_token_bytes(
        vocab: *const sys::llama_vocab,
        token: sys::llama_token,
        special: bool,
        bytes: *mut c_char,
        capacity: i32,
        count: *mut i32,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sampler_chain_new(
        n_vocab: i32,
        stages: *const Stage,
        n_stages: usize,
        out: *mut *mut sys::llama_sampler,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sampler_observe(
        chain: *mut sys::llama_sampler,
        token: sys::llama_token,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sample(
        chain: *mut sys::llama_sampler,
        logits: *const f32,
        n_vocab: i32,
        out: *mut sys::llama_token,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sequence_state_size(
        context: *mut sys::llama_context,
        sequence: i32,
        bytes: *mut usize,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sequence_state_read(
        context: *mut sys::llama_context,
        sequence: i32,
        bytes: *mut u8,
        capacity: usize,
        written: *mut usize,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sequence_state_write(
        context: *mut sys::llama_context,
        sequence: i32,
        bytes: *const u8,
        count: usize,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_sequence_remove(
        context: *mut sys::llama_context,
        sequence: i32,
        from: i32,
        to: i32,
        removed: *mut bool,
        message: *mut c_char,
    ) -> c_int;
    pub(crate) fn pt_f32_product(
        n: i64,
        k: i64,
        tokens: i64,
        threads: i32,
        runs: i32,
        seconds: *mut f64,
        message: *mut c_char,
    ) -> c_int;
}
