//! From log-probabilities to a loss and the weights of its gradient, as TRL 1.16
//! defines them.
//!
//! An [`Objective`] learns from samples of certain labels. A run has one objective or
//! several ([`Objectives`]): each sample goes to the one that its labels name.

mod anchor;
mod dpo;
mod kto;
mod math;
mod metrics;
mod mixture;
mod sft;

use crate::error::TrainError;
use crate::sample::{Label, Sample};

pub use anchor::AnchorOptions;
pub use dpo::{DpoLoss, DpoOptions};
pub use kto::{KtoLoss, KtoOptions};
pub use metrics::RewardMetrics;
pub(crate) use metrics::Rewards;
pub(crate) use mixture::Batch;
pub use mixture::Objectives;
pub use sft::SftOptions;

/// Something to make smaller. It is asked sample by sample; what depends on the whole batch
/// is in [`BatchFacts`].
pub trait Objective {
    /// Whether it learns from samples with these labels.
    fn takes(&self, labels: &[Label]) -> bool;

    /// Refuses constants outside their range.
    ///
    /// # Errors
    /// [`TrainError::Option`].
    fn check_options(&self) -> Result<(), TrainError>;

    /// Refuses a sample of these labels from which nothing can be learned.
    ///
    /// # Errors
    /// Why.
    fn check(&self, _sample: &Sample) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether log-probabilities under the reference policy are needed.
    fn needs_reference(&self) -> bool {
        false
    }

    /// Whether [`BatchFacts::kl_estimate`] is needed.
    fn needs_kl_estimate(&self) -> bool {
        false
    }

    /// β: how a log-ratio becomes a reward.
    fn beta(&self) -> Option<f64> {
        None
    }

    /// The weights of each of so many replies, where they do not depend on log-probabilities:
    /// then logits are made once, however much memory there is.
    fn weigh_ahead(&self, _batch: &BatchFacts, _replies: usize) -> Option<Vec<ReplyWeight>> {
        None
    }

    /// The sample's share of the batch's loss, and its slopes.
    fn weigh(&self, batch: &BatchFacts, replies: &[ScoredReply]) -> Weighed;
}

/// What of a batch enters the loss of one sample: of those samples that the same objective
/// learns from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchFacts {
    /// Samples.
    pub samples: usize,
    /// Tokens that are learned of replies to be made likelier.
    pub wanted_tokens: usize,
    /// An estimate of KL(policy‖reference) in nats a reply, at least 0: the mean log-ratio of
    /// prompts with replies to other prompts. 0 where there are no two samples.
    pub kl_estimate: f64,
}

/// A reply with its log-probabilities, summed over the tokens that are learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredReply {
    /// What it is worth.
    pub label: Label,
    /// Tokens that are learned, at least 1.
    pub tokens: usize,
    /// Under the policy, in nats.
    pub policy: f64,
    /// Under the policy, of the reply's last token alone; 0 where that is not learned.
    pub policy_end: f64,
    /// Under the reference, in nats; 0 where no reference is needed.
    pub reference: f64,
}

impl ScoredReply {
    /// log π/ρ.
    pub(crate) fn log_ratio(&self) -> f64 {
        self.policy - self.reference
    }
}

/// What an objective says of a sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weighed {
    /// The sample's share of the batch's loss.
    pub loss: f64,
    /// Slopes of that loss, reply by reply.
    pub weights: Vec<ReplyWeight>,
}

/// Slopes of a loss against −log p of the tokens of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReplyWeight {
    /// Of every token.
    pub each: f64,
    /// Of the reply's last one, beside that, where it is learned.
    pub end: f64,
}

impl ReplyWeight {
    /// The same for every token.
    pub(crate) fn of(each: f64) -> Self {
        Self { each, end: 0.0 }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            each: factor * self.each,
            end: factor * self.end,
        }
    }
}

impl Label {
    /// Whether such a reply is to be made likelier.
    pub(crate) fn is_wanted(self) -> bool {
        !matches!(self, Self::Rejected | Self::Undesirable)
    }
}

/// Tokens learned of replies that are to be made likelier.
pub(crate) fn wanted_tokens(sample: &Sample) -> usize {
    let wanted = sample
        .replies
        .iter()
        .filter(|reply| reply.label.is_wanted());
    wanted.map(crate::sample::Reply::learned).sum()
}
