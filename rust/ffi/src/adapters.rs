//! Signed adapters: review, install, activate, go back.

use std::sync::Arc;

use pocketune_core as core;
use pocketune_core::{Error, StoreError, now};

use crate::adapter_records::{
    AdapterChoice, AdapterRefusal, AdapterSummary, AdapterVerdict, HistoryEntry, InstalledAdapter,
    RefusedAdapter,
};
use crate::background;
use crate::engine::Engine;
use crate::error::PocketuneError;

/// An app's adapters: what its store keeps, and its engine computes under. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Adapters(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Arc<core::Engine>,
    pub(crate) adapters: core::Adapters,
}

#[uniffi::export]
impl Adapters {
    /// Opens the store in `directory`, made where it is missing, for this engine's
    /// model. The first time it reads all of the model's weights: about a second a
    /// gigabyte. `device_key` is the 32 bytes of this device's own public key.
    ///
    /// # Errors
    /// `StorageFailed`, `ModelUnreadable`, `InvalidArgument` for bytes that are no key.
    #[uniffi::constructor]
    pub async fn open(
        engine: Arc<Engine>,
        directory: String,
        device_key: Option<Vec<u8>>,
    ) -> Result<Arc<Self>, PocketuneError> {
        let device = device_key
            .map(|bytes| core::PublicKey::from_bytes(&bytes))
            .transpose()
            .map_err(|error| PocketuneError::InvalidArgument {
                option: "deviceKey".to_owned(),
                reason: error.to_string(),
            })?;
        let engine = engine.core();
        let inner = background::run(move |_| {
            let adapters = core::Adapters::open(directory.as_ref(), &engine, device)?;
            Ok(Inner { engine, adapters })
        });
        Ok(Arc::new(Self(Arc::new(inner.await?))))
    }

    /// Makes `policy` the trust policy where there is none, or an older one: the one that
    /// ships with the app. Call it at each start. Returns the version in force.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no sound policy; `StorageFailed`.
    pub async fn pin_policy(&self, policy: Vec<u8>) -> Result<u64, PocketuneError> {
        self.run(move |inner| {
            let policy = inner.adapters.store().pin_policy(&policy, now())?;
            Ok(policy.version())
        })
        .await
    }

    /// Replaces the policy by the next one, which the root keys of both have signed.
    /// Call `apply` after it. Returns the version in force.
    ///
    /// # Errors
    /// `InvalidArgument` for what is not the next policy; `StorageFailed`.
    pub async fn rotate_policy(&self, policy: Vec<u8>) -> Result<u64, PocketuneError> {
        self.run(move |inner| {
            let policy = inner.adapters.store().rotate_policy(&policy, now())?;
            Ok(policy.version())
        })
        .await
    }

    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// after a rotation. Where one is refused, the model answers as it is; returns why.
    ///
    /// # Errors
    /// `StorageFailed`, `Closed`, `OutOfMemory`.
    pub async fn apply(&self) -> Result<Vec<RefusedAdapter>, PocketuneError> {
        self.run(|inner| {
            let refused = inner.adapters.apply(&inner.engine, now())?;
            Ok(refused.iter().map(Into::into).collect())
        })
        .await
    }

    /// Verifies the adapter at `path` with the attestations beside it
    /// (`<path>.intoto.jsonl`). Changes nothing but the history.
    ///
    /// # Errors
    /// `StorageFailed`; `InvalidArgument` without a policy. A refusal is a verdict.
    pub async fn review(&self, path: String) -> Result<AdapterVerdict, PocketuneError> {
        self.run(move |inner| {
            verdict(inner.adapters.review(path.as_ref(), now()), |review| {
                AdapterSummary::new(&review.adapter, review.replaces.as_ref())
            })
        })
        .await
    }

    /// Verifies and keeps the adapter at `path`. It changes no reply before it is active.
    ///
    /// # Errors
    /// As `review`.
    pub async fn install(&self, path: String) -> Result<AdapterVerdict, PocketuneError> {
        self.run(move |inner| {
            verdict(inner.adapters.install(path.as_ref(), now()), |adapter| {
                AdapterSummary::new(&adapter, None)
            })
        })
        .await
    }

