//! Tests and intervals for one look at a sample whose size was fixed before.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::function::factorial::ln_binomial;

use super::Interval;
use crate::random::below;

/// Quantile of the standard normal distribution.
pub(crate) fn z(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// Interval for a share (Wilson, JASA 1927): `hits` of `trials`, at level 1 − `alpha`.
/// [0, 1] for no trials.
#[must_use]
pub fn wilson(hits: u64, trials: u64, alpha: f64) -> Interval {
    if trials == 0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let n = trials as f64;
    let share = hits as f64 / n;
    let square = z(1.0 - alpha / 2.0).powi(2);
    let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    let reach = (square * (share * (1.0 - share) / n + square / (4.0 * n * n))).sqrt();
    let reach = reach / (1.0 + square / n);
    Interval {
        low: (middle - reach).max(0.0),
        high: (middle + reach).min(1.0),
    }
}

/// Interval for the mean of `values` at level 1 − `alpha`: percentiles of the means of
/// `resamples` samples drawn from them with replacement (Efron, Annals of Statistics
/// 1979). `None` for no values.
#[must_use]
pub fn bootstrap_mean(values: &[f64], alpha: f64, resamples: usize, seed: u64) -> Option<Interval> {
    if values.is_empty() || resamples == 0 {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let count = values.len();
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let drawn = (0..count).filter_map(|_| values.get(below(&mut random, count)));
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * (resamples - 1) as f64).round() as usize;
        means.get(place).copied()
    };
    Some(Interval {
        low: at(alpha / 2.0)?,
        high: at(1.0 - alpha / 2.0)?,
    })
}

/// Whether two arms are right on different items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Items that only the incumbent got right.
    pub only_incumbent: u64,
    /// Items that only the challenger got right.
    pub only_challenger: u64,
    /// Chance of a split at least as uneven if the arms were alike (exact, two-sided).
    pub p: f64,
}

/// McNemar's test (Psychometrika 1947) in its exact, binomial form.
#[must_use]
pub fn mcnemar(only_incumbent: u64, only_challenger: u64) -> McNemar {
    let n = only_incumbent + only_challenger;
    let fewer = only_incumbent.min(only_challenger);
    let log_half = -(n as f64) * std::f64::consts::LN_2;
    let tail: f64 = (0..=fewer)
        .map(|k| (ln_binomial(n, k) + log_half).exp())
        .sum();
    McNemar {
        only_incumbent,
        only_challenger,
        p: (2.0 * tail).min(1.0),
    }
}

/// Picks that a one-look, two-sided binomial test at level `alpha` needs to find, with
/// probability `power`, that the challenger is picked with probability `share` rather than
/// one half (normal approximation).
#[must_use]
pub fn picks_needed(share: f64, alpha: f64, power: f64) -> f64 {
    let spread = 0.5 * z(1.0 - alpha / 2.0) + (share * (1.0 - share)).sqrt() * z(power);
    (spread / (share - 0.5)).powi(2)
}

/// Outcomes, of both arms together, that a one-look, two-sided test of two rates at level
/// `alpha` needs to tell them apart with probability `power`, half of them in each arm
/// (normal approximation).
#[must_use]
pub fn rate_outcomes_needed(incumbent: f64, challenger: f64, alpha: f64, power: f64) -> f64 {
    let variance = |rate: f64| rate * (1.0 - rate);
    let pooled = variance(f64::midpoint(incumbent, challenger));
    let spread = z(1.0 - alpha / 2.0) * (2.0 * pooled).sqrt()
        + z(power) * (variance(incumbent) + variance(challenger)).sqrt();
    2.0 * (spread / (challenger - incumbent)).powi(2)
}
