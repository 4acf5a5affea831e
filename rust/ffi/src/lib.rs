//! The Kotlin and Swift face of Pocketune (layer L5).
//!
//! One UniFFI namespace, `pocketune`. This crate converts, calls and converts
//! back; it has no logic of its own. Blocking work runs on threads of its own
//! behind `async` functions, so no caller's thread waits. Dropping such a
//! future cancels the work; Kotlin's coroutines do that, the Swift that UniFFI
//! generates does not. Streams are pulled, never pushed, so that no app code
//! runs inside the engine.

uniffi::setup_scaffolding!("pocketune");

mod adapter_records;
mod adapters;
#[cfg(target_os = "android")]
mod android;
mod background;
mod chat;
mod consents;
mod engine;
mod error;
mod experiment_definition;
mod experiment_records;
mod experiments;
mod log_lines;
mod log_ring;
mod logging;
mod messages;
mod records;
mod refusal;
mod results;
mod reviews;
mod reward;
mod side_by_side;
mod store;
mod stream;

pub use adapter_records::{
    AdapterChoice, AdapterMeasurement, AdapterSummary, AdapterVerdict, HistoryAction, HistoryEntry,
    InstalledAdapter, RefusedAdapter,
};
pub use adapters::Adapters;
pub use background::Cancellation;
pub use chat::{Chat, ChatOptions, OverflowPolicy};
pub use consents::ConsentPurpose;
pub use engine::{Engine, LoadListener, ModelSource, estimate_memory, inspect_model};
pub use error::{ListenerError, PocketuneError, StorageFault};
pub use experiment_definition::{
    ArmDefinition, ArmWeights, ExperimentDefinition, ExperimentDesign, ExperimentGoal,
    ExperimentLimits, ExperimentNamespace, MetricDefinition, MetricRange, MetricRole,
};
pub use experiment_records::{
    Arm, Asked, Choice, DamagedExperiment, Decision, Forecast, Measure, MetricEvidence, Outcome,
    Verdict, VerdictReason,
};
pub use experiments::{ArmChat, Experiment, Experiments};
pub use log_lines::LogLines;
pub use log_ring::{LogLevel, LogLine};
pub use logging::start_logging;
pub use messages::{Message, Role, TemplateChoice};
pub use records::{
    Constraint, EngineOptions, GenerationOptions, KvCacheType, Penalties, Pooling, Prompt,
    Sampling, TokenBias,
};
pub use refusal::{AdapterRefusal, RefusalReason};
pub use results::{Embedding, MemoryEstimate, ModelFacts, Score, TokenScore};
pub use reviews::{DoubtfulReply, ReviewLabel, Reviews};
pub use reward::{
    BestOf, Draft, Judgement, Objection, RewardModel, RewardModels, RewardScore, Ruling, criticize,
};
pub use side_by_side::{AskedPart, AskedStream, SideBySideChat};
pub use store::Store;
pub use stream::{Reply, ReplyPart, ReplySampling, ReplyStream, StopReason};

/// Version of the native library, such as `0.1.0`.
#[uniffi::export]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
