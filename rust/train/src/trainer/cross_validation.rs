//! When to stop, where samples are too few to hold some out: k-fold cross-validation.
//!
//! Each fold is held out once, while the others are trained on; the mean of its losses over
//! all folds says after how many steps more steps no longer help. Then all samples are trained
//! on for so many.

use pocketune_kernels::Control;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::sample::Sample;
use crate::trainer::{CheckpointDir, HeldOut, Trainer, Training};

/// How to cross-validate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// k, at least 2.
    pub folds: usize,
    /// Steps between two measurements of held-out loss.
    pub every: u64,
}

/// What cross-validation found.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutCurve {
    /// After which step, and the mean held-out loss there; the first is step 0.
    pub losses: Vec<(u64, f64)>,
}

/// What is known of the folds so far, as it is kept beside a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Folds {
    /// Of the run that they belong to.
    pub(super) origin: String,
    /// Held-out losses of each fold that is done.
    pub(super) losses: Vec<Vec<f64>>,
}

impl HeldOutCurve {
    /// The step with the lowest loss, the first of equals.
    ///
    /// # Errors
    /// [`TrainError::NoImprovement`] where that is before the first step.
    pub fn best_step(&self) -> Result<u64, TrainError> {
        let lowest = self.losses.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        match lowest {
            Some(&(step, _)) if step > 0 => Ok(step),
            _ => Err(TrainError::NoImprovement),
        }
    }
}

impl CrossValidation {
    /// Trains once for each fold. `training` makes what a run on some samples starts with; its
    /// options must be the same each time. A fold that is done is kept beside the checkpoint;
    /// one that was interrupted begins anew. `observe` hears how many folds are done.
    ///
    /// # Errors
    /// [`TrainError::Option`] for too many folds; as [`Trainer::step`] and [`Trainer::judge`].
    pub fn run<'a>(
        self,
        samples: &[Sample],
        training: impl Fn(Vec<Sample>) -> Training<'a>,
        checkpoint: Option<&CheckpointDir>,
        control: &Control,
        mut observe: impl FnMut(usize),
    ) -> Result<HeldOutCurve, TrainError> {
        if !(2..=samples.len() / 2).contains(&self.folds) {
            return Err(TrainError::Option {
                option: "folds",
                reason: format!(
                    "must be from 2 to {}, half of the samples: {}",
                    samples.len() / 2,
                    self.folds
                ),
            });
        }
        let origin = Trainer::new(training(samples.to_vec()))?.identity()?;
        let mut folds = Folds {
            origin: format!("{origin} {self:?}"),
            losses: Vec::new(),
        };
        if let Some(kept) = checkpoint.and_then(CheckpointDir::read_folds)
            && kept.origin == folds.origin
        {
            folds = kept;
        }
        let parts = parts(samples, self.folds);
        while let Some(part) = parts.get(folds.losses.len()) {
            observe(folds.losses.len());
            let (held, others) = split(samples, part);
            folds
                .losses
                .push(self.fold(training(others), held, control)?);
            if let Some(directory) = checkpoint {
                directory.write_folds(&folds)?;
            }
        }
        observe(folds.losses.len());
        Ok(self.curve(&folds.losses))
    }

    /// Held-out losses before the first step, and after every few.
    fn fold(
        self,
        training: Training<'_>,
        held: Vec<Sample>,
        control: &Control,
    ) -> Result<Vec<f64>, TrainError> {
        let mut heldout = HeldOut::new(training.model, &training.options.objectives, held)?;
        let mut trainer = Trainer::new(training)?;
        let steps = trainer.options.steps;
        let mut losses = vec![trainer.judge(&mut heldout, control)?.loss];
        for step in 1..=steps {
            trainer.step(control, |_| ())?;
            if self.measures_after(step, steps) {
                losses.push(trainer.judge(&mut heldout, control)?.loss);
            }
        }
        Ok(losses)
    }

    fn measures_after(self, step: u64, steps: u64) -> bool {
        step.is_multiple_of(self.every.max(1)) || step == steps
    }

    fn curve(self, folds: &[Vec<f64>]) -> HeldOutCurve {
        let measured = folds.iter().map(Vec::len).min().unwrap_or(0);
        let mean = |index: usize| {
            let sum: f64 = folds.iter().map(|losses| losses[index]).sum();
            sum / folds.len() as f64
        };
        let every = self.every.max(1);
        HeldOutCurve {
            losses: (0..measured)
                .map(|index| (index as u64 * every, mean(index)))
                .collect(),
        }
    }
}

/// Samples of each fold: neighbours of one kind go to different folds, so that each holds about
/// the same share of every label.
fn parts(samples: &[Sample], folds: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|&index| samples[index].labels().collect::<Vec<_>>());
    let mut parts = vec![Vec::new(); folds];
    for (place, index) in order.into_iter().enumerate() {
        parts[place % folds].push(index);
    }
    parts
}

/// Those of a part, and the others.
fn split(samples: &[Sample], part: &[usize]) -> (Vec<Sample>, Vec<Sample>) {
    let (mut held, mut others) = (Vec::new(), Vec::new());
    for (index, sample) in samples.iter().enumerate() {
        match part.contains(&index) {
            true => held.push(sample.clone()),
            false => others.push(sample.clone()),
        }
    }
    (held, others)
}

#[cfg(test)]
mod tests {
    use super::{CrossValidation, HeldOutCurve, parts};
    use crate::sample::Sample;

    #[test]
    fn every_fold_holds_its_share_of_each_label() {
        let thumb = |index: u32| Sample::thumb(vec![index], vec![1], index < 8);
        let samples: Vec<Sample> = (0..12).map(thumb).collect();
        for part in parts(&samples, 4) {
            assert_eq!(part.len(), 3);
            assert_eq!(
                part.iter().filter(|&&index| index < 8).count(),
                2,
                "{part:?}"
            );
        }
    }

    #[test]
    fn the_lowest_mean_decides() {
        let plan = CrossValidation { folds: 2, every: 5 };
        let curve = plan.curve(&[vec![1.0, 0.8, 0.9], vec![1.0, 0.6, 0.4]]);
        let steps: Vec<u64> = curve.losses.iter().map(|it| it.0).collect();
        assert_eq!(steps, [0, 5, 10]);
        assert_eq!(curve.best_step().unwrap(), 10);
        let worse = HeldOutCurve {
            losses: vec![(0, 0.5), (5, 0.6)],
        };
        assert!(worse.best_step().is_err());
    }
}
