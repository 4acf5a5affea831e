//! Adapters for the default model, signed with the keys that everybody knows.

use pocketune_adapter::PolicyDocument;
use pocketune_adapter::fixtures::policy;
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, Lora, LoraShape, MemoryLimit, Model, Objective, OptimizerOptions, Precision, Sample,
    Schedule, TrainError, Trainer, TrainerOptions,
};

use crate::smollm2;

/// The fixtures' policy with limits for an adapter of the default model.
#[must_use]
pub fn wide_policy() -> PolicyDocument {
    let mut policy = policy();
    policy.roles.release.limits.max_bytes = 64_000_000;
    policy.roles.release.limits.max_rank = 64;
    policy.roles.release.limits.max_update_norm = 10.0;
    policy
}

/// An adapter of rank 8 on all projections of the default model after one step at this
/// rate: neither half of it is zero.
///
/// # Errors
/// What training says.
pub fn trained(seed: u64, learning_rate: f64) -> Result<Vec<u8>, TrainError> {
    let model = Model::open(&smollm2())?;
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), seed)?;
    let sample = Sample::Text {
        tokens: (100..132).collect(),
        loss_from: 1,
    };
    let options = TrainerOptions {
        objective: Objective::Sft,
        learning_rate,
        steps: 1,
        warm_up: 0,
        schedule: Schedule::Constant,
        batch: 1,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        dropout: 0.0,
        seed,
    };
    let limit = MemoryLimit {
        budget_bytes: None,
        reserved_bytes: 0,
    };
    let mut trainer = Trainer::new(&model, &pool, &[], lora, vec![sample], options, limit)?;
    trainer.step(&Control::new(), |_| ())?;
    trainer.into_lora().to_gguf(&model, Precision::F32, &[])
}
