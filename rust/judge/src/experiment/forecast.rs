//! How much longer.

use serde::{Deserialize, Serialize};

use super::evidence::AlphaPlan;
use super::{Definition, Measure, Metric, Role, Tally};
use crate::stats::{Design, EProcess, Observation, Side};

/// More people are not looked for.
const PEOPLE_MAX: u64 = 100_000;

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
        let primary = definition.primary();
        let seen = primary.map_or(0, |primary| tally.count(primary.measure));
        if seen == 0 {
            return Self::Unknown;
        }
        let outlook = Outlook::of(definition, definition.statistics(), |measure| {
            tally.observations(measure)
        });
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
        Self::MoreOutcomes(least(seen, limit, reaches) - seen)
    }
}

/// About how many more people lead to a verdict where so many count already.
pub(super) fn more_people(
    definition: &Definition,
    counted: u64,
    observations: impl Fn(Measure) -> Vec<(Observation, f64)>,
) -> Option<u64> {
    let outlook = Outlook::of(definition, Design::Paired, observations);
    let reaches = |people: u64| {
        let outcomes = people.saturating_mul(definition.outcomes_a_person());
        outlook.ends(outcomes, people as f64 / counted as f64)
    };
    let most = PEOPLE_MAX.max(counted);
    let found = counted > 0 && reaches(most);
    found.then(|| least(counted, most, reaches) - counted)
}

/// The least number from which on it holds, which it does at `enough`.
fn least(mut few: u64, mut enough: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while few < enough {
        let middle = u64::midpoint(few, enough);
        if holds(middle) {
            enough = middle;
        } else {
            few = middle + 1;
        }
    }
    enough
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
    fn of(
        definition: &Definition,
        design: Design,
        observations: impl Fn(Measure) -> Vec<(Observation, f64)>,
    ) -> Self {
        let plan = AlphaPlan::of(definition);
        let claim = |metric: &Metric, side, alpha: f64| {
            let seen = observations(metric.measure);
            let null = definition.null_of(metric);
            Claim(EProcess::of(design, null, side, &seen), -alpha.ln())
        };
        let primary = definition.primary();
        let metrics = || {
            let guardrails = definition.with_role(Role::Guardrail);
            primary.into_iter().chain(guardrails)
        };
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
