//! The library's log goes where the platform's log goes.

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

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// Sends the log to Android's logcat (tag `pocketune`) or Apple's unified log
/// (subsystem `dev.pocketune`); does nothing elsewhere. The first call counts,
/// later ones change the level.
#[uniffi::export]
pub fn start_logging(level: LogLevel) {
    platform::start(level.into());
    log::set_max_level(level.into());
}

#[cfg(target_os = "android")]
mod platform {
    pub(super) fn start(level: log::LevelFilter) {
        let config = android_logger::Config::default()
            .with_tag("pocketune")
            .with_max_level(level);
        android_logger::init_once(config);
    }
}

#[cfg(target_os = "ios")]
mod platform {
    pub(super) fn start(level: log::LevelFilter) {
        // An error means that the app has its own logger, which is fine.
        let _ = oslog::OsLogger::new("dev.pocketune")
            .level_filter(level)
            .init();
    }
}

#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod platform {
    pub(super) fn start(_level: log::LevelFilter) {}
}
