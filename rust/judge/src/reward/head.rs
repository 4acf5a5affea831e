//! The head that scores replies.

use pocketune_base::Digest;

use super::error::RewardError;
use super::file::{CENTER, MEAN, OUTPUT_SCALE, SCALE, TEMPERATURE, WEIGHT};
use super::math::sigmoid;

/// The widest hidden state that a head can have.
pub const MAX_FEATURES: usize = 16_384;

/// Rewards lie between −3 and 3: three standard deviations of the training replies.
pub const REWARD_BOUND: f64 = 3.0;

/// Where features come from: a head means nothing for others. They are the hidden state at
/// the token that ends the reply, which has seen all of prompt and reply, and which costs
/// one more decoded token where the reply has just been generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureSource {
    /// SHA-256 of the base model's file.
    pub base_sha256: [u8; 32],
    /// The hidden state after so many layers; after the last one, behind the last norm.
    pub layer: u32,
}

/// A linear head: scores any reply whose features it is given. Sound by construction:
/// every number in it is finite, and what divides is above 0.
///
/// It has no bias: pairs say nothing about one, and rewards are centred.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardHead {
    source: FeatureSource,
    numbers: Numbers,
}

/// What a head computes with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    /// w of F.
    pub(crate) weight: Vec<f32>,
    /// μ of F.
    pub(crate) mean: Vec<f32>,
    /// c of F.
    pub(crate) scale: Vec<f32>,
    /// T.
    pub(crate) temperature: f64,
    /// Mean score of the training replies.
    pub(crate) center: f64,
    /// Standard deviation of their scores.
    pub(crate) output_scale: f64,
}

impl RewardHead {
    pub(crate) fn new(source: FeatureSource, numbers: Numbers) -> Result<Self, RewardError> {
        check(&numbers)?;
        Ok(Self { source, numbers })
    }

    /// What it reads.
    #[must_use]
    pub fn source(&self) -> &FeatureSource {
        &self.source
    }

    /// F.
    #[must_use]
    pub fn features(&self) -> usize {
        self.numbers.weight.len()
    }

    /// T: what differences of scores are divided by before they become a probability.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        self.numbers.temperature
    }

    /// Whether it reads features of this source, of which there are `features`.
    ///
    /// # Errors
    /// [`RewardError::OtherBase`], [`RewardError::OtherLayer`],
    /// [`RewardError::FeatureLength`].
    pub fn check_source(&self, source: &FeatureSource, features: usize) -> Result<(), RewardError> {
        if self.source.base_sha256 != source.base_sha256 {
            return Err(RewardError::OtherBase {
                found: Digest::from_bytes(self.source.base_sha256).to_string(),
                expected: Digest::from_bytes(source.base_sha256).to_string(),
            });
        }
        if self.source.layer != source.layer {
            return Err(RewardError::OtherLayer {
                found: self.source.layer,
                expected: source.layer,
            });
        }
        if self.features() != features {
            return Err(RewardError::FeatureLength {
                found: features,
                expected: self.features(),
            });
        }
        Ok(())
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The raw score: `Σ w · (x − μ) / c`, in nats of preference before calibration.
    ///
    /// # Errors
    /// [`RewardError::FeatureLength`], [`RewardError::FeatureNotFinite`].
    pub fn score(&self, features: &[f32]) -> Result<f64, RewardError> {
        if features.len() != self.features() {
            return Err(RewardError::FeatureLength {
                found: features.len(),
                expected: self.features(),
            });
        }
        if let Some(index) = features.iter().position(|value| !value.is_finite()) {
            return Err(RewardError::FeatureNotFinite { index });
        }
        let Numbers {
            weight,
            mean,
            scale,
            ..
        } = &self.numbers;
        let parts = features.iter().zip(weight).zip(mean.iter().zip(scale));
        Ok(parts
            .map(|((&x, &weight), (&mean, &scale))| {
                f64::from(weight) * (f64::from(x) - f64::from(mean)) / f64::from(scale)
            })
            .sum())
    }

    /// A reward that an optimiser can follow: z is the score in standard deviations from
    /// the training replies' mean, the reward `3 · tanh(z / 3)`. It is close to z where
    /// most replies are, never leaves ±[`REWARD_BOUND`], and so gains little by what is
    /// far outside.
    ///
    /// # Errors
    /// As [`RewardHead::score`].
    pub fn reward(&self, features: &[f32]) -> Result<f64, RewardError> {
        let score = self.score(features)?;
        let deviations = (score - self.numbers.center) / self.numbers.output_scale;
        Ok(REWARD_BOUND * (deviations / REWARD_BOUND).tanh())
    }

    /// The calibrated probability that a reply is preferred to one of the training
    /// replies' mean score: `σ((s − center) / T)`.
    ///
    /// # Errors
    /// As [`RewardHead::score`].
    pub fn quality(&self, features: &[f32]) -> Result<f64, RewardError> {
        let margin = self.score(features)? - self.numbers.center;
        Ok(sigmoid(margin / self.numbers.temperature))
    }

    /// The calibrated probability that reply a is preferred to reply b by an annotator who
    /// can be relied on: `σ((s_a − s_b) / T)`.
    ///
    /// # Errors
    /// As [`RewardHead::score`].
    pub fn probability(&self, a: &[f32], b: &[f32]) -> Result<f64, RewardError> {
        let margin = self.score(a)? - self.score(b)?;
        Ok(sigmoid(margin / self.numbers.temperature))
    }
}

fn check(numbers: &Numbers) -> Result<(), RewardError> {
    let found = numbers.weight.len();
    if found == 0 || found > MAX_FEATURES {
        return Err(RewardError::FeatureCount {
            found: found as u64,
            limit: MAX_FEATURES as u64,
        });
    }
    for (tensor, values) in [
        (WEIGHT, &numbers.weight),
        (MEAN, &numbers.mean),
        (SCALE, &numbers.scale),
    ] {
        let is_sound = |value: f32| value.is_finite() && (tensor != SCALE || value > 0.0);
        if let Some(index) = values.iter().position(|&value| !is_sound(value)) {
            return Err(RewardError::TensorValue { tensor, index });
        }
    }
    let positive = |value: f64| value > 0.0 && value.is_finite();
    let number = |key, found, is_sound: bool| match is_sound {
        true => Ok(()),
        false => Err(RewardError::Number { key, found }),
    };
    number(
        TEMPERATURE,
        numbers.temperature,
        positive(numbers.temperature),
    )?;
    number(CENTER, numbers.center, numbers.center.is_finite())?;
    number(
        OUTPUT_SCALE,
        numbers.output_scale,
        positive(numbers.output_scale),
    )
}
