//! Runs that survive the end of their process.
//!
//! A checkpoint is one GGUF file: the adapter's parameters and the optimiser's state
//! as F32 tensors; cached references, past steps, measurements and what the run began with in
//! the metadata. It is written beside the last one and takes its place in one rename, so
//! that a process killed at any point leaves a whole one.

use pocketune_gguf::{FromValue, GgmlType, Gguf, GgufBuilder, List};

use crate::error::TrainError;
use crate::lora::Lora;
use crate::model::Model;
use crate::objective::RewardMetrics;
use crate::optimizer::Optimizer;
use crate::trainer::origin::Origin;
use crate::trainer::{CheckpointDir, StepReport, Trainer};

const TYPE: &str = "checkpoint";
const REFERENCES: &str = "pocketune.references";
/// How many log-probabilities belong to each sample; 0 where they are not known yet.
const REFERENCE_COUNTS: &str = "pocketune.reference_counts";
const HISTORY: &str = "pocketune.history";
const MEASURED_KL: &str = "pocketune.measured_kl";
const UPDATES: &str = "pocketune.optimizer_updates";
const PARAMETERS: &str = "parameters";

/// All of a run that a checkpoint holds, as it is while a step computes.
#[derive(Clone, Copy)]
pub(super) struct Progress<'t> {
    model: &'t Model,
    origin: &'t Origin,
    lora: &'t Lora,
    optimizer: &'t Optimizer,
    references: &'t [Option<Vec<f64>>],
    history: &'t [StepReport],
    measured: &'t [(u64, f64)],
}

impl Progress<'_> {
    pub(super) fn steps(&self) -> usize {
        self.history.len()
    }

    /// # Errors
    /// As [`Trainer::save`].
    pub(super) fn save(&self, directory: &CheckpointDir) -> Result<(), TrainError> {
        let mut builder = GgufBuilder::new();
        builder.metadata("general.type", TYPE);
        for (key, value, _) in self.origin.entries(self.model.digest()?) {
            builder.metadata(key, value.as_str());
        }
        let known = |it: &Option<Vec<f64>>| it.as_ref().map_or(0.0, |known| known.len() as f64);
        let counts: Vec<f64> = self.references.iter().map(known).collect();
        let references: Vec<f64> = self
            .references
            .iter()
            .flatten()
            .flatten()
            .copied()
            .collect();
        let history: Vec<f64> = self.history.iter().flat_map(numbers).collect();
        let measured = self
            .measured
            .iter()
            .flat_map(|&(step, kl)| [step as f64, kl]);
        builder
            .metadata(REFERENCE_COUNTS, &counts[..])
            .metadata(REFERENCES, &references[..])
            .metadata(HISTORY, &history[..])
            .metadata(MEASURED_KL, &measured.collect::<Vec<f64>>()[..])
            .metadata(UPDATES, self.optimizer.updates());
        let tensors = std::iter::once((PARAMETERS, self.lora.parameters()));
        for (name, values) in tensors.chain(self.optimizer.state()) {
            let bytes = bytemuck::cast_slice::<f32, u8>(values);
            builder.tensor(name, GgmlType::F32, &[values.len() as u64], bytes);
        }
        directory.write(builder.pieces()?)
    }
}

