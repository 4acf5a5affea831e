//! Pocketune's core (layer L4): one quantized model, its chats, and what both cost.
//!
//! An [`Engine`] owns one GGUF model and the worker thread that computes with
//! it. [`Chat`]s are conversations on that engine; they, completions, scores and
//! embeddings are requests that the worker serves in fair turns. Results come
//! back through channels, so no lock is held while user code runs. An
//! [`EvaluationSession`] is the same engine under an adapter to be tried out. A run of
//! [`tuning`] makes such adapters on a thread of its own, over the same open model file.

#![forbid(unsafe_code)]

mod adapters;
mod cancel;
mod chat;
mod clock;
mod constraint;
mod conversation;
mod criticize;
mod digest;
mod engine;
mod error;
mod evaluation;
mod experiment;
mod facts;
mod memory;
mod options;
mod origin;
mod process;
mod reply;
mod results;
mod review;
mod reward;
mod source;
mod store;
mod text;
mod threads;
pub mod tuning;
mod vocabulary;
mod worker;

pub use adapters::Adapters;
pub use cancel::CancelToken;
pub use chat::{Chat, SavedChat};
pub use clock::now;
pub use constraint::Constraint;
pub use conversation::{ChatOptions, Message, OverflowPolicy, Prompt, Role, TemplateChoice};
pub use criticize::criticize;
pub use digest::DigestCache;
pub use engine::Engine;
pub use error::{ConstraintError, Error};
pub use evaluation::{
    AnswerCache, ComparedArms, ComparedMeasurement, EvaluatedSuite, Evaluation, EvaluationArm,
    EvaluationChat, EvaluationError, EvaluationPlan, EvaluationProgress, EvaluationSession,
    Reproduced, Responder, Scorer, StatedSignatures, StatedValidation, answer, evaluate,
    procedure_options,
};
pub use experiment::{
    ArmChat, Asked, AskedPart, Choice, Experiment, Experiments, Shown, SideBySideChat,
};
pub use facts::ModelFacts;
pub use memory::MemoryEstimate;
pub use options::{EngineOptions, GenerationOptions, KvCacheType, Penalties, Sampling};
pub use origin::{AppliedAdapter, ReplyId, ReplyOrigin, ReplySampling};
pub use pocketune_adapter::{
    AdapterError, BaseIdentity, BaseModel, BaseNorms, CandidateAdapter, Digest, LoraPair,
    PublicKey, Refusal, Timestamp, TrustPolicy, VerifiedAdapter,
};
pub use pocketune_gguf::{GgufError, ModelHeader};
pub use pocketune_grammar::GrammarError;
pub use pocketune_judge::critic::{
    Critic, Exchange, Expectation, Finding, Judgement, Panel, Ruling,
};
pub use pocketune_judge::experiment::{
    Arm, ArmDefinition, Arms, Decision, Definition, DesignKind, ExperimentError, Forecast, Goal,
    Limits, Measure, MeasureEvidence, Metric, Namespace, Outcome, Pick, Reason, Role as MetricRole,
    Verdict,
};
pub use pocketune_llama::{CpuFacts, Token, available_memory_bytes, cpu_facts};
pub use pocketune_store::{
    Action, Active, ActiveAdapter, Delivery, HistoryEntry, InstalledAdapter, Purpose,
    RefusedAdapter, ReviewLabel, StoreError, VerifiedDelivery,
};
pub use process::{PeakMemory, ProcessMemory, dirty_file_bytes};
pub use reply::{Reply, ReplyPart, ReplyStream, StopReason};
pub use results::{Embedding, Features, Pooling, Score, TokenScore};
pub use review::{DoubtfulExchange, DoubtfulReply, Label, Objection, Reviews};
pub use reward::{
    BestOf, Draft, Preference, RewardModel, RewardScore, comparisons, replies_at_most,
};
pub use source::ModelSource;
pub use store::{RewardModels, Store};
pub use threads::default_threads;
