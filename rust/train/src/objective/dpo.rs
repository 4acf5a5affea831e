//! Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290) and its
//! relatives.
//!
//! With log-probabilities of the whole replies, πc and πr by the policy, ρc and ρr by
//! the reference, n tokens each: `δ = (πc − ρc) − (πr − ρr)` and, by token,
//! `δ̄ = (πc − ρc)/nc − (πr − ρr)/nr`.

use serde::{Deserialize, Serialize};

use crate::pack::{Pack, Sample};

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
    /// β: how dearly departing from the reference is paid.
    pub beta: f64,
    /// ε of [`DpoLoss::Robust`], 0 to below 0.5.
    pub label_smoothing: f64,
    /// Terms with their weights.
    pub losses: Vec<(DpoLoss, f64)>,
}

impl Default for DpoOptions {
    fn default() -> Self {
        Self {
            beta: 0.1,
            label_smoothing: 0.0,
            losses: vec![(DpoLoss::Sigmoid, 1.0)],
        }
    }
}

/// Log-probabilities of both replies under the reference policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// ρc, in nats.
    pub chosen: f64,
    /// ρr, in nats.
    pub rejected: f64,
}

/// TRL's figures for one pair.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PairMetrics {
    /// `β·(πc − ρc)`.
    pub reward_chosen: f64,
    /// `β·(πr − ρr)`.
    pub reward_rejected: f64,
    /// Their difference.
    pub margin: f64,
    /// 1 when the chosen reply is rewarded more, 0 when less, one half when equal
    /// (where TRL counts 0).
    pub accuracy: f64,
    /// πc.
    pub logp_chosen: f64,
    /// πr.
    pub logp_rejected: f64,
}

/// A pair's share of the batch's loss, and its slopes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairLoss {
    pub(crate) loss: f64,
    /// Gradient with respect to −log p of each chosen token.
    pub(crate) chosen_weight: f64,
    /// The same for rejected tokens.
    pub(crate) rejected_weight: f64,
    pub(crate) metrics: PairMetrics,
}

/// What of the whole batch enters a pair's loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchFacts {
    pub(crate) pairs: usize,
    pub(crate) chosen_tokens: usize,
    /// Predictions that count, of all replies.
    pub(crate) tokens: usize,
}

impl PairMetrics {
    /// Means over pairs; `None` without any.
    #[must_use]
    pub fn mean(pairs: &[Self]) -> Option<Self> {
        let of =
            |figure: fn(&Self) -> f64| pairs.iter().map(figure).sum::<f64>() / pairs.len() as f64;
        (!pairs.is_empty()).then(|| Self {
            reward_chosen: of(|pair| pair.reward_chosen),
            reward_rejected: of(|pair| pair.reward_rejected),
            margin: of(|pair| pair.margin),
            accuracy: of(|pair| pair.accuracy),
            logp_chosen: of(|pair| pair.logp_chosen),
            logp_rejected: of(|pair| pair.logp_rejected),
        })
    }
}

impl DpoOptions {
    /// The weight of every target of a pack of pairs, and each pair's loss.
    pub(crate) fn weigh(
        &self,
        pack: &Pack,
        log_probabilities: &[f32],
        references: &[Reference],
        batch: BatchFacts,
    ) -> (Vec<f32>, Vec<PairLoss>) {
        let sums = pack.sums(log_probabilities);
        let mut weights = Vec::with_capacity(log_probabilities.len());
        let pairs = sums.chunks_exact(2).zip(pack.replies().chunks_exact(2));
        let losses = pairs
            .zip(references)
            .map(|((sums, replies), &reference)| {
                let lengths = (replies[0].len(), replies[1].len());
                let pair = self.pair((sums[0], sums[1]), reference, lengths, batch);
                weights.extend(vec![pair.chosen_weight as f32; lengths.0]);
                weights.extend(vec![pair.rejected_weight as f32; lengths.1]);
                pair
            })
            .collect();
        (weights, losses)
    }

    /// Figures of a pair with these log-probabilities.
    pub(crate) fn judge(
        &self,
        sample: &Sample,
        policy: Reference,
        reference: Reference,
    ) -> PairMetrics {
        let chosen = sample.first_reply();
        let batch = BatchFacts {
            pairs: 1,
            chosen_tokens: chosen,
            tokens: sample.targets(),
        };
        let lengths = (chosen, sample.targets() - chosen);
        let sums = (policy.chosen, policy.rejected);
        self.pair(sums, reference, lengths, batch).metrics
    }

