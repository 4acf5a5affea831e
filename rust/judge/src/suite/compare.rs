//! Two arms on the same items.

use serde::{Deserialize, Serialize};

use super::SuiteError;
use crate::stats::{Interval, McNemar, PairedCounts, bootstrap_mean, mcnemar};

const ALPHA: f64 = 0.05;
const RESAMPLES: usize = 10_000;
const SEED: u64 = 1;

/// What one arm made of one item, as far as two arms are compared by it.
pub trait Answered {
    /// The item.
    fn id(&self) -> &str;
    /// Whether the arm got it right.
    fn right(&self) -> bool;
}

/// What two arms' results on one suite say beside each other. One look: for a question that
/// is asked once, of results that are all in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Share that the challenger gets right less that of the incumbent.
    pub difference: f64,
    /// Its interval at 95 %: bootstrap over items. A picture, and no proof: where few items
    /// flip it is too narrow, and a point where none does.
    pub interval: Interval,
    /// The difference is at least this, but in one case of 40: [`PairedCounts`].
    pub difference_at_least: f64,
    /// Whether right and wrong moved more than chance moves them.
    pub mcnemar: McNemar,
    /// How much worse the challenger may be.
    pub margin: f64,
    /// Whether the difference is at least above minus that margin, which few items cannot
    /// show: with a margin of 5 points it takes 92 that do not flip at all.
    pub not_worse: bool,
}

/// Compares item by item; a margin is a share of the items.
///
/// # Errors
/// [`SuiteError::Unpaired`], [`SuiteError::Empty`].
pub fn compare<T: Answered>(
    incumbent: &[T],
    challenger: &[T],
    margin: f64,
) -> Result<Comparison, SuiteError> {
    let pairs = pairs(incumbent, challenger)?;
    let right = |one: &T| f64::from(u8::from(one.right()));
    let differences: Vec<f64> = pairs
        .map(|(one, other)| right(other) - right(one))
        .collect();
    let interval = bootstrap_mean(&differences, ALPHA, RESAMPLES, SEED).ok_or(SuiteError::Empty)?;
    let all = differences.len() as u64;
    let only = |sign: f64| differences.iter().filter(|it| **it == sign).count() as u64;
    let (only_incumbent, only_challenger) = (only(-1.0), only(1.0));
    let counts = PairedCounts {
        all,
        only_incumbent,
        only_challenger,
    };
    let difference_at_least = counts.difference_at_least(ALPHA);
    Ok(Comparison {
        difference: differences.iter().sum::<f64>() / differences.len() as f64,
        interval,
        difference_at_least,
        mcnemar: mcnemar(only_incumbent, only_challenger),
        margin,
        not_worse: difference_at_least > -margin,
    })
}

/// The two arms beside each other, once it is sure that they are of the same items.
pub(super) fn pairs<'a, T: Answered>(
    incumbent: &'a [T],
    challenger: &'a [T],
) -> Result<impl Iterator<Item = (&'a T, &'a T)>, SuiteError> {
    let pairs = incumbent.iter().zip(challenger);
    let other = pairs.clone().find(|(one, other)| one.id() != other.id());
    let rest = incumbent.iter().skip(challenger.len());
    let mut rest = rest.chain(challenger.iter().skip(incumbent.len()));
    match other.map(|(one, _)| one).or_else(|| rest.next()) {
        Some(item) => Err(SuiteError::Unpaired {
            id: item.id().to_owned(),
        }),
        None => Ok(pairs),
    }
}
