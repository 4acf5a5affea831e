//! Log lines that wait for an app to take them. No code of the app runs in here: lines are
//! pulled, and those that nobody pulls in time are dropped and counted.

use std::sync::Arc;

use crate::error::PocketuneError;
use crate::log_ring::{LogLevel, LogLine, Ring};
use crate::logging::LOGGER;

/// The library's log, line by line, for one reader: opening another ends this one. The
/// oldest of 512 lines makes way for a new one; a line says how many were lost. Freeing it
/// ends it too. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct LogLines(Arc<Ring>);

#[uniffi::export]
impl LogLines {
    /// Takes lines of `level` and more serious ones from now on. What goes to the
    /// platform's log stays as it is.
    ///
    /// # Errors
    /// `NotNow` where the process has a logger of its own for Rust.
    #[uniffi::constructor]
    pub fn open(level: LogLevel) -> Result<Arc<Self>, PocketuneError> {
        if !LOGGER.install() {
            return Err(PocketuneError::NotNow {
                reason: "the process has another logger".to_owned(),
            });
        }
        let ring = Arc::new(Ring::new(level.into()));
        LOGGER.open(Arc::clone(&ring));
        Ok(Arc::new(Self(ring)))
    }

    /// The next line; null once it was ended and the rest was taken.
    pub async fn next(&self) -> Option<LogLine> {
        match self.0.dropped() {
            Some(line) => Some(line),
            None => self.0.receiver.recv().await.ok(),
        }
    }

    /// Takes no more lines. Returns at once.
    pub fn end(&self) {
        LOGGER.close(&self.0);
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        LOGGER.close(&self.0);
    }
}
