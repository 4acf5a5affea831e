//! An app's adapters: what a store keeps, and an engine computes under.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketune_adapter::{
    BaseIdentity, Digest, PublicKey, SubjectKind, Timestamp, VerifiedAdapter, VerifiedFile,
};
use pocketune_store::{
    Active, ActiveAdapter, Appended, Delivery, RefusedAdapter, Review, Situation, Store,
    StoreError, StoredRun,
};

use crate::engine::Engine;
use crate::error::Error;
use crate::reward::RewardModel;

/// Longest reward head or definition that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A store's adapters beside the engine that they change. Thread-safe; every function
/// blocks for the disk, some for a computation of the engine.
///
/// `now` is what the device's clock says. What changes the store and then the engine is
/// in force at the next start even if the app is killed in between.
#[derive(Debug)]
pub struct Adapters {
    store: Arc<Store>,
    base: BaseIdentity,
    device: Option<PublicKey>,
    /// Held while the store and then the engine change, so that both end the same.
    switching: Mutex<()>,
}

impl Adapters {
    /// Opens the store in `folder` for the model of `engine`. The first time it reads all
    /// of the model's weights, about a second a gigabyte, and hashes the file.
    /// `device` is this device's own key, where it has one.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::ModelUnreadable`], [`Error::WeightsUnsound`].
    pub fn open(folder: &Path, engine: &Engine, device: Option<PublicKey>) -> Result<Self, Error> {
        let store = Arc::new(Store::open(folder)?);
        let sha256 = engine.digest()?;
        let norms = match store.base_norms(&sha256)? {
            Some(norms) => norms,
            None => {
                let norms = engine.base_norms()?;
                store.keep_base_norms(&sha256, &norms)?;
                norms
            }
        };
        Ok(Self {
            base: engine.base_identity(norms)?,
            store,
            device,
            switching: Mutex::default(),
        })
    }

    /// Policy, history, what is installed.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The model that adapters are verified for.
    #[must_use]
    pub fn base(&self) -> &BaseIdentity {
        &self.base
    }

    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// when the policy has changed. Where one is refused the model answers as it is.
    /// Returns why.
    ///
    /// # Errors
    /// [`Error::Store`], and those of [`Engine::use_adapters`].
    pub fn apply(&self, engine: &Engine, now: Timestamp) -> Result<Vec<RefusedAdapter>, Error> {
        let _switching = self.switching();
        let Active { adapters, refused } = self.active(now)?;
        engine.use_adapters(&adapters)?;
        Ok(refused)
    }

    /// What is active, verified now, whatever the engine computes under.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn active(&self, now: Timestamp) -> Result<Active, Error> {
        Ok(self.store.active(&self.situation(now))?)
    }

    /// Verifies the adapter at `path` with the attestations beside it; changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`], with [`StoreError::Refused`] for what is not accepted.
    pub fn review(&self, path: &Path, now: Timestamp) -> Result<Review, Error> {
        let delivery = self.read(path)?;
        Ok(self.store.review(&delivery, &self.situation(now))?)
    }

    /// Verifies and keeps the adapter at `path`. It changes no reply before it is active.
    ///
    /// # Errors
    /// As [`Adapters::review`].
    pub fn install(&self, path: &Path, now: Timestamp) -> Result<VerifiedAdapter, Error> {
        let delivery = self.read(path)?;
        Ok(self.store.install(&delivery, &self.situation(now))?)
    }

    /// Lets the engine compute under these installed adapters with these scales, in place
    /// of what was active.
    ///
    /// # Errors
    /// [`Error::Store`], and those of [`Engine::use_adapters`].
    pub fn activate(
        &self,
        engine: &Engine,
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<(), Error> {
        let _switching = self.switching();
        let adapters = self.store.activate(wanted, &self.situation(now))?;
        engine.use_adapters(&adapters)
    }

    /// As [`Adapters::activate`], and writes the events that conclude an experiment, both or
    /// neither.
    pub(crate) fn conclude(
        &self,
        engine: &Engine,
        run: &StoredRun<'_>,
        lines: &[String],
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<Appended, Error> {
        let _switching = self.switching();
        let situation = self.situation(now);
        let concluded = self
            .store
            .conclude_experiment(run, lines, wanted, &situation)?;
        let Appended::At(place, adapters) = concluded else {
            return Ok(Appended::Behind);
        };
        engine.use_adapters(&adapters)?;
        Ok(Appended::At(place, ()))
    }

    fn switching(&self) -> MutexGuard<'_, ()> {
        self.switching
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Installed adapters with these scales, verified now, whatever is active.
    pub(crate) fn verified(
        &self,
        wanted: &[(Digest, f32)],
        now: Timestamp,
    ) -> Result<Vec<ActiveAdapter>, Error> {
        Ok(self.store.verified(wanted, &self.situation(now))?)
    }

    /// Lets the model answer as it is.
    ///
    /// # Errors
    /// As [`Adapters::activate`].
    pub fn deactivate(&self, engine: &Engine, now: Timestamp) -> Result<(), Error> {
        let _switching = self.switching();
        self.store.deactivate(now)?;
        engine.use_adapters(&[])
    }

    /// Goes back to what was active before. Returns what that is.
    ///
    /// # Errors
    /// As [`Adapters::activate`], with [`StoreError::NothingBefore`].
    pub fn roll_back(&self, engine: &Engine, now: Timestamp) -> Result<Vec<ActiveAdapter>, Error> {
        let _switching = self.switching();
        let adapters = self.store.roll_back(&self.situation(now))?;
        engine.use_adapters(&adapters)?;
        Ok(adapters)
    }

    /// A reward model that was delivered: the head at `path` is verified with the
    /// attestations beside it, at each start. `engine` is the one that this store was opened
    /// for.
    ///
    /// # Errors
    /// [`Error::Store`], with [`pocketune_store::StoreError::Refused`] for what is not
    /// accepted; those of [`RewardModel::parse`].
    pub fn delivered_reward_model(
        &self,
        path: &Path,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<RewardModel, Error> {
        let file = self.accept_file(SubjectKind::RewardHead, path, now)?;
        RewardModel::parse(file.bytes(), engine)
    }

    /// Verifies a file that is no adapter, with the attestations beside it.
    ///
    /// # Errors
    /// [`Error::Store`], with [`StoreError::Refused`] for what is not accepted.
    pub(crate) fn accept_file(
        &self,
        kind: SubjectKind,
        path: &Path,
        now: Timestamp,
    ) -> Result<VerifiedFile, Error> {
        let delivery = Delivery::read(path, FILE_BYTES_MAX)?;
        Ok(self
            .store
            .accept_file(kind, &delivery, &self.situation(now))?)
    }

    fn read(&self, path: &Path) -> Result<Delivery, StoreError> {
        let limits = &self.store.policy()?;
        Delivery::read(path, limits.document().roles.release.limits.max_bytes)
    }

    fn situation(&self, now: Timestamp) -> Situation<'_> {
        Situation {
            now,
            base: &self.base,
            device: self.device.as_ref(),
        }
    }
}
