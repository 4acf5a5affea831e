//! An app's adapters: what a store keeps, and an engine computes under.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketune_adapter::{
    BaseIdentity, Digest, PublicKey, SubjectKind, Timestamp, VerifiedAdapter, VerifiedFile,
};
use pocketune_store::{
    Active, ActiveAdapter, Appended, Delivery, HistoryEntry, InstalledAdapter, RefusedAdapter,
    Situation, StoreError, StoreFolder, StoredRun, VerifiedDelivery,
};

use crate::engine::Engine;
use crate::error::Error;

/// Longest reward head or definition that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The adapters of a [`Store`](crate::Store). Thread-safe, and cheap to clone; every function
/// blocks for the disk, some for a computation of the engine.
///
/// `now` is what the device's clock says. What changes the store and then the engine is
/// in force at the next start even if the app is killed in between. A store that was opened
/// without a model lists and removes adapters; what has to verify one fails with
/// [`Error::NotNow`].
#[derive(Debug, Clone)]
pub struct Adapters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Arc<StoreFolder>,
    model: Model,
    device: Option<PublicKey>,
    /// Held while the store and then the engine change, so that both end the same.
    switching: Mutex<()>,
}

/// What adapters are verified for, and what computes under them.
#[derive(Debug)]
pub(crate) enum Model {
    /// Nothing is verified or computed.
    None,
    /// Adapters are verified, and nothing computes.
    Identified(Box<BaseIdentity>),
    /// Both.
    Loaded(Box<BaseIdentity>, Arc<Engine>),
}

impl Adapters {
    pub(crate) fn new(folder: Arc<StoreFolder>, model: Model, device: Option<PublicKey>) -> Self {
        Self(Arc::new(Inner {
            folder,
            model,
            device,
            switching: Mutex::default(),
        }))
    }

    pub(crate) fn folder(&self) -> &Arc<StoreFolder> {
        &self.0.folder
    }

    /// The engine that computes under these adapters.
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>, Error> {
        self.loaded().ok_or(Error::NotNow {
            reason: "the store was opened without an engine",
        })
    }

    pub(crate) fn loaded(&self) -> Option<&Arc<Engine>> {
        match &self.0.model {
            Model::Loaded(_, engine) => Some(engine),
            Model::None | Model::Identified(_) => None,
        }
    }

    /// The model that adapters are verified for.
    ///
    /// # Errors
    /// [`Error::NotNow`] where the store was opened without one.
    pub fn base(&self) -> Result<&BaseIdentity, Error> {
        match &self.0.model {
            Model::Identified(base) | Model::Loaded(base, _) => Ok(base),
            Model::None => Err(Error::NotNow {
                reason: "the store was opened without a model",
            }),
        }
    }

    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// when the policy has changed. Where one is refused the model answers as it is.
    /// Returns why.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::NotNow`] without an engine, and those of
    /// [`Engine::use_adapters`].
    pub fn apply(&self, now: Timestamp) -> Result<Vec<RefusedAdapter>, Error> {
        let engine = self.engine()?;
        let _switching = self.switching();
        let Active { adapters, refused } = self.active(now)?;
        engine.use_adapters(&adapters)?;
        Ok(refused)
    }

    /// What is active, verified now, whatever the engine computes under.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::NotNow`] without a model.
    pub fn active(&self, now: Timestamp) -> Result<Active, Error> {
        Ok(self.folder().active(&self.situation(now)?)?)
    }

    /// Verifies the adapter at `path` with the attestations beside it; changes nothing but
    /// the history.
    ///
    /// # Errors
    /// [`Error::Store`], with [`StoreError::Refused`] for what is not accepted;
    /// [`Error::NotNow`] without a model.
    pub fn verify(&self, path: &Path, now: Timestamp) -> Result<VerifiedDelivery, Error> {
        let situation = self.situation(now)?;
        Ok(self.folder().verify(&self.read(path)?, &situation)?)
    }

    /// Verifies and keeps the adapter at `path`. It changes no reply before it is active.
    ///
    /// # Errors
    /// As [`Adapters::verify`].
    pub fn install(&self, path: &Path, now: Timestamp) -> Result<VerifiedAdapter, Error> {
        let situation = self.situation(now)?;
        Ok(self.folder().install(&self.read(path)?, &situation)?)
    }

