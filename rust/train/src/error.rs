//! What can go wrong in training.

use std::io;

use pocketune_base::OpenError;
use pocketune_gguf::{GgmlType, GgufError};
use pocketune_kernels::ShapeError;
use thiserror::Error;

/// Why training did not happen or stopped.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The model file could not be read.
    #[error("the model file could not be read: {0}")]
    Io(#[from] io::Error),
    /// The path of the model leads to something else than a file.
    #[error("the model must be a regular file, this is {found}")]
    ModelNotAFile {
        /// What it is instead.
        found: &'static str,
    },
    /// The file is no model.
    #[error("no model: {0}")]
    Gguf(#[from] GgufError),
    /// There is no backward pass for this architecture yet.
    #[error("models of architecture {architecture} cannot be tuned yet; llama can")]
    UnsupportedArchitecture {
        /// `general.architecture`.
        architecture: String,
    },
    /// The architecture is known, this variant of it is not.
    #[error("this model cannot be tuned: {reason}")]
    UnsupportedModel {
        /// What is not supported.
        reason: String,
    },
    /// A weight matrix of a type without a kernel.
    #[error("tensor {tensor} has type {tensor_type}, which cannot be tuned over")]
    UnsupportedType {
        /// Its name.
        tensor: String,
        /// Its type.
        tensor_type: GgmlType,
    },
    /// A weight matrix whose bytes do not fit its shape.
    #[error("tensor {tensor}: {source}")]
    Shape {
        /// Its name.
        tensor: String,
        /// What does not fit.
        source: ShapeError,
    },
    /// A LoRA that does not fit the model or the options.
    #[error("the adapter does not fit: {reason}")]
    Adapter {
        /// What does not fit.
        reason: String,
    },
    /// A sample that cannot be trained on.
    #[error("sample {index}: {reason}")]
    Sample {
        /// Its index, from 0.
        index: usize,
        /// Why.
        reason: String,
    },
    /// An option outside its range.
    #[error("{option} {reason}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its range, and what was given.
        reason: String,
    },
    /// The memory budget is below what the smallest plan needs.
    #[error("{required_bytes} bytes are needed, the budget is {budget_bytes}")]
    MemoryBudget {
        /// What the smallest plan needs.
        required_bytes: u64,
        /// What was allowed.
        budget_bytes: u64,
    },
    /// Loss or gradient became infinite or not a number; nothing was changed by
    /// the step that found it.
    #[error("training diverged in step {step}: {what} is {value}")]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// Loss or gradient norm.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Cross-validation found that no step lowers the loss of samples that were held out.
    #[error("cross-validation: no number of steps lowers the loss of held-out samples")]
    NoImprovement,
    /// The folder of a checkpoint cannot be used.
    #[error("the checkpoint's folder cannot be used: {0}")]
    CheckpointUnusable(#[source] io::Error),
    /// A checkpoint could not be written, as on a full disk; the last one is still there.
    #[error("the checkpoint could not be written, the last one is kept: {0}")]
    CheckpointNotWritten(#[source] io::Error),
    /// The file is no whole checkpoint.
    #[error("the checkpoint is damaged: {0}")]
    CheckpointDamaged(#[source] GgufError),
    /// The checkpoint belongs to a run that began otherwise.
    #[error("the checkpoint is of another run: its {what} differ")]
    CheckpointOfAnotherRun {
        /// What differs.
        what: &'static str,
    },
    /// [`crate::Control::cancel`] was called.
    #[error("cancelled")]
    Cancelled,
}

impl TrainError {
    pub(crate) fn option(option: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Option { option, reason }
    }
}

/// For the model's own file.
impl From<OpenError> for TrainError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotAFile { found } => Self::ModelNotAFile { found },
            OpenError::Io(error) => Self::Io(error),
        }
    }
}
