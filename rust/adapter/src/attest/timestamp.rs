//! Moments, as documents write them and as clocks tell them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment in whole seconds since 1970 (UTC), from the year 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

impl Timestamp {
    /// From seconds since 1970, brought into the range.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(0, LAST))
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
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no moment in UTC"))
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
    }
}
