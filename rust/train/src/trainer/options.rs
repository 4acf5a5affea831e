//! How to train, and what cannot be done.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::Objectives;
use crate::optimizer::OptimizerOptions;
use crate::schedule::Schedule;

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerOptions {
    /// What to make likelier.
    pub objectives: Objectives,
    /// What the policy is compared with.
    pub reference: ReferencePolicy,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps that the schedule spans.
    pub steps: u64,
    /// Stop after this many of them, where cross-validation found that fewer are better.
    pub stop_after: Option<u64>,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Learning rate after it.
    pub schedule: Schedule,
    /// Longest gradient.
    pub clip: f32,
    /// Optimiser.
    pub optimizer: OptimizerOptions,
    /// Probability with which each feature is hidden from the adapter, 0 to below 1.
    pub dropout: f32,
    /// Determines what dropout hides.
    pub seed: u64,
}

/// The policy that objectives and KL compare with. Both are the same for an adapter that
/// begins with no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferencePolicy {
    /// The model with the frozen adapters and the one that training begins with, as in TRL.
    /// Takes 4 bytes a parameter more.
    #[default]
    Initial,
    /// The model with the frozen adapters alone.
    Base,
}

impl TrainerOptions {
    /// Steps that are taken.
    pub(super) fn last_step(&self) -> u64 {
        self.stop_after
            .map_or(self.steps, |stop| stop.min(self.steps))
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| Err(TrainError::option(option, reason));
        self.objectives.check_options()?;
        if self.steps == 0 {
            return refuse("steps", "must be at least 1");
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
        Ok(())
    }
}