    /// The loss of a pair whose replies have the given numbers of tokens.
    pub(crate) fn pair(
        &self,
        (chosen, rejected): (f64, f64),
        reference: Reference,
        (n_chosen, n_rejected): (usize, usize),
        batch: BatchFacts,
    ) -> PairLoss {
        let (beta, smoothing) = (self.beta, self.label_smoothing);
        let (nc, nr) = (n_chosen as f64, n_rejected as f64);
        let (gain, loss) = (chosen - reference.chosen, rejected - reference.rejected);
        let (delta, by_token) = (gain - loss, gain / nc - loss / nr);
        let mut total = PairLoss {
            loss: 0.0,
            chosen_weight: 0.0,
            rejected_weight: 0.0,
            metrics: PairMetrics {
                reward_chosen: beta * gain,
                reward_rejected: beta * loss,
                margin: beta * delta,
                accuracy: match delta.partial_cmp(&0.0) {
                    Some(std::cmp::Ordering::Greater) => 1.0,
                    Some(std::cmp::Ordering::Equal) => 0.5,
                    _ => 0.0,
                },
                logp_chosen: chosen,
                logp_rejected: rejected,
            },
        };
        for &(kind, weight) in &self.losses {
            let share = weight / batch.pairs as f64;
            // Value, slope against πc and against πr.
            let (value, by_chosen, by_rejected) = match kind {
                DpoLoss::Sigmoid => {
                    let slope = -beta * sigmoid(-beta * delta);
                    (-log_sigmoid(beta * delta), slope, -slope)
                }
                DpoLoss::Robust => {
                    let norm = 1.0 - 2.0 * smoothing;
                    let value = -(1.0 - smoothing) * log_sigmoid(beta * delta)
                        + smoothing * log_sigmoid(-beta * delta);
                    let slope = -beta
                        * ((1.0 - smoothing) * sigmoid(-beta * delta)
                            + smoothing * sigmoid(beta * delta));
                    (value / norm, slope / norm, -slope / norm)
                }
                DpoLoss::Ipo => {
                    let error = by_token - 1.0 / (2.0 * beta);
                    (error * error, 2.0 * error / nc, -2.0 * error / nr)
                }
                DpoLoss::SigmoidNorm => {
                    let slope = -beta * sigmoid(-beta * by_token);
                    (-log_sigmoid(beta * by_token), slope / nc, -slope / nr)
                }
                DpoLoss::Sft => {
                    let share = weight / batch.chosen_tokens as f64;
                    total.loss -= share * chosen;
                    total.chosen_weight += share;
                    continue;
                }
            };
            total.loss += share * value;
            total.chosen_weight -= share * by_chosen;
            total.rejected_weight -= share * by_rejected;
        }
        total
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `log σ(x)` without overflow.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::{BatchFacts, DpoLoss, DpoOptions, Reference};

    #[test]
    fn slopes_are_those_of_the_values() {
        use DpoLoss::{Ipo, Robust, Sft, Sigmoid, SigmoidNorm};
        let reference = Reference {
            chosen: -20.0,
            rejected: -31.0,
        };
        let batch = BatchFacts {
            pairs: 3,
            chosen_tokens: 40,
            tokens: 90,
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
            };
            let at = |c: f64, r: f64| options.pair((c, r), reference, (9, 14), batch);
            let (c, r, step) = (-18.5, -33.0, 1e-4);
            let got = at(c, r);
            let by_chosen = (at(c + step, r).loss - at(c - step, r).loss) / (2.0 * step);
            let by_rejected = (at(c, r + step).loss - at(c, r - step).loss) / (2.0 * step);
            assert!((got.chosen_weight + by_chosen).abs() < 1e-8, "{options:?}");
            assert!(
                (got.rejected_weight + by_rejected).abs() < 1e-8,
                "{options:?}"
            );
        }
    }

    #[test]
    fn extreme_margins_stay_finite() {
        let options = DpoOptions::default();
        let zero = Reference {
            chosen: 0.0,
            rejected: 0.0,
        };
        let batch = BatchFacts {
            pairs: 1,
            chosen_tokens: 1,
            tokens: 2,
        };
        for chosen in [-1e5, 1e5] {
            let pair = options.pair((chosen, 0.0), zero, (1, 1), batch);
            assert!(pair.loss.is_finite() && pair.chosen_weight.is_finite());
        }
    }
}
