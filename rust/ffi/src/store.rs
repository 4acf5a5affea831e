//! The root of what lasts.

use std::sync::Arc;
use std::time::Duration;

use pocketune_core as core;
use pocketune_core::{Error, now};

use crate::adapters::Adapters;
use crate::background;
use crate::consents::ConsentPurpose;
use crate::engine::Engine;
use crate::error::PocketuneError;
use crate::experiments::Experiments;
use crate::reviews::Reviews;
use crate::reward::RewardModels;

/// Everything of an app that lasts: trust policy, adapters, experiments, replies for review,
/// consents. Opened with an engine it owns it. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Store {
    store: Arc<core::Store>,
    engine: Option<Arc<Engine>>,
}

#[uniffi::export]
impl Store {
    /// Opens the store in `directory`, made where it is missing. With `engine`, the first
    /// time it reads all of the model's weights: about a second a gigabyte. Without one it
    /// still lists, exports, forgets and removes; what needs the model fails with `NotNow`.
    /// `device_key` is the 32 bytes of this device's own public key.
    ///
    /// # Errors
    /// `StorageFailed`, `ModelUnreadable`, `ModelInvalid`, `Closed`; `InvalidArgument` for
    /// bytes that are no key.
    #[uniffi::constructor]
    pub async fn open(
        directory: String,
        engine: Option<Arc<Engine>>,
        device_key: Option<Vec<u8>>,
    ) -> Result<Arc<Self>, PocketuneError> {
        let device = device_key
            .map(|bytes| core::PublicKey::from_bytes(&bytes))
            .transpose()
            .map_err(|error| PocketuneError::argument("deviceKey", error.to_string()))?;
        let loaded = engine.as_ref().map(|engine| engine.core());
        let store = background::run(move |_| match loaded {
            Some(engine) => core::Store::open_with(directory.as_ref(), engine, device),
            None => core::Store::open(directory.as_ref()),
        });
        let store = Arc::new(store.await?);
        Ok(Arc::new(Self { store, engine }))
    }

    /// The engine that this store was opened with.
    #[must_use]
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.engine.clone()
    }

    /// Signed adapters.
    #[must_use]
    pub fn adapters(&self) -> Arc<Adapters> {
        Adapters::wrap(self.store.adapters().clone())
    }

    /// A/B tests on this device.
    #[must_use]
    pub fn experiments(&self) -> Arc<Experiments> {
        Experiments::wrap(self.store.experiments().clone())
    }

    /// Replies that the critics leave to a person.
    #[must_use]
    pub fn reviews(&self) -> Arc<Reviews> {
        Reviews::wrap(self.store.reviews().clone())
    }

    /// Reward models that are delivered.
    #[must_use]
    pub fn reward_models(&self) -> Arc<RewardModels> {
        RewardModels::wrap(self.store.reward_models().clone())
    }

    /// Makes `policy` the trust policy where there is none, or an older one: the one that
    /// ships with the app. Call it at each start. Returns the version in force.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no sound policy; `StorageFailed`.
    pub async fn pin_policy(&self, policy: Vec<u8>) -> Result<u64, PocketuneError> {
        self.run(move |store| Ok(store.pin_policy(&policy, now())?.version()))
            .await
    }

    /// Replaces the policy by the next one, which the root keys of both have signed.
    /// Call `Adapters.apply` after it. Returns the version in force.
    ///
    /// # Errors
    /// `InvalidArgument` for what is not the next policy; `StorageFailed`.
    pub async fn rotate_policy(&self, policy: Vec<u8>) -> Result<u64, PocketuneError> {
        self.run(move |store| Ok(store.rotate_policy(&policy, now())?.version()))
            .await
    }

    /// How far the clock is behind the latest time that the store has seen; what expired in
    /// between stays so until `trust_clock`.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn clock_behind(&self) -> Result<Duration, PocketuneError> {
        self.run(|store| Ok(Duration::from_secs(store.clock_behind_s(now())?)))
            .await
    }

    /// Trusts the device's clock again, on the user's word.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn trust_clock(&self) -> Result<(), PocketuneError> {
        self.run(|store| store.trust_clock(now())).await
    }

    /// What the user has agreed to. Nothing, at first.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn consents(&self) -> Result<Vec<ConsentPurpose>, PocketuneError> {
        let given = self.run(core::Store::consents).await?;
        Ok(given.into_iter().map(Into::into).collect())
    }

    /// Gives a consent or takes it back. What rested on it is gone when this returns: taking
    /// `Review` back removes what was kept for review, taking `ReviewSharing` back every
    /// mark for sharing.
    ///
    /// # Errors
    /// `NotNow` for giving what nothing in this version uses; `StorageFailed`.
    pub async fn set_consent(
        &self,
        purpose: ConsentPurpose,
        given: bool,
    ) -> Result<(), PocketuneError> {
        self.run(move |store| store.set_consent(purpose.into(), given, now()))
            .await
    }

    /// Closes the engine, where the store was opened with one. Blocks for some milliseconds.
    /// What needs no engine goes on working.
    pub fn shut_down(&self) {
        self.store.close();
    }
}

impl Store {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&core::Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let store = Arc::clone(&self.store);
        background::run(move |_| work(&store)).await
    }
}
