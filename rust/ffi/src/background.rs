//! Blocking work behind async functions, without an executor of our own.

use std::sync::Arc;
use std::thread;

use pocketune_core::{CancelToken, Error};

use crate::error::PocketuneError;

/// Runs `work` on a thread of its own. Dropping the future cancels the token
/// that `work` was given; the thread then ends by itself.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<T, Error> + Send + 'static,
) -> Result<T, PocketuneError> {
    run_under(None, work).await
}

/// As [`run`], and `cancellation` cancels the same token.
pub(crate) async fn run_under<T: Send + 'static>(
    cancellation: Option<Arc<Cancellation>>,
    work: impl FnOnce(&CancelToken) -> Result<T, Error> + Send + 'static,
) -> Result<T, PocketuneError> {
    let cancel = cancellation.map_or_else(CancelToken::new, |given| given.0.clone());
    let guard = CancelOnDrop(cancel.clone());
    let (done, result) = async_channel::bounded(1);
    spawn(cancel, move |cancel| {
        // Nobody may be waiting any more.
        let _ = done.try_send(work(cancel));
    })?;
    let received = result.recv().await;
    drop(guard);
    match received {
        Ok(result) => Ok(result?),
        Err(_) => Err(PocketuneError::Internal {
            reason: "a worker thread panicked".to_owned(),
        }),
    }
}

/// Runs `work`, which hands its results on by itself, on a thread of its own. Returns at once
/// what cancels the token that `work` was given.
pub(crate) fn start(
    work: impl FnOnce(&CancelToken) + Send + 'static,
) -> Result<CancelToken, PocketuneError> {
    let cancel = CancelToken::new();
    spawn(cancel.clone(), work)?;
    Ok(cancel)
}

fn spawn(
    cancel: CancelToken,
    work: impl FnOnce(&CancelToken) + Send + 'static,
) -> Result<(), PocketuneError> {
    let spawned = thread::Builder::new()
        .name("pocketune-call".to_owned())
        .spawn(move || work(&cancel));
    match spawned {
        Ok(_detached) => Ok(()),
        Err(error) => Err(PocketuneError::Internal {
            reason: error.to_string(),
        }),
    }
}

/// Stops the one call that it is given to. For Swift, where cancelling a task does not drop
/// the call's future; elsewhere null does. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Cancellation(CancelToken);

#[uniffi::export]
impl Cancellation {
    /// For one call.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(CancelToken::new()))
    }

    /// Stops the call, which then fails with `NotNow`. Returns at once.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
