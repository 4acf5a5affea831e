//! Figures of replies that somebody judged, as TRL logs them.

use serde::{Deserialize, Serialize};

use crate::objective::ScoredReply;
use crate::sample::Label;

/// Means over judged replies: chosen and liked ones on one side, rejected and disliked ones
/// on the other. A figure is missing where its side has no reply.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RewardMetrics {
    /// TRL's `rewards/chosen`: `β·(log π − log ρ)`.
    pub reward_chosen: Option<f64>,
    /// TRL's `rewards/rejected`.
    pub reward_rejected: Option<f64>,
    /// TRL's `rewards/margins`: their difference.
    pub margin: Option<f64>,
    /// Share of pairs whose chosen reply is rewarded more; of thumbs, the share of all couples
    /// of a liked and a disliked reply. Equal ones count one half, where TRL counts 0.
    pub accuracy: Option<f64>,
    /// TRL's `logps/chosen`.
    pub logp_chosen: Option<f64>,
    /// TRL's `logps/rejected`.
    pub logp_rejected: Option<f64>,
    /// TRL's `kl`, which KTO alone has: an estimate in nats a reply, at least 0.
    pub kl_estimate: Option<f64>,
}

/// Rewards as they come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rewards {
    chosen: Vec<Judged>,
    rejected: Vec<Judged>,
    /// Of each pair.
    accuracies: Vec<f64>,
    pub(crate) kl_estimate: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Judged {
    reward: f64,
    logp: f64,
    paired: bool,
}

impl Rewards {
    pub(crate) fn add(&mut self, beta: f64, replies: &[ScoredReply]) {
        let judged = |reply: &ScoredReply| Judged {
            reward: beta * reply.log_ratio(),
            logp: reply.policy,
            paired: matches!(reply.label, Label::Chosen | Label::Rejected),
        };
        for reply in replies {
            match reply.label {
                Label::Chosen | Label::Desirable => self.chosen.push(judged(reply)),
                Label::Rejected | Label::Undesirable => self.rejected.push(judged(reply)),
                Label::Demonstration | Label::Anchor => {}
            }
        }
        if let [chosen, rejected] = replies {
            let rewards = (judged(chosen).reward, judged(rejected).reward);
            self.accuracies.push(more(rewards.0, rewards.1));
        }
    }

    /// None where nobody judged anything.
    pub(crate) fn metrics(&self) -> Option<RewardMetrics> {
        if self.chosen.is_empty() && self.rejected.is_empty() {
            return None;
        }
        let reward_chosen = mean(self.chosen.iter().map(|it| it.reward));
        let reward_rejected = mean(self.rejected.iter().map(|it| it.reward));
        Some(RewardMetrics {
            reward_chosen,
            reward_rejected,
            margin: reward_chosen.zip(reward_rejected).map(|(c, r)| c - r),
            accuracy: self.accuracy(),
            logp_chosen: mean(self.chosen.iter().map(|it| it.logp)),
            logp_rejected: mean(self.rejected.iter().map(|it| it.logp)),
            kl_estimate: self.kl_estimate,
        })
    }

    /// Pairs and thumbs by the number of their samples.
    fn accuracy(&self) -> Option<f64> {
        let thumbs = |all: &[Judged]| -> Vec<f64> {
            let thumbs = all.iter().filter(|it| !it.paired);
            thumbs.map(|it| it.reward).collect()
        };
        let (liked, disliked) = (thumbs(&self.chosen), thumbs(&self.rejected));
        let couples = liked
            .iter()
            .flat_map(|&liked| disliked.iter().map(move |&disliked| more(liked, disliked)));
        let of_thumbs = mean(couples).map(|share| (share, liked.len() + disliked.len()));
        let of_pairs = mean(self.accuracies.iter().copied());
        let of_pairs = of_pairs.map(|share| (share, self.accuracies.len()));
        let both = of_thumbs.into_iter().chain(of_pairs);
        let (sum, count) = both.fold((0.0, 0), |(sum, count), (share, samples)| {
            (sum + share * samples as f64, count + samples)
        });
        (count > 0).then(|| sum / count as f64)
    }
}

fn more(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Equal) => 0.5,
        _ => 0.0,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| {
        (sum + value, count + 1)
    });
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::Rewards;
    use crate::objective::ScoredReply;
    use crate::sample::Label::{self, Chosen, Desirable, Rejected, Undesirable};

    fn reply(label: Label, log_ratio: f64) -> ScoredReply {
        ScoredReply {
            label,
            tokens: 3,
            policy: log_ratio - 10.0,
            policy_end: -1.0,
            reference: -10.0,
        }
    }

    #[test]
    fn thumbs_are_compared_with_thumbs_and_pairs_within() {
        let mut rewards = Rewards::default();
        assert_eq!(rewards.metrics(), None);
        rewards.add(0.1, &[reply(Desirable, 2.0)]);
        let alone = rewards.metrics().unwrap();
        assert_eq!((alone.reward_chosen, alone.margin), (Some(0.2), None));
        assert_eq!(alone.accuracy, None);
        rewards.add(0.1, &[reply(Undesirable, 1.0)]);
        rewards.add(0.1, &[reply(Undesirable, 3.0)]);
        assert_eq!(rewards.metrics().unwrap().accuracy, Some(0.5));
        rewards.add(0.1, &[reply(Chosen, 0.0), reply(Rejected, -1.0)]);
        // Three thumbs half right, one pair right.
        assert_eq!(rewards.metrics().unwrap().accuracy, Some(0.625));
    }
}
