//! The trainer's own pass over a model, to compare llama.cpp with.

use pocketune_kernels::ThreadPool;
use pocketune_train::{AdaptedModel, Adapters, Control, Lora, MemoryPlan, Model};

/// Calls `work` with the model under `lora`, on two threads, for passes that only infer.
pub fn with_policy<T>(
    model: &Model,
    lora: Option<&Lora>,
    work: impl FnOnce(AdaptedModel<'_>) -> T,
) -> T {
    let plan = MemoryPlan {
        pack_samples: 1,
        chunk_tokens: 512,
        head_tokens: 16,
        kept_layers: 0,
        bytes: 0,
        activation_bytes: 0,
    };
    let (pool, control) = (ThreadPool::new(2), Control::new());
    work(AdaptedModel {
        model,
        pool: &pool,
        adapters: Adapters {
            frozen: &[],
            initial: None,
            trained: lora,
        },
        plan: &plan,
        control: &control,
        dropout: None,
    })
}
