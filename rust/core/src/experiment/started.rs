//! Which experiments an app has: starting, finding and forgetting them.

use std::path::Path;

use pocketune_adapter::{Digest, SubjectKind, Timestamp};
use pocketune_judge::experiment::{Definition, ExperimentError};
use pocketune_store::{StoreError, StoredExperiment};

use super::Experiment;
use crate::adapters::Adapters;
use crate::error::Error;

type OpenedExperiment = (String, Result<Experiment, ExperimentError>);

/// The experiments of a [`Store`](crate::Store). Thread-safe, and cheap to clone; functions
/// block for the disk.
#[derive(Debug, Clone)]
pub struct Experiments(Adapters);

impl Experiments {
    pub(crate) fn new(adapters: Adapters) -> Self {
        Self(adapters)
    }

    /// Starts an experiment that the app itself defines, or goes on with it. The adapters
    /// of both arms must be installed.
    ///
    /// # Errors
    /// [`Error::Experiment`] for a definition that cannot be, [`Error::Store`] with
    /// [`pocketune_store::StoreError::NotInstalled`].
    pub fn start(&self, definition: &Definition, now: Timestamp) -> Result<Experiment, Error> {
        self.start_file(&definition.to_json(), now)
    }

    fn start_file(&self, definition: &[u8], now: Timestamp) -> Result<Experiment, Error> {
        let parsed = Definition::parse(definition)?;
        let arms = [&parsed.arms.incumbent, &parsed.arms.challenger];
        for text in arms.into_iter().flat_map(|arm| &arm.adapters) {
            let sha256 = Digest::from_hex(text).ok_or(ExperimentError::DefinitionInvalid {
                field: "arms.challenger.adapters",
                reason: "an arm's adapter is no SHA-256",
            })?;
            self.0.folder().check_installed(&sha256)?;
        }
        let run = self
            .0
            .folder()
            .start_experiment(&parsed.sha256(), definition, now)?;
        Experiment::open(self.0.clone(), parsed, run)
    }

    /// Starts an experiment that was delivered, or goes on with it: the definition at `path`
    /// is verified with the attestations beside it. From then on it is in the store.
    ///
    /// # Errors
    /// As [`Experiments::start`], and [`Error::Store`] with
    /// [`pocketune_store::StoreError::Refused`] for what is not accepted.
    pub fn start_delivered(&self, path: &Path, now: Timestamp) -> Result<Experiment, Error> {
        let file = self.0.accept_file(SubjectKind::Experiment, path, now)?;
        self.start_file(file.bytes(), now)
    }

    /// All experiments that were started and not forgotten, the earliest first, without
    /// those that [`Experiments::damaged`] names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn all(&self) -> Result<Vec<Experiment>, Error> {
        let mut sound = Vec::new();
        for (_, opened) in self.opened_all()? {
            sound.extend(opened);
        }
        Ok(sound)
    }

    /// Experiments whose definition or ledger cannot be read, each with what is wrong: they
    /// were damaged, or started by a newer version. They can be forgotten.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn damaged(&self) -> Result<Vec<(String, ExperimentError)>, Error> {
        let mut damaged = Vec::new();
        for (sha256, opened) in self.opened_all()? {
            damaged.extend(opened.err().map(|error| (sha256, error)));
        }
        Ok(damaged)
    }

    /// Each experiment of the store by its SHA-256, as far as it can be read.
    fn opened_all(&self) -> Result<Vec<OpenedExperiment>, Error> {
        let mut all = Vec::new();
        for stored in self.0.folder().experiments()? {
            let opened = self.opened(&stored);
            match opened {
                Ok(experiment) => all.push((stored.sha256, Ok(experiment))),
                Err(Error::Experiment(error) | Error::LedgerDamaged(error)) => {
                    all.push((stored.sha256, Err(error)));
                }
                // Forgotten meanwhile.
                Err(Error::Store(StoreError::NoExperiment { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn opened(&self, stored: &StoredExperiment) -> Result<Experiment, Error> {
        let definition = Definition::parse(&stored.definition)?;
        if definition.sha256() != stored.sha256 {
            return Err(Error::Experiment(ExperimentError::DefinitionInvalid {
                field: "id",
                reason: "it is not the one that was started",
            }));
        }
        Experiment::open(self.0.clone(), definition, stored.run.clone())
    }

    /// Removes an experiment with all that was recorded in it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn forget(&self, sha256: &str) -> Result<(), Error> {
        Ok(self.0.folder().forget_experiment(sha256)?)
    }
}
