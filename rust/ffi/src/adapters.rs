//! Signed adapters: review, install, activate, go back.

use std::sync::Arc;

use pocketune_core as core;
use pocketune_core::{Error, StoreError, now};

use crate::adapter_records::{
    AdapterChoice, AdapterSummary, AdapterVerdict, HistoryEntry, InstalledAdapter, RefusedAdapter,
};
use crate::background;
use crate::error::PocketuneError;
use crate::refusal::AdapterRefusal;

/// The adapters of a store: what it keeps, and its engine computes under. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Adapters(core::Adapters);

#[uniffi::export]
impl Adapters {
    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// after a rotation. Where one is refused, the model answers as it is; returns why.
    ///
    /// # Errors
    /// `NotNow` without an engine; `StorageFailed`, `Closed`, `OutOfMemory`.
    pub async fn apply(&self) -> Result<Vec<RefusedAdapter>, PocketuneError> {
        self.run(|adapters| {
            let refused = adapters.apply(now())?;
            Ok(refused.iter().map(Into::into).collect())
        })
        .await
    }

    /// Verifies the adapter at `path` with the attestations beside it
    /// (`<path>.intoto.jsonl`). Changes nothing but the history.
    ///
    /// # Errors
    /// `StorageFailed`; `InvalidArgument` without a policy; `NotNow` without an engine. A
    /// refusal is a verdict.
    pub async fn verify(&self, path: String) -> Result<AdapterVerdict, PocketuneError> {
        self.run(move |adapters| {
            verdict(adapters.verify(path.as_ref(), now()), |verified| {
                AdapterSummary::new(&verified.adapter, verified.replaces.as_ref())
            })
        })
        .await
    }

    /// Verifies and keeps the adapter at `path`. It changes no reply before it is active.
    ///
    /// # Errors
    /// As `verify`.
    pub async fn install(&self, path: String) -> Result<AdapterVerdict, PocketuneError> {
        self.run(move |adapters| {
            verdict(adapters.install(path.as_ref(), now()), |adapter| {
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
        self.run(move |adapters| match adapters.activate(&wanted, now()) {
            Ok(_) => Ok(None),
            Err(Error::Store(StoreError::Refused(refusal))) => Ok(Some((&*refusal).into())),
            Err(error) => Err(error),
        })
        .await
    }

    /// Lets the model answer as it is. What was active stays installed.
    ///
    /// # Errors
    /// `StorageFailed`, `Closed`.
    pub async fn deactivate(&self) -> Result<(), PocketuneError> {
        self.run(|adapters| adapters.deactivate(now())).await
    }

    /// Goes back to what was active before; returns that, which may be nothing.
    ///
    /// # Errors
    /// `NotNow` when nothing ever was active; `StorageFailed`, `Closed`.
    pub async fn roll_back(&self) -> Result<Vec<AdapterChoice>, PocketuneError> {
        self.run(|adapters| {
            let active = adapters.roll_back(now())?;
            Ok(active.iter().map(Into::into).collect())
        })
        .await
    }

    /// All installed adapters, by channel and version.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn installed(&self) -> Result<Vec<InstalledAdapter>, PocketuneError> {
        self.run(|adapters| {
            let installed = adapters.installed()?;
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
        self.run(move |adapters| adapters.remove(&sha256, now()))
            .await
    }

    /// What happened, the latest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn history(&self, limit: u32) -> Result<Vec<HistoryEntry>, PocketuneError> {
        self.run(move |adapters| {
            let entries = adapters.history(limit)?;
            Ok(entries.iter().map(Into::into).collect())
        })
        .await
    }
}

impl Adapters {
    pub(crate) fn wrap(adapters: core::Adapters) -> Arc<Self> {
        Arc::new(Self(adapters))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&core::Adapters) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let adapters = self.0.clone();
        background::run(move |_| work(&adapters)).await
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
