//! Safe handles over llama.cpp (layer L2).
//!
//! Every call that can throw, abort or fail without a reason goes through the
//! C++ shim in `shim/`, which turns exceptions and null results into
//! [`LlamaError`]. A [`Context`] keeps its [`Model`] alive; a context is used by
//! one thread at a time, a model may be shared.

mod abort;
mod adapter;
mod backend;
mod batch;
mod bindings;
mod context;
mod descriptor;
mod error;
mod log_bridge;
mod logits;
mod model;
mod product;
mod sampler;
mod sequence_state;
mod state;
mod system;
mod vocab;

pub use abort::AbortFlag;
pub use adapter::Adapter;
pub use backend::{CpuFacts, LLAMA_BUILD, cpu_facts};
pub use batch::{Batch, Outputs};
pub use context::{Context, ContextParams, KvType, MemoryBreakdown};
pub use descriptor::{duplicate_descriptor, reopened_at_start};
pub use error::LlamaError;
pub use logits::{LOGIT_MAX, sanitize};
pub use model::{Model, ModelLoad};
pub use product::fastest_f32_product;
pub use sampler::{REPEAT_PENALTY_MIN, Sampler, Stage, TEMPERATURE_MIN};
pub use system::available_memory_bytes;
pub use vocab::{SpecialTokens, Token, TokenKind};
