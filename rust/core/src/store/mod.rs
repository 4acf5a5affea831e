//! The root of what lasts.

mod reward_models;

use std::path::Path;
use std::sync::Arc;

use pocketune_adapter::{BaseIdentity, PublicKey, Timestamp, TrustPolicy};
use pocketune_store::{Purpose, StoreFolder};

use crate::adapters::{Adapters, Model};
use crate::engine::Engine;
use crate::error::Error;
use crate::experiment::Experiments;
use crate::review::Reviews;

pub use reward_models::RewardModels;

/// Everything of an app that lasts: its trust policy, adapters, experiments, replies for
/// review, consents. A folder on disk.
///
/// Opened with an engine it owns it: [`Store::close`] closes the engine, and nothing below
/// takes an engine again. Opened without one it still lists, exports, forgets and removes;
/// what needs the model fails with [`Error::NotNow`].
///
/// Thread-safe; functions block for the disk. Each change is whole on disk when its call
/// returns; a process killed at any point leaves the state before or after it.
#[derive(Debug)]
pub struct Store {
    adapters: Adapters,
    experiments: Experiments,
    reviews: Reviews,
    reward_models: RewardModels,
}

impl Store {
    /// Opens the store in `folder`, made where it is missing, without a model.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self::over(StoreFolder::open(folder)?, Model::None, None))
    }

    /// Opens the store in `folder` for the model of `engine`. The first time it reads all of
    /// the model's weights, about a second a gigabyte, and hashes the file. `device` is this
    /// device's own key, where it has one.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::ModelUnreadable`], [`Error::WeightsUnsound`].
    pub fn open_with(
        folder: &Path,
        engine: Arc<Engine>,
        device: Option<PublicKey>,
    ) -> Result<Self, Error> {
        let folder = StoreFolder::open(folder)?;
        let sha256 = engine.digest()?;
        let norms = match folder.base_norms(&sha256)? {
            Some(norms) => norms,
            None => {
                let norms = engine.base_norms()?;
                folder.keep_base_norms(&sha256, &norms)?;
                norms
            }
        };
        let base = Box::new(engine.base_identity(norms)?);
        Ok(Self::over(folder, Model::Loaded(base, engine), device))
    }

    /// Opens the store in `folder` for a model that is identified and not loaded: adapters
    /// are verified, and nothing computes under them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn open_for(
        folder: &Path,
        base: BaseIdentity,
        device: Option<PublicKey>,
    ) -> Result<Self, Error> {
        let model = Model::Identified(Box::new(base));
        Ok(Self::over(StoreFolder::open(folder)?, model, device))
    }

    /// Whether there is a store in `folder`. Opening makes one where there is none.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        StoreFolder::exists(folder)
    }

    fn over(folder: StoreFolder, model: Model, device: Option<PublicKey>) -> Self {
        let folder = Arc::new(folder);
        let adapters = Adapters::new(Arc::clone(&folder), model, device);
        Self {
            experiments: Experiments::new(adapters.clone()),
            reviews: Reviews::new(folder),
            reward_models: RewardModels::new(adapters.clone()),
            adapters,
        }
    }

    /// The engine that this store was opened with.
    #[must_use]
    pub fn engine(&self) -> Option<&Arc<Engine>> {
        self.adapters.loaded()
    }

    /// Signed adapters: verify, install, activate, go back.
    #[must_use]
    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// A/B tests on this device.
    #[must_use]
    pub fn experiments(&self) -> &Experiments {
        &self.experiments
    }

    /// Replies that critics leave to a person.
    #[must_use]
    pub fn reviews(&self) -> &Reviews {
        &self.reviews
    }

    /// Reward models that are delivered.
    #[must_use]
    pub fn reward_models(&self) -> &RewardModels {
        &self.reward_models
    }

    /// The trust policy in force.
    ///
    /// # Errors
    /// [`Error::Store`], with [`pocketune_store::StoreError::NoPolicy`] where there is none.
    pub fn policy(&self) -> Result<TrustPolicy, Error> {
        Ok(self.folder().policy()?)
    }

    /// Makes `envelope` the trust policy where there is none, or an older one: the policy
    /// that ships with an app, which is trusted as the app is. Call it at each start.
    /// Returns the policy in force.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn pin_policy(&self, envelope: &[u8], now: Timestamp) -> Result<TrustPolicy, Error> {
        Ok(self.folder().pin_policy(envelope, now)?)
    }

    /// Replaces the policy by the next one, as its own root keys and the new ones say. Call
    /// [`Adapters::apply`] after it. Returns the policy in force.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn rotate_policy(&self, envelope: &[u8], now: Timestamp) -> Result<TrustPolicy, Error> {
        Ok(self.folder().rotate_policy(envelope, now)?)
    }

    /// How many seconds the clock is behind the latest time that the store has seen. What
    /// expired in between stays so until [`Store::trust_clock`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn clock_behind_s(&self, now: Timestamp) -> Result<u64, Error> {
        Ok(self.folder().clock_behind_s(now)?)
    }

    /// Trusts the device's clock again, on the user's word.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn trust_clock(&self, now: Timestamp) -> Result<(), Error> {
        Ok(self.folder().trust_clock(now)?)
    }

    /// What the user has agreed to. Nothing, at first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn consents(&self) -> Result<Vec<Purpose>, Error> {
        let mut given = Vec::new();
        for purpose in Purpose::ALL {
            if self.folder().has_consent(purpose)? {
                given.push(purpose);
            }
        }
        Ok(given)
    }

    /// Gives a consent or takes it back. What rested on it is gone when this returns: taking
    /// [`Purpose::Review`] back removes what was kept for review, taking
    /// [`Purpose::ReviewSharing`] back every mark for sharing.
    ///
    /// # Errors
    /// [`Error::Store`], with [`pocketune_store::StoreError::PurposeUnused`] for giving what
    /// nothing in this version uses.
    pub fn set_consent(&self, purpose: Purpose, given: bool, now: Timestamp) -> Result<(), Error> {
        Ok(self.folder().set_consent(purpose, given, now)?)
    }

    /// Closes the engine, where the store was opened with one. What is on disk stays usable.
    pub fn close(&self) {
        if let Some(engine) = self.engine() {
            engine.close();
        }
    }

    fn folder(&self) -> &StoreFolder {
        self.adapters.folder()
    }
}
