//! Tuning: from a dataset to an adapter that nobody vouches for yet.
//!
//! ```text
//! dataset ──► encoding ──► prepare ──► run ──► candidate and figures
//!  lines      samples      plan        events
//! ```
//!
//! A dataset is read line by line ([`read_records`]) and encoded with an engine
//! ([`Encoder`]): what texts and messages come to as tokens is said there. What users said of
//! replies becomes samples that can be learned from ([`Feedback::settle`]). A [`Tuning`] is
//! checked and planned; a [`TuningRun`] computes on a thread of its own over the file that the
//! engine was loaded from ([`TunableModel`]), and ends with a [`Tuned`] adapter. What trains, and the bytes that come of it, are `pocketune-train`'s.

mod control;
mod dataset;
mod encoding;
mod events;
mod facts;
mod feedback;
mod figures;
mod model;
mod own_replies;
mod prepare;
mod run;

pub use control::TuningControl;
pub use dataset::{Content, DATASET_BYTES_MAX, Record, read_lines, read_records};
pub use encoding::{
    Disliked, EncodedDataset, Encoder, EncodingOptions, SampleCounts, SkippedLines,
};
pub use events::{StepDone, TuningEvent};
pub use feedback::{FEEDBACK_MINIMUM, Feedback};
pub use figures::{BeforeAndAfter, Tuned, TuningFigures};
pub use model::TunableModel;
pub use own_replies::OwnReplies;
pub use prepare::{Tuning, TuningData, TuningOptions, TuningPlan};
pub use run::TuningRun;

pub use crate::error::{Contradiction, DatasetError, Form, RecordFault, RecordKind};

pub use pocketune_train::{
    AdaptedLayers, AnchorOptions, CheckpointDir, CrossValidation, DpoLoss, DpoOptions,
    HeldOutCurve, HeldOutFigures, KtoLoss, KtoOptions, Label, LoraShape, MemoryBudget, MemoryPlan,
    MicroStep, Objectives, OptimizerOptions, Precision, Projection, Recipe, ReferencePolicy, Reply,
    RewardMetrics, RunEnd, Sample, Schedule, SftOptions, StepReport, TrainError, TrainerOptions,
};
