//! Runs that survive the end of their process.
//!
//! A checkpoint is one GGUF file: the adapter's parameters and the optimiser's state
//! as F32 tensors; cached references, past steps and what the run began with in the
//! metadata. It is written beside the last one and takes its place in one rename, so
//! that a process killed at any point leaves a whole one.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pocketune_base::{open_regular, open_regular_with, replace_own_file};
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder, List};
use pocketune_kernels::MappedFile;

use crate::error::TrainError;
use crate::objective::{PairMetrics, Reference};
use crate::trainer::{StepReport, Trainer};

const FILE: &str = "checkpoint.gguf";
const NEW_FILE: &str = "checkpoint.gguf.new";
const LOCK_FILE: &str = "checkpoint.lock";

// It was made from what people wrote: its owner reads it, whatever the umask.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

const TYPE: &str = "checkpoint";
const REFERENCES: &str = "pocketune.references";
const HISTORY: &str = "pocketune.history";
const UPDATES: &str = "pocketune.optimizer_updates";
const PARAMETERS: &str = "parameters";

/// A folder with one run's checkpoint, held by one process at a time.
#[derive(Debug)]
pub struct CheckpointDir {
    folder: PathBuf,
    // Locked as long as this lives, by whom the system knows to be alive.
    _lock: File,
}

impl CheckpointDir {
    /// The files that a run keeps in `folder`, and removes at its end.
    #[must_use]
    pub fn files(folder: &Path) -> [PathBuf; 3] {
        [FILE, NEW_FILE, LOCK_FILE].map(|name| folder.join(name))
    }

