//! Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290) and its
//! relatives.
//!
//! With log-probabilities of the whole replies, πc and πr by the policy, ρc and ρr by
//! the reference, n tokens each: `δ = (πc − ρc) − (πr − ρr)` and, by token,
//! `δ̄ = (πc − ρc)/nc − (πr − ρr)/nr`.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::math::{log_sigmoid, sigmoid};
use crate::objective::sft::{Likelihood, check_end_weight};
use crate::objective::{BatchFacts, Objective, ReplyWeight, ScoredReply, Weighed};
use crate::sample::{Label, Sample};

/// One term of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DpoLoss {
    /// `−log σ(βδ)`.
    Sigmoid,
    /// `(−(1−ε)·log σ(βδ) + ε·log σ(−βδ)) / (1 − 2ε)`: labels that are wrong with
    /// probability ε (Chowdhury et al. 2024, arXiv:2403.00409).
    Robust,
    /// `(δ̄ − 1/(2β))²` (Azar et al. 2023, arXiv:2310.12036).
    Ipo,
    /// `−log σ(βδ̄)`.
    SigmoidNorm,
    /// Mean negative log-likelihood of the chosen replies' tokens over the batch.
    Sft,
}

/// Constants of the objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DpoOptions {
    /// β: how strongly a departure from the reference is penalised.
    pub beta: f64,
    /// ε of [`DpoLoss::Robust`], 0 to below 0.5.
    pub label_smoothing: f64,
    /// Terms with their weights.
    pub losses: Vec<(DpoLoss, f64)>,
    /// In [`DpoLoss::Sft`] the weight of the token that ends a reply, where every other has 1.
    /// TRL has 1 for it too.
    pub end_weight: f64,
}

impl Default for DpoOptions {
    fn default() -> Self {
        Self {
            beta: 0.1,
            label_smoothing: 0.0,
            losses: vec![(DpoLoss::Sigmoid, 1.0)],
            end_weight: 1.0,
        }
    }
}

impl Objective for DpoOptions {
    fn takes(&self, labels: &[Label]) -> bool {
        labels == [Label::Chosen, Label::Rejected]
    }

    fn check_options(&self) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| Err(TrainError::option(option, reason));
        if !(self.beta.is_finite() && self.beta > 0.0) {
            return refuse("beta", "must be above 0");
        }
        if !(0.0..0.5).contains(&self.label_smoothing) {
            return refuse("label_smoothing", "must be from 0 to below 0.5");
        }
        let usable = |weight: f64| weight.is_finite() && weight >= 0.0;
        if self.losses.is_empty() || !self.losses.iter().all(|&(_, weight)| usable(weight)) {
            return refuse("losses", "must have weights from 0");
        }
        check_end_weight(self.end_weight)
    }

    fn check(&self, sample: &Sample) -> Result<(), &'static str> {
        match &sample.replies[..] {
            [chosen, rejected] if chosen.tokens == rejected.tokens => {
                Err("chosen and rejected are the same")
            }
            _ => Ok(()),
        }
    }

    fn needs_reference(&self) -> bool {
        true
    }

    fn beta(&self) -> Option<f64> {
        Some(self.beta)
    }

    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed {
        let [chosen, rejected] = replies else {
            // `takes` lets nothing else come here.
            return Weighed {
                loss: f64::NAN,
                weights: vec![ReplyWeight::of(f64::NAN); replies.len()],
            };
        };
        let (nc, nr) = (chosen.tokens as f64, rejected.tokens as f64);
        let (gain, loss) = (chosen.log_ratio(), rejected.log_ratio());
        let deltas = Deltas {
            whole: gain - loss,
            by_token: gain / nc - loss / nr,
        };
        let mut weighed = Weighed {
            loss: 0.0,
            weights: vec![ReplyWeight::default(); 2],
        };
        for &(term, weight) in &self.losses {
            if term == DpoLoss::Sft {
                let likelihood = Likelihood {
                    weight,
                    end_weight: self.end_weight,
                };
                let slopes = likelihood.slopes(batch);
                weighed.loss += likelihood.loss(batch, chosen);
                weighed.weights[0].each += slopes.each;
                weighed.weights[0].end += slopes.end;
                continue;
            }
            let share = weight / batch.samples as f64;
            let (value, slope) = self.term(term, deltas);
            // By token each reply's log-probability is divided by its length.
            let (by_chosen, by_rejected) = match term {
                DpoLoss::Ipo | DpoLoss::SigmoidNorm => (slope / nc, slope / nr),
                _ => (slope, slope),
            };
            weighed.loss += share * value;
            weighed.weights[0].each -= share * by_chosen;
            weighed.weights[1].each += share * by_rejected;
        }
        weighed
    }
}