    /// Lets the engine compute under these installed adapters with these scales, in place
    /// of what was active. Without an engine they are active from its next start on. Returns
    /// them.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::NotNow`] without a model, and those of
    /// [`Engine::use_adapters`].
    pub fn activate(
        &self,
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<Vec<ActiveAdapter>, Error> {
        let _switching = self.switching();
        let adapters = self.folder().activate(wanted, &self.situation(now)?)?;
        self.compute_under(&adapters)?;
        Ok(adapters)
    }

    /// As [`Adapters::activate`], and writes the events that conclude an experiment, both or
    /// neither.
    pub(crate) fn conclude(
        &self,
        run: &StoredRun<'_>,
        lines: &[String],
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<Appended, Error> {
        let _switching = self.switching();
        let situation = self.situation(now)?;
        let concluded = self
            .folder()
            .conclude_experiment(run, lines, wanted, &situation)?;
        let Appended::At(place, adapters) = concluded else {
            return Ok(Appended::Behind);
        };
        self.compute_under(&adapters)?;
        Ok(Appended::At(place, ()))
    }

    /// Installed adapters with these scales, verified now, whatever is active.
    pub(crate) fn verified(
        &self,
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<Vec<ActiveAdapter>, Error> {
        Ok(self.folder().verified(wanted, &self.situation(now)?)?)
    }

    /// Lets the model answer as it is.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Closed`].
    pub fn deactivate(&self, now: Timestamp) -> Result<(), Error> {
        let _switching = self.switching();
        self.folder().deactivate(now)?;
        self.compute_under(&[])
    }

    /// Goes back to what was active before. Returns what that is.
    ///
    /// # Errors
    /// As [`Adapters::activate`], with [`StoreError::NothingBefore`].
    pub fn roll_back(&self, now: Timestamp) -> Result<Vec<ActiveAdapter>, Error> {
        let _switching = self.switching();
        let adapters = self.folder().roll_back(&self.situation(now)?)?;
        self.compute_under(&adapters)?;
        Ok(adapters)
    }

    /// All installed adapters, by channel and version.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn installed(&self) -> Result<Vec<InstalledAdapter>, Error> {
        Ok(self.folder().installed()?)
    }

    /// Removes an adapter that is not active.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreError::InUse`], [`StoreError::NotInstalled`].
    pub fn remove(&self, sha256: &Digest, now: Timestamp) -> Result<(), Error> {
        Ok(self.folder().remove(sha256, now)?)
    }

    /// What happened, the latest first, at most `limit` entries.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn history(&self, limit: u32) -> Result<Vec<HistoryEntry>, Error> {
        Ok(self.folder().history(limit)?)
    }

    /// Verifies a file that is no adapter, with the attestations beside it.
    ///
    /// # Errors
    /// [`Error::Store`], with [`StoreError::Refused`] for what is not accepted;
    /// [`Error::NotNow`] without a model.
    pub(crate) fn accept_file(
        &self,
        kind: SubjectKind,
        path: &Path,
        now: Timestamp,
    ) -> Result<VerifiedFile, Error> {
        let situation = self.situation(now)?;
        let delivery = Delivery::read(path, FILE_BYTES_MAX)?;
        Ok(self.folder().accept_file(kind, &delivery, &situation)?)
    }

    fn compute_under(&self, adapters: &[ActiveAdapter]) -> Result<(), Error> {
        match self.loaded() {
            Some(engine) => engine.use_adapters(adapters),
            None => Ok(()),
        }
    }

    fn switching(&self) -> MutexGuard<'_, ()> {
        let switching = &self.0.switching;
        switching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, path: &Path) -> Result<Delivery, StoreError> {
        let limits = &self.folder().policy()?;
        Delivery::read(path, limits.document().roles.release.limits.max_bytes)
    }

    fn situation(&self, now: Timestamp) -> Result<Situation<'_>, Error> {
        Ok(Situation {
            now,
            base: self.base()?,
            device: self.0.device.as_ref(),
        })
    }
}
