//! Numbers as people read them.

use pocketune_judge::experiment::signed_points;
use pocketune_judge::stats::Interval;
use serde::Serialize;

/// Hundredths of a range with their sign, without decimals that say nothing, for scales.
pub(super) fn points_in_short(share: f64) -> String {
    let text = signed_points(share);
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Hundredths of a range that has no sign.
pub(super) fn hundredths(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

pub(super) fn points_between(Interval { low, high }: Interval) -> String {
    format!("{} to {}", signed_points(low), signed_points(high))
}

/// Such as `74.2 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

pub(super) fn percent_between(Interval { low, high }: Interval) -> String {
    format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
}

/// A number with its sign, such as `−0.12`.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    match text.as_str() {
        "0.00" => text,
        _ if value < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// An e-value: a number, or a power of ten where it is large.
#[derive(Debug, Serialize)]
pub(super) struct EValue {
    number: Option<String>,
    exponent: Option<String>,
}

impl EValue {
    pub(super) fn of(log_e: f64) -> Self {
        let powers = log_e / std::f64::consts::LN_10;
        let (number, exponent) = if powers >= 4.0 {
            (None, Some(format!("{powers:.1}")))
        } else {
            let value = log_e.exp();
            let number = match value {
                ..0.01 => "below 0.01".to_owned(),
                ..10.0 => format!("{value:.2}"),
                ..100.0 => format!("{value:.1}"),
                _ => format!("{value:.0}"),
            };
            (Some(number), None)
        };
        Self { number, exponent }
    }

    /// The e-value that a claim at this level needs.
    pub(super) fn needed(alpha: f64) -> Self {
        Self::of(-alpha.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::{EValue, signed, signed_points};

    #[test]
    fn signs_are_set_and_nothing_has_none() {
        assert_eq!(signed_points(0.1249), "+12.5");
        assert_eq!(signed_points(-0.031), "−3.1");
        assert_eq!(signed_points(-0.0001), "0.0");
        assert_eq!(signed(-0.5), "−0.50");
    }

    #[test]
    fn large_e_values_are_powers_of_ten() {
        assert_eq!(EValue::of(20_f64.ln()).number.as_deref(), Some("20.0"));
        assert_eq!(EValue::of(400.0).exponent.as_deref(), Some("173.7"));
        assert_eq!(EValue::of(-400.0).number.as_deref(), Some("below 0.01"));
    }
}
