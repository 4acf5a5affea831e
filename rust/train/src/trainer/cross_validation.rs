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
    /// Of each fold that is done, held-out losses and after which steps.
    pub(super) losses: Vec<Vec<(u64, f64)>>,
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
        Ok(mean_curve(&folds.losses))
    }

    /// Held-out losses before the first step and after every few, and after which steps.
    fn fold(
        self,
        training: Training<'_>,
        held: Vec<Sample>,
        control: &Control,
    ) -> Result<Vec<(u64, f64)>, TrainError> {
        let mut heldout = HeldOut::new(training.model, &training.options.objectives, held)?;
        let mut trainer = Trainer::new(training)?;
        let steps = trainer.options.steps;
        let mut losses = Vec::new();
        for step in 0..=steps {
            if step > 0 {
                trainer.step(control, |_| ())?;
            }
            if step.is_multiple_of(self.every.max(1)) || step == steps {
                let value = trainer.judge(&mut heldout, control)?.loss;
                if !value.is_finite() {
                    let what = "held-out loss";
                    return Err(TrainError::Diverged { step, what, value });
                }
                losses.push((step, value));
            }
        }
        Ok(losses)
    }
}

/// The mean over folds that were measured after the same steps.
fn mean_curve(folds: &[Vec<(u64, f64)>]) -> HeldOutCurve {
    let steps = folds.first().into_iter().flatten().map(|it| it.0);
    let mean = |index: usize| {
        let losses = folds.iter().filter_map(|fold| Some(fold.get(index)?.1));
        losses.sum::<f64>() / folds.len() as f64
    };
    HeldOutCurve {
        losses: steps
            .enumerate()
            .map(|(index, step)| (step, mean(index)))
            .collect(),
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
    use super::{HeldOutCurve, mean_curve, parts};
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
        // The last measurement follows the last step, a multiple or not.
        let fold = |losses: [f64; 3]| [0, 5, 8].into_iter().zip(losses).collect();
        let curve = mean_curve(&[fold([1.0, 0.8, 0.9]), fold([1.0, 0.6, 0.4])]);
        let steps: Vec<u64> = curve.losses.iter().map(|it| it.0).collect();
        assert_eq!(steps, [0, 5, 8]);
        assert_eq!(curve.best_step().unwrap(), 8);
        let worse = HeldOutCurve {
            losses: vec![(0, 0.5), (5, 0.6)],
        };
        assert!(worse.best_step().is_err());
    }
}
