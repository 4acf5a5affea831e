//! How much longer.

use serde::{Deserialize, Serialize};

use super::evidence::AlphaPlan;
use super::{Definition, Metric, Role, Tally};
use crate::stats::{EProcess, Side};

/// How many more outcomes of the primary metric a verdict needs, if those to come, of every
/// metric, are as those that came. An estimate, and no promise: early on it is rough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forecast {
    /// Nothing can be said yet: there is no outcome, or none of a guardrail that a promotion
    /// needs.
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
        let outlook = Outlook::of(definition, tally, primary);
        let reaches = |outcomes: u64| outlook.ends(outcomes, outcomes as f64 / seen as f64);
        let limit = definition.limits.max_outcomes.max(seen);
        if !reaches(limit) {
            // What no guardrail's outcome speaks of cannot be scaled.
            let mut guardrails = definition.with_role(Role::Guardrail);
            return match guardrails.any(|it| tally.count(it.measure) == 0) {
                true => Self::Unknown,
                false => Self::BeyondLimit,
            };
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

/// The evidence for each way to a verdict, read once: that of more outcomes alike is the
/// same with larger counts.
struct Outlook {
    min_outcomes: u64,
    /// All of these promote.
    better: Vec<Claim>,
    /// Any of these rolls back.
    worse: Vec<Claim>,
}

/// Evidence, and what it has to reach.
struct Claim(EProcess, f64);

impl Outlook {
    fn of(definition: &Definition, tally: &Tally, primary: &Metric) -> Self {
        let plan = AlphaPlan::of(definition);
        let claim = |metric: &Metric, side, alpha: f64| {
            let observations = tally.observations(metric.measure);
            let (design, null) = (definition.statistics(), definition.null_of(metric));
            Claim(EProcess::of(design, null, side, &observations), -alpha.ln())
        };
        let metrics = || std::iter::once(primary).chain(definition.with_role(Role::Guardrail));
        let worse = |metric: &Metric| {
            let [_, worse] = plan.levels(metric.role, definition.alpha);
            claim(metric, Side::Below, worse)
        };
        Self {
            min_outcomes: definition.limits.min_outcomes,
            better: metrics()
                .map(|it| claim(it, Side::Above, plan.promote))
                .collect(),
            worse: metrics().map(worse).collect(),
        }
    }

    /// Whether so many outcomes, so many times those seen, bring a verdict.
    fn ends(&self, outcomes: u64, times: f64) -> bool {
        let holds = |Claim(evidence, log): &Claim| evidence.scaled(times).reaches(*log);
        outcomes >= self.min_outcomes && self.better.iter().all(holds)
            || self.worse.iter().any(holds)
    }
}
