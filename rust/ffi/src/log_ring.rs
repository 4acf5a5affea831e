//! Lines of the log on their way to an app.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use async_channel::{Receiver, Sender};
use log::{LevelFilter, Metadata, Record};

/// How much is logged. No level logs prompts, replies or paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Failures and oddities.
    Warn,
    /// Also what happens.
    Info,
    /// Also how it happens, llama.cpp's own log included.
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warn,
            log::Level::Info => Self::Info,
            log::Level::Debug | log::Level::Trace => Self::Debug,
        }
    }
}

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

/// The newest lines that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) level: LevelFilter,
    sender: Sender<LogLine>,
    pub(crate) receiver: Receiver<LogLine>,
    dropped: AtomicU64,
}

impl Ring {
    pub(crate) fn new(level: LevelFilter) -> Self {
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
    pub(crate) fn dropped(&self) -> Option<LogLine> {
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
