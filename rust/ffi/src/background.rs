//! Blocking work behind async functions, without an executor of our own.

use std::thread;

use pocketune_core::{CancelToken, Error};

use crate::error::PocketuneError;

/// Runs `work` on a thread of its own. Dropping the future cancels the token
/// that `work` was given; the thread then ends by itself.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<T, Error> + Send + 'static,
) -> Result<T, PocketuneError> {
    let cancel = CancelToken::new();
    let guard = CancelOnDrop(cancel.clone());
    let (done, result) = async_channel::bounded(1);
    thread::Builder::new()
        .name("pocketune-call".to_owned())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = done.try_send(work(&cancel));
        })
        .map_err(|error| PocketuneError::Internal {
            reason: error.to_string(),
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

struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
