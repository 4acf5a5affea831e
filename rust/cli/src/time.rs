//! Moments on the command line.

use pocketune_adapter::Timestamp;

/// So many days later.
pub(crate) fn days_after(moment: Timestamp, days: u32) -> Timestamp {
    Timestamp::from_unix(moment.unix_seconds() + i64::from(days) * 86_400)
}

/// A moment on the command line.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "a moment such as 2026-11-25T07:00:00Z".to_owned())
}
