//! What one arm made of a suite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answered, Item, Suite, SuiteError};
use crate::stats::{Interval, wilson};

/// Level of the intervals of shares.
const ALPHA: f64 = 0.05;

/// What one arm made of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemResult {
    /// The item.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Whether the right reply was the likeliest by token.
    pub right: bool,
    /// Log-probability a token of the right reply less that of the likeliest other, in
    /// nats.
    pub margin: f64,
}

/// What one arm made of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteResult {
    /// What the suite is called.
    pub suite: String,
    /// SHA-256 of its file.
    pub suite_sha256: String,
    /// Share that answering at random would get right.
    pub chance: f64,
    /// Share of right items.
    pub accuracy: f64,
    /// Its interval at 95 % (Wilson).
    pub interval: Interval,
    /// Mean margin, in nats a token.
    pub mean_margin: f64,
    /// The same by kind.
    pub kinds: BTreeMap<String, KindResult>,
    /// By item, in the suite's order.
    pub items: Vec<ItemResult>,
}

/// Of the items of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindResult {
    /// Right ones.
    pub right: u64,
    /// All.
    pub of: u64,
}

/// How many of an arm's items are right, in all and by kind.
pub(super) struct Shares {
    pub(super) of: u64,
    pub(super) share: f64,
    pub(super) interval: Interval,
    pub(super) kinds: BTreeMap<String, KindResult>,
}

impl Shares {
    /// Of items with their kinds.
    pub(super) fn count<'a>(items: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut kinds = BTreeMap::<String, KindResult>::new();
        for (kind, right) in items {
            let kind = kinds.entry(kind.to_owned()).or_default();
            kind.of += 1;
            kind.right += u64::from(right);
        }
        let of = kinds.values().map(|kind| kind.of).sum::<u64>();
        let right = kinds.values().map(|kind| kind.right).sum::<u64>();
        Self {
            of,
            share: right as f64 / of.max(1) as f64,
            interval: wilson(right, of, ALPHA),
            kinds,
        }
    }
}

impl Answered for ItemResult {
    fn id(&self) -> &str {
        &self.id
    }

    fn right(&self) -> bool {
        self.right
    }
}

impl ItemResult {
    /// From the log-probabilities a token of the item's replies, in its order.
    ///
    /// # Errors
    /// [`SuiteError::NotFinite`], also where one is missing.
    pub fn of(item: &Item, by_token: &[f64]) -> Result<Self, SuiteError> {
        let refused = || SuiteError::NotFinite {
            id: item.id.clone(),
        };
        let finite = by_token.iter().all(|value| value.is_finite());
        if !finite || by_token.len() != item.replies().len() {
            return Err(refused());
        }
        let right = *by_token.get(item.answer()).ok_or_else(refused)?;
        let others = by_token.iter().enumerate();
        let best = others
            .filter(|(place, _)| *place != item.answer())
            .map(|(_, &value)| value)
            .fold(f64::NEG_INFINITY, f64::max);
        Ok(Self {
            id: item.id.clone(),
            kind: item.kind.clone(),
            right: right > best,
            margin: right - best,
        })
    }
}

impl SuiteResult {
    /// From the results of all items.
    #[must_use]
    pub fn of(suite: &Suite, items: Vec<ItemResult>) -> Self {
        let shares = Shares::count(items.iter().map(|it| (it.kind.as_str(), it.right)));
        let margins: f64 = items.iter().map(|item| item.margin).sum();
        Self {
            suite: suite.name.clone(),
            suite_sha256: suite.sha256.clone(),
            chance: suite.chance(),
            accuracy: shares.share,
            interval: shares.interval,
            mean_margin: margins / shares.of.max(1) as f64,
            kinds: shares.kinds,
            items,
        }
    }
}
