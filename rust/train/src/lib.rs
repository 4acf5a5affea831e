//! A few exact LoRA gradient steps over the quantized weights of a GGUF model.
//!
//! Shapes: T tokens, E features of the residual stream, V vocabulary entries, N and
//! K output and input features of a projection, r the rank.
//!
//! A [`Model`] maps a GGUF file and runs it forward and backward, layer by layer,
//! by hand; weights stay quantized and are dequantised tile by tile. [`Lora`]s are
//! what moves. A [`Pack`] is what goes through the model at once: sequences that
//! may share beginnings. A [`SampleSource`] gives each step its [`Sample`]s; an [`Objective`]
//! turns their log-probabilities into a loss and the weights of its gradient; a [`Trainer`]
//! puts all of it together. What it does unless told otherwise is a [`Recipe`].
//!
//! A clock is read to estimate how long a run takes and to choose when it is saved, and
//! nothing draws a random number that a seed does not determine: the same inputs give the
//! same bytes, whatever the number of threads.
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
mod sample;
mod schedule;
mod source;
mod trainer;

pub use error::TrainError;
pub use lora::{AdaptedLayers, Lora, LoraShape, Projection};
pub use lora_file::Precision;
pub use model::Model;
pub use objective::{
    AnchorOptions, BatchFacts, DpoLoss, DpoOptions, KtoLoss, KtoOptions, Objective, Objectives,
    ReplyWeight, RewardMetrics, ScoredReply, SftOptions, Weighed,
};
pub use optimizer::{AdamW, Optimizer, OptimizerOptions, Sgd, clip};
pub use pack::{Pack, PackSize, Target};
pub use pass::{AdaptedModel, Adapters, Dropout, Pass, TargetWeights};
pub use plan::{MemoryBudget, MemoryPlan, PlanInputs};
pub use pocketune_kernels::Control;
pub use recipe::Recipe;
pub use sample::{Label, Reply, Sample};
pub use schedule::Schedule;
pub use source::{Dataset, Drawn, MeanBatch, SampleSource};
pub use trainer::{
    CheckpointDir, Checkpointing, CrossValidation, HeldOut, HeldOutCurve, HeldOutFigures, KlLimit,
    KlProbe, MicroStep, ReferencePolicy, RunCost, RunEnd, RunEvent, StepReport, Trainer,
    TrainerOptions, Training,
};
