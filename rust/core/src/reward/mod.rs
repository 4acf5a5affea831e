//! The reward model: a head over the base model's hidden state at a reply's end.

mod best_of;
mod chat;
mod compare;

pub use best_of::{BestOf, Draft};
pub use compare::{Preference, comparisons, replies_at_most};

use pocketune_judge::reward::{FeatureSource, RewardHead};

use crate::engine::Engine;
use crate::error::Error;
use crate::results::Features;

/// A head for the model of an engine.
///
/// It reads the base model's hidden state, whatever adapters are active: an adapter that
/// is to be judged must not move its judge.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardModel {
    head: RewardHead,
}

/// What a reward model says of one reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardScore {
    /// Standard deviations from the mean of the replies that it was trained on, within
    /// ±3: see [`RewardHead::reward`].
    pub reward: f64,
    /// The calibrated probability that it is preferred to a reply of mean score: see
    /// [`RewardHead::quality`].
    pub quality: f64,
    /// Tokens that had to be computed for it.
    pub computed_tokens: usize,
}

impl RewardModel {
    /// A head for the model of `engine`. Blocks for hashing the model the first time.
    ///
    /// # Errors
    /// [`Error::RewardModel`] for a head of another model, layer or width;
    /// [`Error::ModelUnreadable`].
    pub fn new(head: RewardHead, engine: &Engine) -> Result<Self, Error> {
        let source = engine.feature_source()?;
        head.check_source(&source, engine.facts().header.embedding_length as usize)?;
        Ok(Self { head })
    }

    /// Reads a head's file. Blocks for hashing the model the first time.
    ///
    /// # Errors
    /// As [`RewardModel::new`], and [`Error::RewardModel`] for bytes that are no head.
    pub fn parse(bytes: &[u8], engine: &Engine) -> Result<Self, Error> {
        let base = engine.digest()?;
        Self::new(RewardHead::parse(bytes, base.as_bytes())?, engine)
    }

    /// The head.
    #[must_use]
    pub fn head(&self) -> &RewardHead {
        &self.head
    }

    /// What it says of a reply with these features.
    ///
    /// # Errors
    /// [`Error::RewardModel`].
    pub fn score(&self, features: &Features) -> Result<RewardScore, Error> {
        Ok(RewardScore {
            reward: self.head.reward(&features.values)?,
            quality: self.head.quality(&features.values)?,
            computed_tokens: features.computed_tokens,
        })
    }
}

impl Engine {
    /// Where features of this engine come from, as a head's file names it. Blocks for
    /// hashing the model the first time.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`].
    pub fn feature_source(&self) -> Result<FeatureSource, Error> {
        Ok(FeatureSource {
            base_sha256: *self.digest()?.as_bytes(),
            layer: self.facts().header.block_count,
        })
    }
}
