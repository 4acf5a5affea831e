//! The clock: nothing below this crate reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use pocketune_adapter::Timestamp;

/// What the device's clock says; 1970 where it says less.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// What the device's clock says in the user's time zone; UTC where the system names none.
pub(crate) fn local_time() -> jiff::ZonedDateTime {
    jiff::ZonedDateTime::now()
}