    /// Lets replies be changed by these installed adapters from each chat's next turn
    /// on, in place of those before. Each may be there once, and together they change no
    /// matrix by more than the policy allows one. Returns why not, where one no longer
    /// passes or they are no such set; what was active then stays so.
    ///
    /// # Errors
    /// `InvalidArgument` for what is not installed, and for a scale that is not between 0
    /// and 1; `StorageFailed`, `Closed`.
    pub async fn activate(
        &self,
        adapters: Vec<AdapterChoice>,
    ) -> Result<Option<AdapterRefusal>, PocketuneError> {
        let wanted = adapters.iter().map(AdapterChoice::parse);
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        self.run(
            move |inner| match inner.adapters.activate(&inner.engine, &wanted, now()) {
                Ok(()) => Ok(None),
                Err(Error::Store(StoreError::Refused(refusal))) => Ok(Some((&*refusal).into())),
                Err(error) => Err(error),
            },
        )
        .await
    }

    /// Lets the model answer as it is. What was active stays installed.
    ///
    /// # Errors
    /// `StorageFailed`, `Closed`.
    pub async fn deactivate(&self) -> Result<(), PocketuneError> {
        self.run(|inner| inner.adapters.deactivate(&inner.engine, now()))
            .await
    }

    /// Goes back to what was active before; returns that, which may be nothing.
    ///
    /// # Errors
    /// `NotNow` when nothing ever was active; `StorageFailed`, `Closed`.
    pub async fn roll_back(&self) -> Result<Vec<AdapterChoice>, PocketuneError> {
        self.run(|inner| {
            let active = inner.adapters.roll_back(&inner.engine, now())?;
            Ok(active.iter().map(Into::into).collect())
        })
        .await
    }

    /// All installed adapters, by channel and version.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn installed(&self) -> Result<Vec<InstalledAdapter>, PocketuneError> {
        self.run(|inner| {
            let installed = inner.adapters.store().installed()?;
            Ok(installed.iter().map(Into::into).collect())
        })
        .await
    }

    /// Removes an adapter that is not active.
    ///
    /// # Errors
    /// `NotNow` for one that is active, `InvalidArgument` for one that is not installed,
    /// `StorageFailed`.
    pub async fn remove(&self, sha256: String) -> Result<(), PocketuneError> {
        let choice = AdapterChoice { sha256, scale: 1.0 };
        let (sha256, _) = choice.parse()?;
        self.run(move |inner| Ok(inner.adapters.store().remove(&sha256, now())?))
            .await
    }

    /// What happened, the latest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn history(&self, limit: u32) -> Result<Vec<HistoryEntry>, PocketuneError> {
        self.run(move |inner| {
            let entries = inner.adapters.store().history(limit)?;
            Ok(entries.iter().map(Into::into).collect())
        })
        .await
    }

    /// How many seconds the clock is behind the latest time that the store has seen; what
    /// expired in between stays so until `trust_clock`.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn clock_behind_s(&self) -> Result<u64, PocketuneError> {
        self.run(|inner| Ok(inner.adapters.store().clock_behind_s(now())?))
            .await
    }

    /// Takes the clock for right, on the word of whoever holds the device.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn trust_clock(&self) -> Result<(), PocketuneError> {
        self.run(|inner| Ok(inner.adapters.store().trust_clock(now())?))
            .await
    }
}

impl Adapters {
    pub(crate) fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.0)
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let inner = Arc::clone(&self.0);
        background::run(move |_| work(&inner)).await
    }
}

/// A refusal is an answer, not a failure.
fn verdict<T>(
    outcome: Result<T, Error>,
    summary: impl FnOnce(T) -> AdapterSummary,
) -> Result<AdapterVerdict, Error> {
    match outcome {
        Ok(accepted) => Ok(AdapterVerdict::Accepted {
            adapter: summary(accepted),
        }),
        Err(Error::Store(StoreError::Refused(refusal))) => Ok(AdapterVerdict::Refused {
            refusal: (&*refusal).into(),
        }),
        Err(error) => Err(error),
    }
}
