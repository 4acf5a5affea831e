//! Supervised fine-tuning: mean negative log-likelihood of the tokens that are learned, over
//! the demonstrations of a batch.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::{BatchFacts, Objective, ReplyWeight, ScoredReply, Weighed};
use crate::sample::Label;

/// Constants of the objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SftOptions {
    /// Weight of the token that ends a reply, where every other has 1. TRL has 1 for it too.
    pub end_weight: f64,
}

impl Default for SftOptions {
    fn default() -> Self {
        Self { end_weight: 1.0 }
    }
}

impl Objective for SftOptions {
    fn takes(&self, labels: &[Label]) -> bool {
        labels == [Label::Demonstration]
    }

    fn check_options(&self) -> Result<(), TrainError> {
        check_end_weight(self.end_weight)
    }

    fn weigh_ahead(&self, batch: &BatchFacts, replies: usize) -> Option<Vec<ReplyWeight>> {
        Some(vec![self.likelihood().slopes(batch); replies])
    }

    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        self.likelihood().weigh(batch, replies)
    }
}

impl SftOptions {
    fn likelihood(self) -> Likelihood {
        Likelihood {
            weight: 1.0,
            end_weight: self.end_weight,
        }
    }
}

/// A term of several objectives: `weight` times the mean negative log-likelihood by token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Likelihood {
    pub(super) weight: f64,
    /// Of the token that ends a reply, where every other has 1.
    pub(super) end_weight: f64,
}

impl Likelihood {
    /// The slopes of every reply: they depend on nothing else.
    pub(super) fn slopes(self, batch: &BatchFacts) -> ReplyWeight {
        let each = self.weight / batch.wanted_tokens as f64;
        ReplyWeight {
            each,
            end: (self.end_weight - 1.0) * each,
        }
    }

    pub(super) fn loss(self, batch: &BatchFacts, reply: &ScoredReply) -> f64 {
        let ReplyWeight { each, end } = self.slopes(batch);
        -each * reply.policy - end * reply.policy_end
    }

    pub(super) fn weigh(self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        Weighed {
            loss: replies.iter().map(|reply| self.loss(batch, reply)).sum(),
            weights: vec![self.slopes(batch); replies.len()],
        }
    }
}

pub(super) fn check_end_weight(end_weight: f64) -> Result<(), TrainError> {
    match end_weight.is_finite() && end_weight >= 0.0 {
        true => Ok(()),
        false => Err(TrainError::Option {
            option: "end_weight",
            reason: "must be at least 0".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::SftOptions;
    use crate::objective::math::slopes;
    use crate::objective::{BatchFacts, ScoredReply};
    use crate::sample::Label;

    #[test]
    fn slopes_are_those_of_the_values() {
        let batch = BatchFacts {
            samples: 3,
            wanted_tokens: 40,
            kl_estimate: 0.0,
        };
        let reply = ScoredReply {
            label: Label::Demonstration,
            tokens: 9,
            policy: -18.5,
            policy_end: -0.7,
            reference: 0.0,
        };
        for end_weight in [0.0, 1.0, 4.0] {
            let error = slopes::error(&SftOptions { end_weight }, &batch, &[reply]);
            assert!(error < 1e-8, "{end_weight}: {error}");
        }
    }
}
