//! Kahneman-Tversky optimisation (Ethayarajh et al. 2024, arXiv:2402.01306): replies that were
//! liked or not, each by itself.
//!
//! With `r = log π/ρ` of a whole reply and z, an estimate of KL(policy‖reference): the mean of
//! r over prompts with replies to other prompts, at least 0, and without a gradient of its own.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::math::sigmoid;
use crate::objective::sft::{Likelihood, check_end_weight};
use crate::objective::{BatchFacts, Objective, ReplyWeight, ScoredReply, Weighed};
use crate::sample::Label;

/// The loss of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KtoLoss {
    /// `1 − σ(β(r − z))` where it was liked, `1 − σ(β(z − r))` where not.
    #[default]
    Kto,
    /// The same with z = 0 (D'Oosterlinck et al. 2024, arXiv:2408.06266): needs no replies to
    /// other prompts. For liked replies that are better than the model's own.
    ApoZeroUnpaired,
}

/// Constants of the objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KtoOptions {
    /// The loss.
    pub loss: KtoLoss,
    /// β: how strongly a departure from the reference is penalised.
    pub beta: f64,
    /// Weight of the losses of liked replies.
    pub desirable_weight: f64,
    /// Weight of those of disliked ones.
    pub undesirable_weight: f64,
    /// Weight of a further term, the mean negative log-likelihood of the liked replies' tokens
    /// over the batch, as DPO's `sft` loss has it for chosen ones; 0 for TRL's loss.
    pub sft_weight: f64,
    /// In that term the weight of the token that ends a reply, where every other has 1.
    pub end_weight: f64,
}

impl Default for KtoOptions {
    fn default() -> Self {
        Self {
            loss: KtoLoss::default(),
            beta: 0.1,
            desirable_weight: 1.0,
            undesirable_weight: 1.0,
            sft_weight: 0.0,
            end_weight: 1.0,
        }
    }
}

impl KtoOptions {
    /// With weights by which both labels have the same say, however often each was given: the
    /// rarer one weighs more. Equation 8 of the paper allows the quotient of the weighted
    /// counts, desirable by undesirable, from 1 to 4/3; this gives 1.
    #[must_use]
    pub fn balanced(self, desirable: usize, undesirable: usize) -> Self {
        let more = desirable.max(undesirable) as f64;
        let weight = |count: usize| more / count.max(1) as f64;
        Self {
            desirable_weight: weight(desirable),
            undesirable_weight: weight(undesirable),
            ..self
        }
    }
}

impl Objective for KtoOptions {
    fn takes(&self, labels: &[Label]) -> bool {
        matches!(labels, [Label::Desirable | Label::Undesirable])
    }

    fn check_options(&self) -> Result<(), TrainError> {
        for (option, value) in [
            ("beta", self.beta),
            ("desirable_weight", self.desirable_weight),
            ("undesirable_weight", self.undesirable_weight),
        ] {
            if !(value.is_finite() && value > 0.0) {
                let reason = "must be above 0".to_owned();
                return Err(TrainError::Option { option, reason });
            }
        }
        if !(self.sft_weight.is_finite() && self.sft_weight >= 0.0) {
            let (option, reason) = ("sft_weight", "must be at least 0".to_owned());
            return Err(TrainError::Option { option, reason });
        }
        check_end_weight(self.end_weight)
    }

    fn needs_reference(&self) -> bool {
        true
    }

    fn needs_kl_estimate(&self) -> bool {
        self.loss == KtoLoss::Kto
    }

    fn beta(&self) -> Option<f64> {
        Some(self.beta)
    }

    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        let share = 1.0 / batch.samples as f64;
        let mut weighed = Weighed {
            loss: 0.0,
            weights: Vec::with_capacity(replies.len()),
        };
        for reply in replies {
            let advantage = match self.loss {
                KtoLoss::Kto => reply.log_ratio() - batch.kl_estimate,
                KtoLoss::ApoZeroUnpaired => reply.log_ratio(),
            };
            let (sign, weight) = match reply.label.is_wanted() {
                true => (1.0, self.desirable_weight),
                false => (-1.0, self.undesirable_weight),
            };
            let value = sigmoid(sign * self.beta * advantage);
            weighed.loss += share * weight * (1.0 - value);
            // The slope against log p is −σ′; against −log p it is σ′.
            let slope = sign * self.beta * value * (1.0 - value);
            let mut slopes = ReplyWeight::of(share * weight * slope);
            if reply.label.is_wanted() && self.sft_weight > 0.0 {
                let likelihood = Likelihood {
                    weight: self.sft_weight,
                    end_weight: self.end_weight,
                };
                let ReplyWeight { each, end } = likelihood.slopes(batch);
                weighed.loss += likelihood.loss(batch, reply);
                slopes.each += each;
                slopes.end += end;
            }
            weighed.weights.push(slopes);
        }
        weighed
    }
}

#[cfg(test)]
mod tests {
    use super::{KtoLoss, KtoOptions};
    use crate::objective::math::slopes;
    use crate::objective::{BatchFacts, Objective, ScoredReply};
    use crate::sample::Label;

    fn reply(label: Label, policy: f64) -> ScoredReply {
        ScoredReply {
            label,
            tokens: 7,
            policy,
            policy_end: policy / 7.0,
            reference: -20.0,
        }
    }

    const BATCH: BatchFacts = BatchFacts {
        samples: 3,
        wanted_tokens: 14,
        kl_estimate: 0.7,
    };

    #[test]
    fn slopes_are_those_of_the_values() {
        for loss in [KtoLoss::Kto, KtoLoss::ApoZeroUnpaired] {
            let options = KtoOptions {
                loss,
                beta: 0.3,
                desirable_weight: 1.0,
                undesirable_weight: 1.5,
                sft_weight: 0.7,
                end_weight: 3.0,
            };
            for label in [Label::Desirable, Label::Undesirable] {
                for policy in [-31.0, -20.0, -18.5] {
                    let error = slopes::error(&options, &BATCH, &[reply(label, policy)]);
                    assert!(error < 1e-8, "{options:?} {label:?} {policy}: {error}");
                }
            }
        }
    }

    #[test]
    fn extremes_stay_finite() {
        let options = KtoOptions::default();
        for policy in [-1e6, 1e6] {
            let weighed = options.weigh(&BATCH, &[reply(Label::Desirable, policy)]);
            assert!(weighed.loss.is_finite() && weighed.weights[0].each.is_finite());
        }
    }

    #[test]
    fn rarer_labels_weigh_more() {
        let weights = |desirable, undesirable| {
            let options = KtoOptions::default().balanced(desirable, undesirable);
            (options.desirable_weight, options.undesirable_weight)
        };
        assert_eq!(weights(24, 24), (1.0, 1.0));
        assert_eq!(weights(30, 10), (1.0, 3.0));
        assert_eq!(weights(5, 20), (4.0, 1.0));
        assert_eq!(weights(0, 8), (8.0, 1.0));
    }
}
