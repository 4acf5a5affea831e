//! Log lines that wait for an app to take them. No code of the app runs in here: lines are
//! pulled, and those that nobody pulls in time are dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use async_channel::{Receiver, Sender};
use log::{LevelFilter, Metadata, Record};

use crate::error::PocketuneError;
use crate::logging::{LOGGER, LogLevel};

/// Most lines that wait: half a megabyte if all are as long as they may be.
const LINES_MAX: usize = 512;

/// A longer message is cut.
const MESSAGE_BYTES_MAX: usize = 1024;

/// One line of the library's log. It holds no prompt, reply or path.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How serious it is.
    pub level: LogLevel,
    /// Which part of the library wrote it, such as `pocketune_core::worker` or `llama.cpp`.
    pub target: String,
    /// What happened.
    pub message: String,
    /// When, in ms since 1970 (UTC).
    pub time_ms: i64,
}

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

#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) level: LevelFilter,
    sender: Sender<LogLine>,
    receiver: Receiver<LogLine>,
    dropped: AtomicU64,
}

impl Ring {
    fn new(level: LevelFilter) -> Self {
        let (sender, receiver) = async_channel::bounded(LINES_MAX);
        Self {
            level,
            sender,
            receiver,
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether the app wants such a line. Those of other libraries may hold anything, and
    /// one of UniFFI's about a line that was pulled would call for the next.
    pub(crate) fn takes(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        metadata.level() <= self.level && (target.starts_with("pocketune") || target == "llama.cpp")
    }

    pub(crate) fn push(&self, record: &Record<'_>) {
        let line = LogLine {
            level: record.level().into(),
            target: record.target().to_owned(),
            message: cut(record.args().to_string()),
            time_ms: now_ms(),
        };
        if let Ok(Some(_oldest)) = self.sender.force_send(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A line about those that were dropped since the last one about it.
    fn dropped(&self) -> Option<LogLine> {
        match self.dropped.swap(0, Ordering::Relaxed) {
            0 => None,
            count => Some(LogLine {
                level: LogLevel::Warn,
                target: module_path!().to_owned(),
                message: format!("{count} lines dropped"),
                time_ms: now_ms(),
            }),
        }
    }

    pub(crate) fn close(&self) {
        self.sender.close();
    }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let fits = |end: &usize| message.is_char_boundary(*end);
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(fits).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
}