/// δ and δ̄.
#[derive(Clone, Copy)]
struct Deltas {
    whole: f64,
    by_token: f64,
}

impl DpoOptions {
    /// A term's value, and its slope against δ or δ̄.
    fn term(&self, term: DpoLoss, Deltas { whole, by_token }: Deltas) -> (f64, f64) {
        let (beta, smoothing) = (self.beta, self.label_smoothing);
        match term {
            DpoLoss::Sigmoid => (-log_sigmoid(beta * whole), -beta * sigmoid(-beta * whole)),
            DpoLoss::Robust => {
                let norm = 1.0 - 2.0 * smoothing;
                let value = -(1.0 - smoothing) * log_sigmoid(beta * whole)
                    + smoothing * log_sigmoid(-beta * whole);
                let slope = -beta
                    * ((1.0 - smoothing) * sigmoid(-beta * whole)
                        + smoothing * sigmoid(beta * whole));
                (value / norm, slope / norm)
            }
            DpoLoss::Ipo => {
                let error = by_token - 1.0 / (2.0 * beta);
                (error * error, 2.0 * error)
            }
            DpoLoss::SigmoidNorm => (
                -log_sigmoid(beta * by_token),
                -beta * sigmoid(-beta * by_token),
            ),
            // Has no δ; see `weigh`.
            DpoLoss::Sft => (0.0, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DpoLoss, DpoOptions};
    use crate::objective::math::slopes;
    use crate::objective::{BatchFacts, Objective, ScoredReply};
    use crate::sample::Label;

    fn pair(chosen: (f64, f64, usize), rejected: (f64, f64, usize)) -> [ScoredReply; 2] {
        let reply = |label, (policy, reference, tokens)| ScoredReply {
            label,
            tokens,
            policy,
            policy_end: policy / 7.0,
            reference,
        };
        [
            reply(Label::Chosen, chosen),
            reply(Label::Rejected, rejected),
        ]
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        use DpoLoss::{Ipo, Robust, Sft, Sigmoid, SigmoidNorm};
        let replies = pair((-18.5, -20.0, 9), (-33.0, -31.0, 14));
        let batch = BatchFacts {
            samples: 3,
            wanted_tokens: 40,
            kl_estimate: 0.0,
        };
        for losses in [
            vec![(Sigmoid, 1.0)],
            vec![(Robust, 1.0)],
            vec![(Ipo, 1.0)],
            vec![(SigmoidNorm, 0.5)],
            vec![(Sigmoid, 1.0), (Sft, 0.7)],
        ] {
            let options = DpoOptions {
                beta: 0.3,
                label_smoothing: 0.1,
                losses,
                end_weight: 3.0,
            };
            let error = slopes::error(&options, &batch, &replies);
            assert!(error < 1e-8, "{options:?}: {error}");
        }
    }

    #[test]
    fn extreme_margins_stay_finite() {
        let batch = BatchFacts {
            samples: 1,
            wanted_tokens: 1,
            kl_estimate: 0.0,
        };
        for chosen in [-1e5, 1e5] {
            let replies = pair((chosen, 0.0, 1), (0.0, 0.0, 1));
            let weighed = DpoOptions::default().weigh(&batch, &replies);
            assert!(weighed.loss.is_finite() && weighed.weights[0].each.is_finite());
        }
    }
}
