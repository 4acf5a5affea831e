//! Moments as numbers: seconds since 1970, and what is plainly none.

/// The latest moment that is taken for seconds, in the year 5138. As milliseconds the next
/// number is March 1973, before any of what is told here.
pub const SECONDS_MAX: i64 = 99_999_999_999;

/// The last second of the year 9999: until then a moment can be asked about.
pub const SECONDS_LAST: i64 = 253_402_300_799;

/// A number that is no plausible moment in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} looks like {unit} since 1970: seconds are expected")]
pub struct NotSeconds {
    /// The number.
    pub found: i64,
    /// What it would be a plausible number of.
    pub unit: &'static str,
}

/// Whether a moment may be in seconds since 1970. Moments before 1970 are for the caller.
///
/// # Errors
/// [`NotSeconds`] for milliseconds, microseconds and nanoseconds.
pub fn check_seconds(found: i64) -> Result<(), NotSeconds> {
    if found <= SECONDS_MAX {
        return Ok(());
    }
    let thousands = (found.unsigned_abs().ilog10() - SECONDS_MAX.ilog10() - 1) / 3;
    let unit = match thousands {
        0 => "milliseconds",
        1 => "microseconds",
        _ => "nanoseconds",
    };
    Err(NotSeconds { found, unit })
}

#[cfg(test)]
mod tests {
    use super::check_seconds;

    #[test]
    fn clocks_in_other_units_are_told() {
        for (found, unit) in [
            (1_795_676_400_000, "milliseconds"),
            (100_000_000_000, "milliseconds"),
            (99_999_999_999_999, "milliseconds"),
            (100_000_000_000_000, "microseconds"),
            (100_000_000_000_000_000, "nanoseconds"),
            (1_795_676_400_000_000, "microseconds"),
            (1_795_676_400_000_000_000, "nanoseconds"),
            (i64::MAX, "nanoseconds"),
        ] {
            assert_eq!(check_seconds(found).unwrap_err().unit, unit, "{found}");
        }
        for seconds in [0, 1_795_676_400, 99_999_999_999, -1] {
            assert_eq!(check_seconds(seconds), Ok(()));
        }
    }
}