impl Trainer<'_> {
    pub(super) fn progress(&self) -> Progress<'_> {
        Progress {
            model: self.network.model,
            origin: &self.origin,
            lora: &self.network.lora,
            optimizer: &self.optimizer,
            references: &self.references,
            history: &self.history,
            measured: &self.measured,
        }
    }

    /// Writes everything that [`Trainer::resume`] needs. Blocks until it is on the disk.
    ///
    /// # Errors
    /// [`TrainError::CheckpointNotWritten`]: the last one is still there.
    /// [`TrainError::Io`] when the model cannot be hashed.
    pub fn save(&self, directory: &CheckpointDir) -> Result<(), TrainError> {
        self.progress().save(directory)
    }

    /// Goes on where the run that made the checkpoint was when it was saved: with the
    /// same memory plan every later step gives the same bytes as if it had never
    /// stopped. Does nothing and returns false where there is no checkpoint.
    ///
    /// # Errors
    /// [`TrainError::CheckpointOfAnotherRun`], [`TrainError::CheckpointDamaged`],
    /// [`TrainError::CheckpointUnusable`], [`TrainError::Io`] when the model cannot be
    /// hashed; the trainer is then as before.
    pub fn resume(&mut self, directory: &CheckpointDir) -> Result<bool, TrainError> {
        let Some(file) = directory.read()? else {
            return Ok(false);
        };
        let gguf = Gguf::parse(&file, file.len() as u64).map_err(TrainError::CheckpointDamaged)?;
        self.check_origin(&gguf)?;
        let other = |what| TrainError::CheckpointOfAnotherRun { what };
        let history: Option<Vec<StepReport>> = doubles(&gguf, HISTORY)?
            .chunks(NUMBERS)
            .map(from_numbers)
            .collect();
        let references = split(
            &doubles(&gguf, REFERENCE_COUNTS)?,
            &doubles(&gguf, REFERENCES)?,
            self.references.len(),
        );
        let measured = doubles(&gguf, MEASURED_KL)?;
        let updates: Option<u64> = read(&gguf, UPDATES)?;
        let (Some(history), Some(updates), Some(references)) = (history, updates, references)
        else {
            return Err(other("metadata"));
        };
        // All tensors are looked at before anything is changed.
        let sources = [PARAMETERS]
            .into_iter()
            .chain(self.optimizer.state().map(|(name, _)| name))
            .map(|name| {
                tensor(&gguf, &file, name, self.network.lora.parameters().len())
                    .ok_or(other("tensors"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let parameters = std::iter::once(self.network.lora.parameters_mut());
        let targets = parameters.chain(self.optimizer.state_mut());
        for (source, target) in sources.into_iter().zip(targets) {
            bytemuck::cast_slice_mut::<f32, u8>(target).copy_from_slice(source);
        }
        self.optimizer.set_updates(updates);
        self.saved_steps = history.len();
        self.history = history;
        self.references = references;
        let pairs = measured.as_chunks::<2>().0.iter();
        self.measured = pairs.map(|&[step, kl]| (step as u64, kl)).collect();
        Ok(true)
    }

    fn check_origin(&self, gguf: &Gguf<'_>) -> Result<(), TrainError> {
        let other = |what| Err(TrainError::CheckpointOfAnotherRun { what });
        let text = |key| -> Result<&str, TrainError> {
            let found: Option<&str> = read(gguf, key)?;
            Ok(found.unwrap_or_default())
        };
        if text("general.type")? != TYPE {
            return other("file");
        }
        for (key, value, what) in self.origin.entries(self.network.model.digest()?) {
            if text(key)? != value {
                return other(what);
            }
        }
        Ok(())
    }
}

fn read<'a, T: FromValue<'a>>(gguf: &Gguf<'a>, key: &str) -> Result<Option<T>, TrainError> {
    gguf.metadata()
        .read(key)
        .map_err(TrainError::CheckpointDamaged)
}

fn doubles(gguf: &Gguf<'_>, key: &str) -> Result<Vec<f64>, TrainError> {
    let list: Option<List<'_, f64>> = read(gguf, key)?;
    Ok(list.map_or_else(Vec::new, |list| list.iter().collect()))
}

/// Values of `samples` samples, so many of each; `None` where the numbers do not add up.
fn split(counts: &[f64], values: &[f64], samples: usize) -> Option<Vec<Option<Vec<f64>>>> {
    if counts.len() != samples {
        return None;
    }
    let mut rest = values;
    let split = counts.iter().map(|&count| {
        // Too large a number becomes one that does not fit, and NaN none at all.
        let (own, others) = rest.split_at_checked(count as usize)?;
        rest = others;
        Some((!own.is_empty()).then(|| own.to_vec()))
    });
    let split: Option<Vec<_>> = split.collect();
    split.filter(|_| rest.is_empty())
}

/// The bytes of an F32 tensor of that many values.
fn tensor<'f>(gguf: &Gguf<'_>, file: &'f [u8], name: &str, values: usize) -> Option<&'f [u8]> {
    let tensor = gguf.tensor(name)?;
    let bytes = gguf.tensor_data(tensor, file)?;
    (tensor.tensor_type() == GgmlType::F32 && bytes.len() == 4 * values).then_some(bytes)
}

/// Figures of a step as numbers: six, and seven of its rewards. What is missing is NaN.
const NUMBERS: usize = 13;

fn numbers(report: &StepReport) -> [f64; NUMBERS] {
    let told = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    let rewards = report.rewards.unwrap_or_default();
    [
        report.step as f64,
        report.loss,
        report.gradient_norm,
        report.learning_rate,
        report.tokens as f64,
        told(report.wanted_nll),
        told(rewards.reward_chosen),
        told(rewards.reward_rejected),
        told(rewards.margin),
        told(rewards.accuracy),
        told(rewards.logp_chosen),
        told(rewards.logp_rejected),
        told(rewards.kl_estimate),
    ]
}

fn from_numbers(all: &[f64]) -> Option<StepReport> {
    let all: &[f64; NUMBERS] = all.try_into().ok()?;
    let told = |index: usize| Some(all[index]).filter(|figure| !figure.is_nan());
    let rewards = RewardMetrics {
        reward_chosen: told(6),
        reward_rejected: told(7),
        margin: told(8),
        accuracy: told(9),
        logp_chosen: told(10),
        logp_rejected: told(11),
        kl_estimate: told(12),
    };
    Some(StepReport {
        step: all[0] as u64,
        loss: all[1],
        gradient_norm: all[2],
        learning_rate: all[3],
        tokens: all[4] as u64,
        wanted_nll: told(5),
        rewards: (rewards != RewardMetrics::default()).then_some(rewards),
    })
}

#[cfg(test)]
mod tests {
    use super::{from_numbers, numbers, split};
    use crate::objective::RewardMetrics;
    use crate::trainer::StepReport;

    #[test]
    fn a_step_is_read_as_it_was_written() {
        let bare = StepReport {
            step: 3,
            loss: 0.5,
            wanted_nll: None,
            gradient_norm: 2.0,
            learning_rate: 1e-4,
            tokens: 70,
            rewards: None,
        };
        let thumbs = StepReport {
            wanted_nll: Some(1.5),
            rewards: Some(RewardMetrics {
                reward_rejected: Some(-0.25),
                kl_estimate: Some(0.0),
                ..RewardMetrics::default()
            }),
            ..bare
        };
        for report in [bare, thumbs] {
            assert_eq!(from_numbers(&numbers(&report)), Some(report));
        }
        assert_eq!(from_numbers(&[1.0; 11]), None);
    }

    #[test]
    fn references_are_split_as_they_were_joined() {
        let known = Some(vec![-1.0, -2.0]);
        let values = [-1.0, -2.0, -3.0];
        assert_eq!(
            split(&[2.0, 0.0, 1.0], &values, 3),
            Some(vec![known, None, Some(vec![-3.0])])
        );
        for counts in [
            &[2.0, 0.0][..],
            &[2.0, 0.0, 2.0],
            &[2.0, 0.0, 0.0],
            &[1e99, 0.0, 1.0],
        ] {
            assert_eq!(split(counts, &values, 3), None, "{counts:?}");
        }
    }
}
