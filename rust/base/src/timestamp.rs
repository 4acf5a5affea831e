//! Moments, as documents write them and as clocks tell them.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment in whole seconds since 1970 (UTC), from the year 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59Z.
const LAST: i64 = crate::SECONDS_LAST;

impl Timestamp {
    /// From seconds since 1970, brought into the range. What is too late for that but can be
    /// a moment in milliseconds is taken for one: a clock that was read in the wrong unit
    /// must not make everything expire.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let milliseconds = LAST.saturating_add(1)..=LAST.saturating_mul(1_000);
        match milliseconds.contains(&seconds) {
            true => Self(seconds.div_euclid(1_000)),
            false => Self(seconds.clamp(0, LAST)),
        }
    }

    /// So many seconds later, at most the last moment there is.
    #[must_use]
    pub fn after(self, seconds: u64) -> Self {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(seconds).min(LAST))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    /// From RFC 3339 in UTC with whole seconds, such as `2026-11-25T07:00:00Z`. Other
    /// offsets and fractions are refused: a moment has one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let this = Self::from_unix(moment.unix_timestamp());
        (this.to_string() == text && moment.offset() == UtcOffset::UTC).then_some(this)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        f.write_str(&text.unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Written)
    }
}

/// A moment as documents write it; a number is none, in whatever unit.
struct Written;

impl Visitor<'_> for Written {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment in UTC such as 2026-11-25T07:00:00Z")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        Timestamp::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_moment_has_one_spelling() {
        let text = "2026-11-25T07:00:00Z";
        let moment = Timestamp::parse(text).unwrap();
        assert_eq!(moment.unix_seconds(), 1_795_590_000);
        assert_eq!(moment.to_string(), text);
        for other in [
            "2026-11-25T07:00:00+00:00",
            "2026-11-25T08:00:00+01:00",
            "2026-11-25T07:00:00.0Z",
            "2026-11-25t07:00:00z",
            "2026-11-25 07:00:00Z",
            "2026-02-30T07:00:00Z",
            "1969-12-31T23:59:59Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(other), None, "{other}");
        }
    }

    #[test]
    fn clocks_that_are_wrong_stay_in_range() {
        assert_eq!(Timestamp::from_unix(-1).to_string(), "1970-01-01T00:00:00Z");
        let last = Timestamp::from_unix(i64::MAX).to_string();
        assert_eq!(last, "9999-12-31T23:59:59Z");
        let moment = Timestamp::from_unix(1_795_590_000);
        assert_eq!(moment.after(u64::MAX).to_string(), last);
        assert_eq!(moment.after(60).to_string(), "2026-11-25T07:01:00Z");
    }

    #[test]
    fn milliseconds_are_recognised() {
        let moment = Timestamp::from_unix(1_795_590_000_000);
        assert_eq!(moment.to_string(), "2026-11-25T07:00:00Z");
        // What is stored comes back as it was, the last moment too.
        for seconds in [0, 1_795_590_000, super::LAST] {
            assert_eq!(Timestamp::from_unix(seconds).unix_seconds(), seconds);
        }
    }
}
