//! What is measured on samples that training does not see.

use pocketune_kernels::Control;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::model::Model;
use crate::objective::{Batch, Objectives, RewardMetrics, Rewards};
use crate::sample::{Sample, check_all};
use crate::trainer::Trainer;
use crate::trainer::gradient::{Score, scored, whole};
use crate::trainer::network::Side;

/// Samples that training does not see, as one batch. Their reference is computed once.
#[derive(Debug, Clone)]
pub struct HeldOut {
    samples: Vec<Sample>,
    references: Vec<Vec<Score>>,
}

/// Means over held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldOutFigures {
    /// The run's loss.
    pub loss: f64,
    /// Of replies that somebody judged, where there are any.
    pub rewards: Option<RewardMetrics>,
}

impl HeldOut {
    /// At least one sample, of kinds that `objectives` learn from.
    ///
    /// # Errors
    /// [`TrainError::Sample`] for what cannot be computed, or is learned from by none of them.
    pub fn new(
        model: &Model,
        objectives: &Objectives,
        samples: Vec<Sample>,
    ) -> Result<Self, TrainError> {
        check_all(&samples, model.vocabulary())?;
        objectives.check(samples.iter())?;
        if samples.is_empty() {
            return Err(TrainError::Sample {
                index: 0,
                reason: "there are no held-out samples".to_owned(),
            });
        }
        Ok(Self {
            samples,
            references: Vec::new(),
        })
    }
}

impl Trainer<'_> {
    /// Figures of held-out samples under the adapter as it is now.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn judge(
        &self,
        heldout: &mut HeldOut,
        control: &Control,
    ) -> Result<HeldOutFigures, TrainError> {
        if heldout.references.is_empty() {
            heldout.references = self.score_all(&heldout.samples, Side::Reference, control)?;
        }
        // Without a change it is the reference, to the last bit.
        let policy = match self.network.is_reference() {
            true => heldout.references.clone(),
            false => self.score_all(&heldout.samples, Side::Policy, control)?,
        };
        let samples: Vec<&Sample> = heldout.samples.iter().collect();
        let mut batch = Batch::new(&self.options.objectives, &samples)?;
        let mut rewards = Rewards::default();
        self.estimate_kl(&samples, &mut batch, &mut rewards, control)?;
        let all = samples.iter().zip(&policy).zip(&heldout.references);
        let losses = all.enumerate().map(|(index, ((sample, sums), reference))| {
            let reference = whole(reference.clone());
            let replies = scored(sample, &mut sums.iter().copied(), &reference);
            batch.weigh(index, &replies, &mut rewards).loss
        });
        Ok(HeldOutFigures {
            loss: losses.sum(),
            rewards: rewards.metrics(),
        })
    }
}
