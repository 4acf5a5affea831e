//! The library's log: to the platform's, and to an app that wants it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

use crate::log_ring::{LogLevel, Ring};

/// Sends the log to Android's logcat (tag `pocketune`) or Apple's unified log
/// (subsystem `dev.pocketune`); does nothing elsewhere. Later calls change the level.
#[uniffi::export]
pub fn start_logging(level: LogLevel) {
    // An app that links this library into its own Rust may have a logger, which is fine.
    let _ = LOGGER.install();
    LOGGER.change(|state| state.platform = level.into());
}

pub(crate) static LOGGER: Logger = Logger {
    state: Mutex::new(State {
        platform: LevelFilter::Off,
        ring: None,
    }),
    installed: OnceLock::new(),
};

/// Hands each line to the platform, to the app, or to both.
pub(crate) struct Logger {
    state: Mutex<State>,
    installed: OnceLock<bool>,
}

struct State {
    platform: LevelFilter,
    ring: Option<Arc<Ring>>,
}

impl Logger {
    /// Whether the log comes here; not where the process has another logger.
    pub(crate) fn install(&'static self) -> bool {
        *self.installed.get_or_init(|| log::set_logger(self).is_ok())
    }

    /// From now on the app's lines go to `ring`, and no longer to the one before.
    pub(crate) fn open(&self, ring: Arc<Ring>) {
        let before = self.change(|state| state.ring.replace(ring));
        if let Some(before) = before {
            before.close();
        }
    }

    /// The app takes no lines from `ring` any more.
    pub(crate) fn close(&self, ring: &Arc<Ring>) {
        ring.close();
        self.change(|state| state.ring.take_if(|open| Arc::ptr_eq(open, ring)));
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let app = state.ring.as_ref().map_or(LevelFilter::Off, |it| it.level);
        log::set_max_level(state.platform.max(app));
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let state = self.state();
        let app = state.ring.as_ref().is_some_and(|it| it.takes(metadata));
        app || metadata.level() <= state.platform
    }

    fn log(&self, record: &Record<'_>) {
        let (platform, ring) = {
            let state = self.state();
            (state.platform, state.ring.clone())
        };
        if record.level() <= platform {
            platform::log(record);
        }
        if let Some(ring) = ring.filter(|ring| ring.takes(record.metadata())) {
            ring.push(record);
        }
    }

    fn flush(&self) {}
}

#[cfg(target_os = "android")]
mod platform {
    use std::sync::OnceLock;

    use log::Log as _;

    static LOGCAT: OnceLock<android_logger::AndroidLogger> = OnceLock::new();

    pub(super) fn log(record: &log::Record<'_>) {
        let logcat = LOGCAT.get_or_init(|| {
            let config = android_logger::Config::default().with_tag("pocketune");
            // The caller has looked at the level, which may change.
            android_logger::AndroidLogger::new(config.with_max_level(log::LevelFilter::Trace))
        });
        logcat.log(record);
    }
}

#[cfg(target_os = "ios")]
mod platform {
    use std::sync::OnceLock;

    use log::Log as _;

    static UNIFIED: OnceLock<oslog::OsLogger> = OnceLock::new();

    pub(super) fn log(record: &log::Record<'_>) {
        let unified = UNIFIED.get_or_init(|| oslog::OsLogger::new("dev.pocketune"));
        unified.log(record);
    }
}

#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod platform {
    pub(super) fn log(_record: &log::Record<'_>) {}
}
