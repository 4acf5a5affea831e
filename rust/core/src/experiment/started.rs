//! Which experiments an app has: starting, finding and forgetting them.

use std::path::Path;
use std::sync::Arc;

use pocketune_adapter::{Digest, SubjectKind, Timestamp};
use pocketune_judge::experiment::{Definition, ExperimentError};
use pocketune_store::{StoreError, StoredExperiment};

use super::Experiment;
use crate::adapters::Adapters;
use crate::error::Error;

type OpenedExperiment = (String, Result<Experiment, ExperimentError>);

impl Adapters {
    /// Starts an experiment that the app itself defines, or goes on with it. The adapters
    /// of both arms must be installed.
    ///
    /// # Errors
    /// [`Error::Experiment`] for a definition that cannot be, [`Error::Store`] with
    /// [`pocketune_store::StoreError::NotInstalled`].
    pub fn start_experiment(&self, definition: &[u8], now: Timestamp) -> Result<Experiment, Error> {
        let parsed = Definition::parse(definition)?;
        let arms = [&parsed.arms.incumbent, &parsed.arms.challenger];
        for text in arms.into_iter().flat_map(|arm| &arm.adapters) {
            let sha256 = Digest::from_hex(text).ok_or(ExperimentError::DefinitionInvalid {
                reason: "an arm's adapter is no SHA-256",
            })?;
            self.store().check_installed(&sha256)?;
        }
        let run = self
            .store()
            .start_experiment(&parsed.sha256(), definition, now)?;
        Experiment::open(Arc::clone(self.store()), parsed, run)
    }

    /// Starts an experiment that was delivered, or goes on with it: the definition at `path`
    /// is verified with the attestations beside it. From then on it is in the store.
    ///
    /// # Errors
    /// As [`Adapters::start_experiment`], and [`Error::Store`] with
    /// [`pocketune_store::StoreError::Refused`] for what is not accepted.
    pub fn start_delivered_experiment(
        &self,
        path: &Path,
        now: Timestamp,
    ) -> Result<Experiment, Error> {
        let file = self.accept_file(SubjectKind::Experiment, path, now)?;
        self.start_experiment(file.bytes(), now)
    }

    /// All experiments that were started and not forgotten, the earliest first, without
    /// those that [`Adapters::damaged_experiments`] names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn experiments(&self) -> Result<Vec<Experiment>, Error> {
        let mut sound = Vec::new();
        for (_, opened) in self.opened_experiments()? {
            sound.extend(opened);
        }
        Ok(sound)
    }

    /// Experiments whose definition or ledger cannot be read, each with what is wrong: they
    /// were damaged, or started by a newer version. They can be forgotten.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn damaged_experiments(&self) -> Result<Vec<(String, ExperimentError)>, Error> {
        let mut damaged = Vec::new();
        for (sha256, opened) in self.opened_experiments()? {
            damaged.extend(opened.err().map(|error| (sha256, error)));
        }
        Ok(damaged)
    }

    /// Each experiment of the store by its SHA-256, as far as it can be read.
    fn opened_experiments(&self) -> Result<Vec<OpenedExperiment>, Error> {
        let mut all = Vec::new();
        for stored in self.store().experiments()? {
            let opened = self.opened_experiment(&stored);
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

    fn opened_experiment(&self, stored: &StoredExperiment) -> Result<Experiment, Error> {
        let definition = Definition::parse(&stored.definition)?;
        if definition.sha256() != stored.sha256 {
            return Err(Error::Experiment(ExperimentError::DefinitionInvalid {
                reason: "it is not the one that was started",
            }));
        }
        Experiment::open(Arc::clone(self.store()), definition, stored.run.clone())
    }

    /// Removes an experiment with all that was recorded in it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn forget_experiment(&self, sha256: &str) -> Result<(), Error> {
        Ok(self.store().forget_experiment(sha256)?)
    }
}
