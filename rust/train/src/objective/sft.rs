//! Supervised fine-tuning: mean negative log-likelihood of the tokens that are learned, over
//! the demonstrations of a batch.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::{BatchFacts, Objective, ScoredReply, Weighed};
use crate::sample::Label;

/// Supervised fine-tuning has no constants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftOptions {}

impl Objective for SftOptions {
    fn takes(&self, labels: &[Label]) -> bool {
        labels == [Label::Demonstration]
    }

    fn check_options(&self) -> Result<(), TrainError> {
        Ok(())
    }

    fn weigh_ahead(&self, batch: &BatchFacts, replies: usize) -> Option<Vec<f64>> {
        Some(vec![1.0 / batch.wanted_tokens as f64; replies])
    }

    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        likelihood(batch, replies, 1.0)
    }
}

/// `weight` times the mean negative log-likelihood by token.
pub(super) fn likelihood(batch: &BatchFacts, replies: &[ScoredReply], weight: f64) -> Weighed {
    let share = weight / batch.wanted_tokens as f64;
    Weighed {
        loss: -share * replies.iter().map(|reply| reply.policy).sum::<f64>(),
        weights: vec![share; replies.len()],
    }
}
