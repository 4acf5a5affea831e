//! How much longer.

use serde::{Deserialize, Serialize};

use super::evidence::{AlphaPlan, proves};
use super::{Definition, Tally};
use crate::stats::{EProcess, Side};

/// How many more outcomes of the primary metric a verdict needs, if those to come are as
/// those that came. An estimate, and no promise: early on it is rough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forecast {
    /// Nothing can be said yet.
    Unknown,
    /// About so many.
    MoreOutcomes(u64),
    /// More than the limit leaves.
    BeyondLimit,
}

impl Forecast {
    pub(crate) fn of(definition: &Definition, tally: &Tally) -> Self {
        let Some(primary) = definition.primary() else {
            return Self::Unknown;
        };
        let observations = tally.observations(primary.measure);
        let seen = tally.count(primary.measure);
        if seen == 0 {
            return Self::Unknown;
        }
        let (design, null) = (definition.statistics(), definition.null_of(primary));
        let plan = AlphaPlan::of(definition);
        let sides = [
            (Side::Above, plan.promote),
            (Side::Below, plan.primary_worse),
        ];
        let reaches = |outcomes: u64| {
            let times = outcomes as f64 / seen as f64;
            let scaled = observations.iter().map(|&(it, count)| (it, count * times));
            let scaled: Vec<_> = scaled.collect();
            sides.iter().any(|&(side, alpha)| {
                proves(EProcess::of(design, null, side, &scaled).log_e(), alpha)
            })
        };
        let limit = definition.limits.max_outcomes.max(seen);
        if !reaches(limit) {
            return Self::BeyondLimit;
        }
        let (mut few, mut enough) = (seen, limit);
        while few < enough {
            let middle = u64::midpoint(few, enough);
            if reaches(middle) {
                enough = middle;
            } else {
                few = middle + 1;
            }
        }
        Self::MoreOutcomes(enough - seen)
    }
}
