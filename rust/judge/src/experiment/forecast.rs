//! How much longer.

use serde::{Deserialize, Serialize};

use super::evidence::{AlphaPlan, proves};
use super::{Definition, Metric, Role, Tally};
use crate::stats::{EProcess, Side};

/// How many more outcomes of the primary metric a verdict needs, if those to come, of every
/// metric, are as those that came. An estimate, and no promise: early on it is rough.
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
        let seen = tally.count(primary.measure);
        if seen == 0 {
            return Self::Unknown;
        }
        let plan = AlphaPlan::of(definition);
        let guardrails = || definition.with_role(Role::Guardrail);
        let reaches = |outcomes: u64| {
            let times = outcomes as f64 / seen as f64;
            let shown = |metric: &Metric, side, alpha| {
                let observations = tally.observations(metric.measure).into_iter();
                let scaled = observations.map(|(it, count)| (it, count * times));
                let (design, null) = (definition.statistics(), definition.null_of(metric));
                let evidence = EProcess::of(design, null, side, &scaled.collect::<Vec<_>>());
                proves(evidence.log_e(), alpha)
            };
            let better = |metric| shown(metric, Side::Above, plan.promote);
            better(primary) && guardrails().all(better)
                || shown(primary, Side::Below, plan.primary_worse)
                || guardrails().any(|it| shown(it, Side::Below, plan.guardrail_harmed))
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
