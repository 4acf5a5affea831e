//! Keeping ordinary replies where they are.
//!
//! The replies are the reference's own. Their mean negative log-likelihood under the policy is
//! the cross-entropy H(reference, policy) = KL(reference‖policy) + H(reference), whose last
//! term does not move: exactly that in expectation where replies were sampled at temperature
//! 1, and at the likeliest replies where they were greedy. TRL has no such term.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::sft::Likelihood;
use crate::objective::{BatchFacts, Objective, ReplyWeight, ScoredReply, Weighed};
use crate::sample::Label;

/// Constants of the anchor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnchorOptions {
    /// Weight of the cross-entropy, beside a weight of 1 for everything else.
    pub weight: f64,
    /// Ordinary replies in each step's batch, beside the samples that are learned from.
    pub samples: usize,
}

impl Default for AnchorOptions {
    fn default() -> Self {
        Self {
            weight: 1.0,
            samples: 1,
        }
    }
}

impl Objective for AnchorOptions {
    fn takes(&self, labels: &[Label]) -> bool {
        labels == [Label::Anchor]
    }

    fn check_options(&self) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| {
            let reason = reason.to_owned();
            Err(TrainError::Option { option, reason })
        };
        if !(self.weight.is_finite() && self.weight > 0.0) {
            return refuse("anchor_weight", "must be above 0");
        }
        if self.samples == 0 {
            return refuse("anchor_samples", "must be at least 1");
        }
        Ok(())
    }

    fn weigh_ahead(&self, batch: &BatchFacts, replies: usize) -> Option<Vec<ReplyWeight>> {
        Some(vec![self.likelihood().slopes(batch); replies])
    }

    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        self.likelihood().weigh(batch, replies)
    }
}

impl AnchorOptions {
    fn likelihood(self) -> Likelihood {
        Likelihood {
            weight: self.weight,
            // Some replies are cut off and end with no such token.
            end_weight: 1.0,
        }
    }
}
