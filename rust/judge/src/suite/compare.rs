//! Two arms on the same items.

use serde::{Deserialize, Serialize};

use super::{SuiteError, SuiteResult};
use crate::stats::{Interval, McNemar, bootstrap_mean, mcnemar};

const ALPHA: f64 = 0.05;
const RESAMPLES: usize = 10_000;
const SEED: u64 = 1;

/// What two arms' results on one suite say beside each other. One look: for a question that
/// is asked once, of results that are all in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Accuracy of the challenger less that of the incumbent.
    pub difference: f64,
    /// Its interval at 95 %: bootstrap over items.
    pub interval: Interval,
    /// Whether right and wrong moved more than chance moves them.
    pub mcnemar: McNemar,
    /// How much worse the challenger may be.
    pub margin: f64,
    /// Whether the interval lies above minus that margin.
    pub not_worse: bool,
}

/// Compares item by item.
///
/// # Errors
/// [`SuiteError::Unpaired`], [`SuiteError::Empty`].
pub fn compare(
    incumbent: &SuiteResult,
    challenger: &SuiteResult,
    margin: f64,
) -> Result<Comparison, SuiteError> {
    let pairs = incumbent.items.iter().zip(&challenger.items);
    if let Some((item, _)) = pairs.clone().find(|(one, other)| one.id != other.id) {
        return Err(SuiteError::Unpaired {
            id: item.id.clone(),
        });
    }
    let (fewer, more) = (incumbent.items.len(), challenger.items.len());
    let rest = incumbent.items.iter().skip(more);
    if let Some(item) = rest.chain(challenger.items.iter().skip(fewer)).next() {
        return Err(SuiteError::Unpaired {
            id: item.id.clone(),
        });
    }
    let differences: Vec<f64> = pairs
        .clone()
        .map(|(one, other)| f64::from(u8::from(other.right)) - f64::from(u8::from(one.right)))
        .collect();
    let interval = bootstrap_mean(&differences, ALPHA, RESAMPLES, SEED).ok_or(SuiteError::Empty)?;
    let only = |sign: f64| differences.iter().filter(|it| **it == sign).count() as u64;
    Ok(Comparison {
        difference: differences.iter().sum::<f64>() / differences.len() as f64,
        interval,
        mcnemar: mcnemar(only(-1.0), only(1.0)),
        margin,
        not_worse: interval.low > -margin,
    })
}
