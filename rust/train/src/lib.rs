//! A few exact LoRA gradient steps over the quantized weights of a GGUF model.
//!
//! Shapes: T tokens, E features of the residual stream, V vocabulary entries, N and
//! K output and input features of a projection, r the rank.
//!
//! A [`Model`] maps a GGUF file and runs it forward and backward, layer by layer,
//! by hand; weights stay quantized and are dequantised tile by tile. [`Lora`]s are
//! what moves. A [`Pack`] is what goes through the model at once: sequences that
//! may share beginnings. An [`Objective`] turns log-probabilities into a loss and
//! the weights of its gradient; a [`Trainer`] puts all of it together. What it does unless
//! told otherwise is a [`Recipe`].
//!
//! Nothing but [`Trainer::estimate`] reads a clock, and nothing draws a random number
//! that a seed does not determine: the same inputs give the same bytes, whatever the
//! number of threads.
#![forbid(unsafe_code)]

mod error;
mod lora;
mod lora_file;
mod model;
mod objective;
mod optimizer;
mod pack;
mod pass;
mod plan;
mod recipe;
mod schedule;
mod trainer;

pub use error::TrainError;
pub use lora::{Lora, LoraShape, Projection};
pub use lora_file::Precision;
pub use model::Model;
pub use objective::{DpoLoss, DpoOptions, Objective, PairMetrics, Reference};
pub use optimizer::{AdamW, Optimizer, OptimizerOptions, Sgd, clip};
pub use pack::{Pack, Sample, Target};
pub use pass::{AdaptedModel, Adapters, Dropout, Pass, TargetWeights};
pub use plan::{MemoryPlan, PackSize, PlanInputs};
pub use pocketune_kernels::Control;
pub use recipe::Recipe;
pub use schedule::Schedule;
pub use trainer::{
    CheckpointDir, HeldOut, KlLimit, KlProbe, MemoryLimit, MicroStep, RunCost, RunEnd, RunEvent,
    StepReport, Trainer, TrainerOptions,
};