    /// Takes hold of `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// [`TrainError::CheckpointUnusable`], also while another process holds it.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let unusable = TrainError::CheckpointUnusable;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(PRIVATE_FOLDER);
        builder.create(folder).map_err(unusable)?;
        let options = &mut File::options();
        options.create(true).append(true).mode(PRIVATE_FILE);
        let lock = open_regular_with(&folder.join(LOCK_FILE), options)
            .map_err(|error| unusable(error.into()))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => unusable(error),
            TryLockError::WouldBlock => unusable(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process uses it",
            )),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Whether there is a checkpoint.
    #[must_use]
    pub fn holds_one(&self) -> bool {
        self.folder.join(FILE).exists()
    }

    /// Removes the checkpoint, when its run is over.
    ///
    /// # Errors
    /// [`TrainError::CheckpointUnusable`].
    pub fn clear(&self) -> Result<(), TrainError> {
        for name in [FILE, NEW_FILE] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(TrainError::CheckpointUnusable(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Trainer<'_> {
    /// Writes everything that [`Trainer::resume`] needs. Blocks until it is on the disk.
    ///
    /// # Errors
    /// [`TrainError::CheckpointNotWritten`]: the last one is still there.
    /// [`TrainError::Io`] when the model cannot be hashed.
    pub fn save(&self, directory: &CheckpointDir) -> Result<(), TrainError> {
        let mut builder = GgufBuilder::new();
        builder.metadata("general.type", TYPE);
        for (key, value, _) in self.origin.entries(self.model.digest()?) {
            builder.metadata(key, value.as_str());
        }
        let references = self.references.iter().flat_map(|reference| {
            let unknown = Reference {
                chosen: f64::NAN,
                rejected: f64::NAN,
            };
            let Reference { chosen, rejected } = reference.unwrap_or(unknown);
            [chosen, rejected]
        });
        let history = self.history.iter().flat_map(numbers);
        builder
            .metadata(REFERENCES, &references.collect::<Vec<f64>>()[..])
            .metadata(HISTORY, &history.collect::<Vec<f64>>()[..])
            .metadata(UPDATES, self.optimizer.updates());
        let tensors = std::iter::once((PARAMETERS, self.lora.parameters()));
        for (name, values) in tensors.chain(self.optimizer.state()) {
            let bytes = bytemuck::cast_slice::<f32, u8>(values);
            builder.tensor(name, GgmlType::F32, &[values.len() as u64], bytes);
        }
        replace_own_file(&directory.folder, FILE, NEW_FILE, builder.pieces()?)
            .map_err(TrainError::CheckpointNotWritten)
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
        if !directory.holds_one() {
            return Ok(false);
        }
        let file = open_regular(&directory.folder.join(FILE))
            .map_err(io::Error::from)
            .and_then(|file| MappedFile::of(&file))
            .map_err(TrainError::CheckpointUnusable)?;
        let gguf = Gguf::parse(&file, file.len() as u64).map_err(TrainError::CheckpointDamaged)?;
        let text = |key| -> Result<&str, TrainError> {
            let found: Option<&str> = read(&gguf, key)?;
            Ok(found.unwrap_or_default())
        };
        if text("general.type")? != TYPE {
            return Err(TrainError::CheckpointOfAnotherRun { what: "file" });
        }
        for (key, value, what) in self.origin.entries(self.model.digest()?) {
            if text(key)? != value {
                return Err(TrainError::CheckpointOfAnotherRun { what });
            }
        }
        let references = doubles(&gguf, REFERENCES)?;
        let history = doubles(&gguf, HISTORY)?;
        let updates: Option<u64> = read(&gguf, UPDATES)?;
        let history: Option<Vec<StepReport>> = history.chunks(NUMBERS).map(from_numbers).collect();
        let (Some(history), Some(updates), true) = (
            history,
            updates,
            references.len() == 2 * self.references.len(),
        ) else {
            return Err(TrainError::CheckpointOfAnotherRun { what: "metadata" });
        };
        // All tensors are looked at before anything is changed.
        let sources = [PARAMETERS]
            .into_iter()
            .chain(self.optimizer.state().map(|(name, _)| name))
            .map(|name| {
                tensor(&gguf, &file, name, self.lora.parameters().len())
                    .ok_or(TrainError::CheckpointOfAnotherRun { what: "tensors" })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let targets = std::iter::once(self.lora.parameters_mut()).chain(self.optimizer.state_mut());
        for (source, target) in sources.into_iter().zip(targets) {
            bytemuck::cast_slice_mut::<f32, u8>(target).copy_from_slice(source);
        }
        self.optimizer.set_updates(updates);
        self.history = history;
        for (cached, pair) in self.references.iter_mut().zip(references.chunks_exact(2)) {
            *cached = (!pair[0].is_nan()).then(|| Reference {
                chosen: pair[0],
                rejected: pair[1],
            });
        }
        Ok(true)
    }
}

fn read<'a, T: pocketune_gguf::FromValue<'a>>(
    gguf: &Gguf<'a>,
    key: &str,
) -> Result<Option<T>, TrainError> {
    gguf.metadata()
        .read(key)
        .map_err(TrainError::CheckpointDamaged)
}

fn doubles(gguf: &Gguf<'_>, key: &str) -> Result<Vec<f64>, TrainError> {
    let list: Option<List<'_, f64>> = read(gguf, key)?;
    Ok(list.map_or_else(Vec::new, |list| list.iter().collect()))
}

/// The bytes of an F32 tensor of that many values.
fn tensor<'f>(gguf: &Gguf<'_>, file: &'f [u8], name: &str, values: usize) -> Option<&'f [u8]> {
    let tensor = gguf.tensor(name)?;
    let bytes = gguf.tensor_data(tensor, file)?;
    (tensor.tensor_type() == GgmlType::F32 && bytes.len() == 4 * values).then_some(bytes)
}

/// Figures of a step as numbers: five, and six of its pairs, which are NaN without any.
const NUMBERS: usize = 11;

fn numbers(report: &StepReport) -> [f64; NUMBERS] {
    let mut all = [f64::NAN; NUMBERS];
    all[..5].copy_from_slice(&[
        report.step as f64,
        report.loss,
        report.gradient_norm,
        report.learning_rate,
        report.tokens as f64,
    ]);
    if let Some(pairs) = report.pairs {
        all[5..].copy_from_slice(&[
            pairs.reward_chosen,
            pairs.reward_rejected,
            pairs.margin,
            pairs.accuracy,
            pairs.logp_chosen,
            pairs.logp_rejected,
        ]);
    }
    all
}

fn from_numbers(all: &[f64]) -> Option<StepReport> {
    let &[
        step,
        loss,
        gradient_norm,
        learning_rate,
        tokens,
        ref pairs @ ..,
    ] = all
    else {
        return None;
    };
    let &[
        reward_chosen,
        reward_rejected,
        margin,
        accuracy,
        logp_chosen,
        logp_rejected,
    ] = pairs
    else {
        return None;
    };
    Some(StepReport {
        step: step as u64,
        loss,
        gradient_norm,
        learning_rate,
        tokens: tokens as u64,
        pairs: (!margin.is_nan()).then_some(PairMetrics {
            reward_chosen,
            reward_rejected,
            margin,
            accuracy,
            logp_chosen,
            logp_rejected,
        }),
    })
}
