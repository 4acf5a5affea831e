//! Moments on the command line.

use pocketune_adapter::Timestamp;
use pocketune_base::{NotSeconds, check_seconds};

/// So many days later.
pub fn days_after(moment: Timestamp, days: u32) -> Timestamp {
    moment.after(u64::from(days) * 86_400)
}

/// A moment on the command line.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| match text.parse() {
        Ok(number) => as_number(number),
        Err(_) => "a moment in UTC such as 2026-11-25T07:00:00Z".to_owned(),
    })
}

/// How a moment is written that somebody gave as a number.
fn as_number(number: i64) -> String {
    let (unit, seconds) = match check_seconds(number) {
        Ok(()) => ("seconds", number),
        Err(NotSeconds { unit, .. }) => {
            let each = match unit {
                "milliseconds" => 1_000,
                "microseconds" => 1_000_000,
                _ => 1_000_000_000,
            };
            (unit, number / each)
        }
    };
    let moment = Timestamp::from_unix(seconds);
    format!("this looks like {unit} since 1970: write {moment}")
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_are_told_how_they_are_written() {
        for (text, says) in [
            (
                "1795590000",
                "seconds since 1970: write 2026-11-25T07:00:00Z",
            ),
            (
                "1795590000000",
                "milliseconds since 1970: write 2026-11-25T07:00:00Z",
            ),
            (
                "1795590000000000",
                "microseconds since 1970: write 2026-11-25T07:00:00Z",
            ),
            ("2026-11-25", "a moment in UTC such as"),
            ("tomorrow", "a moment in UTC such as"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
        assert!(parse("2026-11-25T07:00:00Z").is_ok());
    }
}
