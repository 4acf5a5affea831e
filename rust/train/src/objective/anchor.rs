//! Keeping replies where they are: KL(reference ‖ policy), exact over the vocabulary, at each
//! token of the reference's own replies to other prompts.
//!
//! It is no [`crate::Objective`]: it weighs no replies, but whole distributions. The
//! cross-entropy of greedy replies, which has the same gradient in expectation where replies are
//! sampled, makes what is likely likelier and so moves a model that has learned nothing. TRL has
//! no such term.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Constants of the anchor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnchorOptions {
    /// Weight of the mean over a step's anchors of each one's mean KL by token, beside a weight of
    /// 1 for everything else.
    pub weight: f64,
    /// The reference's own replies in each step's batch, beside the samples that are learned
    /// from.
    pub samples: usize,
}

impl AnchorOptions {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| Err(TrainError::option(option, reason));
        if !(self.weight.is_finite() && self.weight > 0.0) {
            return refuse("anchor_weight", "must be above 0");
        }
        if self.samples == 0 {
            return refuse("anchor_samples", "must be at least 1");
        }
        Ok(())
    }
}
