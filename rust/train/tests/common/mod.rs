//! What several test binaries need.

#![allow(dead_code, unreachable_pub, reason = "each binary uses a part")]

use std::io::Write;

use pocketune_gguf::fixtures::TinyModel;
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AdaptedModel, Adapters, Control, Dataset, Lora, LoraShape, MemoryBudget, MemoryPlan, Model,
    Objectives, OptimizerOptions, ReferencePolicy, Sample, Schedule, TrainerOptions, Training,
};

/// A model of two layers, opened.
pub fn tiny() -> Model {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&TinyModel::llama().build().unwrap())
        .unwrap();
    Model::open(file.path()).unwrap()
}

/// An adapter whose A and B are both away from zero.
pub fn moved(model: &Model, shape: LoraShape, seed: u64) -> Lora {
    let mut lora = Lora::new(model, shape, seed).unwrap();
    let mut state = seed | 1;
    for parameter in lora.parameters_mut() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *parameter += ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * 0.05;
    }
    lora
}

/// Training on samples, in as much memory as makes it faster.
pub fn training<'a>(
    model: &'a Model,
    pool: &'a ThreadPool,
    lora: Lora,
    (samples, batch): (Vec<Sample>, usize),
    options: TrainerOptions,
) -> Training<'a> {
    Training {
        model,
        pool,
        frozen: &[],
        lora,
        source: Box::new(Dataset::new(samples, batch, options.seed)),
        options,
        kl: None,
        memory: MemoryBudget::Unlimited,
        reserved_bytes: 0,
    }
}

/// Recomputes everything, in the smallest pieces.
pub const SMALLEST: MemoryPlan = MemoryPlan {
    pack_samples: 1,
    chunk_tokens: 16,
    head_tokens: 16,
    kept_layers: 0,
    bytes: 0,
    activation_bytes: 0,
};

/// Keeps everything.
pub const LARGEST: MemoryPlan = MemoryPlan {
    pack_samples: 1,
    chunk_tokens: 1024,
    head_tokens: 128,
    kept_layers: 2,
    bytes: 0,
    activation_bytes: 0,
};

/// What a pass computes with, without dropout.
pub fn policy<'a>(
    model: &'a Model,
    pool: &'a ThreadPool,
    adapters: Adapters<'a>,
    plan: &'a MemoryPlan,
    control: &'a Control,
) -> AdaptedModel<'a> {
    AdaptedModel {
        model,
        pool,
        adapters,
        plan,
        control,
        dropout: None,
    }
}

/// Twelve steps at a high rate.
pub fn options(objectives: Objectives) -> TrainerOptions {
    TrainerOptions {
        objectives,
        reference: ReferencePolicy::default(),
        learning_rate: 3e-3,
        steps: 12,
        stop_after: None,
        warm_up: 2,
        schedule: Schedule::Cosine,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        dropout: 0.0,
        seed: 3,
    }
}

/// Tokens that look random.
pub fn tokens(seed: u32, count: u32) -> Vec<u32> {
    (0..count)
        .map(|i| (i * i * 7 + i * 37 + seed * 11) % 263)
        .collect()
}

/// Five pairs.
pub fn pairs() -> Vec<Sample> {
    let pair = |seed| {
        Sample::pair(
            tokens(seed, 9),
            tokens(seed + 50, 6 + seed),
            tokens(seed + 90, 12),
        )
    };
    (0..5).map(pair).collect()
}
