//! How to train, and what cannot be done.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::Objective;
use crate::optimizer::OptimizerOptions;
use crate::pack::Sample;
use crate::schedule::Schedule;

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerOptions {
    /// What to make likelier.
    pub objective: Objective,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps in all.
    pub steps: u64,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Learning rate after it.
    pub schedule: Schedule,
    /// Samples a step.
    pub batch: usize,
    /// Longest gradient.
    pub clip: f32,
    /// Optimiser.
    pub optimizer: OptimizerOptions,
    /// Probability with which each feature is hidden from the adapter, 0 to below 1.
    pub dropout: f32,
    /// Determines the order of the samples and what dropout hides.
    pub seed: u64,
}

/// Bytes of anonymous memory for training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Most that may be used; no limit when `None`.
    pub budget_bytes: Option<u64>,
    /// Part of it that others need, such as a [`crate::KlProbe`].
    pub reserved_bytes: u64,
}

impl TrainerOptions {
    pub(super) fn check(&self, samples: &[Sample]) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| {
            Err(TrainError::Option {
                option,
                reason: reason.to_owned(),
            })
        };
        if samples.is_empty() {
            return refuse("data", "holds no sample");
        }
        if self.batch == 0 || self.steps == 0 {
            return refuse("batch and steps", "must be at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", "must be above 0");
        }
        if self.clip.is_nan() || self.clip <= 0.0 {
            return refuse("clip", "must be above 0");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", "must be from 0 to below 1");
        }
        if let Objective::Dpo(options) = &self.objective {
            if !(options.beta.is_finite() && options.beta > 0.0) {
                return refuse("beta", "must be above 0");
            }
            if !(0.0..0.5).contains(&options.label_smoothing) {
                return refuse("label_smoothing", "must be from 0 to below 0.5");
            }
        }
        let pairs = matches!(self.objective, Objective::Dpo(_));
        let wrong = |sample: &Sample| matches!(sample, Sample::Pair { .. }) != pairs;
        if let Some(index) = samples.iter().position(wrong) {
            let reason = if pairs {
                "it is no pair"
            } else {
                "it is a pair, not a text"
            };
            return Err(TrainError::Sample {
                index,
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }
}
