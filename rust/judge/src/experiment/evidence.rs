//! The one rule that makes a verdict of evidence, and the evidence that it looks at.

use serde::{Deserialize, Serialize};

use super::{Arm, Definition, Measure, Metric, PersonMean, Reason, Role, Verdict};
use crate::stats::{Design, EProcess, Observation, SharesOfPeople, Side, log_multinomial_e};

/// How close to the weights wrong sample ratios are looked for: with 100, deviations of
/// about 5 points.
const RATIO_CONCENTRATION: f64 = 100.0;

/// The chance of a wrong claim that each claim may take. Together they are at most the
/// definition's alpha, since a wrong claim of the whole procedure is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct AlphaPlan {
    /// That arms were not assigned by their weights: a tenth.
    pub sample_ratio: f64,
    /// That the challenger is better: 45 %. A promotion needs every guardrail too, at this
    /// level each: all must pass, so that none has to share.
    pub promote: f64,
    /// That it is worse: the other 45 %, or half of that beside guardrails.
    pub primary_worse: f64,
    /// That one guardrail is worse by its margin: what is left, in equal parts.
    pub guardrail_harmed: f64,
}

impl AlphaPlan {
    /// Of this experiment.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let alpha = definition.alpha;
        let guardrails = definition.with_role(Role::Guardrail).count();
        let roll_back = 0.45 * alpha;
        let primary_worse = match guardrails {
            0 => roll_back,
            _ => roll_back / 2.0,
        };
        Self {
            sample_ratio: 0.1 * alpha,
            promote: 0.45 * alpha,
            primary_worse,
            guardrail_harmed: (roll_back - primary_worse) / guardrails.max(1) as f64,
        }
    }

    /// At what levels a metric of this role is said to be better and worse. Secondary ones
    /// decide nothing: half of `alpha` each.
    pub(super) fn levels(&self, role: Role, alpha: f64) -> [f64; 2] {
        match role {
            Role::Primary => [self.promote, self.primary_worse],
            Role::Guardrail => [self.promote, self.guardrail_harmed],
            Role::Secondary => [alpha / 2.0; 2],
        }
    }
}

/// Evidence of a running experiment: takes what happens, gives the verdict so far.
#[derive(Debug, Clone)]
pub struct Monitor {
    plan: AlphaPlan,
    assignment: Assignment,
    min_outcomes: u64,
    /// Of one device. What several count has no such limit.
    max_outcomes: Option<u64>,
    outcomes: f64,
    /// How many each person brings, however many a summary holds.
    outcomes_a_person: f64,
    primary: Compared,
    guardrails: Vec<Compared>,
}

/// Evidence on how arms were assigned.
#[derive(Debug, Clone)]
enum Assignment {
    OneDevice {
        shares: [f64; 2],
        exposures: [u64; 2],
    },
    People(Box<SharesOfPeople>),
}

/// Evidence by one measure, against one null value, to both sides.
#[derive(Debug, Clone)]
struct Compared {
    measure: Measure,
    above: EProcess,
    below: EProcess,
}

impl Compared {
    fn new(definition: &Definition, design: Design, metric: &Metric) -> Self {
        let null = definition.null_of(metric);
        let evidence = |side| EProcess::new(design, null, side);
        Self {
            measure: metric.measure,
            above: evidence(Side::Above),
            below: evidence(Side::Below),
        }
    }

    fn better(&self, alpha: f64) -> bool {
        self.above.reaches(-alpha.ln())
    }

    fn worse(&self, alpha: f64) -> bool {
        self.below.reaches(-alpha.ln())
    }

    fn add(&mut self, observation: Observation, count: f64) {
        self.above.add(observation, count);
        self.below.add(observation, count);
    }
}

/// Whether evidence, the natural logarithm of an e-value, reaches the level of a claim.
#[must_use]
pub fn proves(log_e: f64, alpha: f64) -> bool {
    log_e >= -alpha.ln()
}

impl Monitor {
    /// Of one device, before anything has happened. `None` for a definition without a
    /// primary metric.
    #[must_use]
    pub fn new(definition: &Definition) -> Option<Self> {
        let assignment = Assignment::OneDevice {
            shares: definition.shares(),
            exposures: [0, 0],
        };
        let max_outcomes = Some(definition.limits.max_outcomes);
        Self::with(
            definition,
            definition.statistics(),
            assignment,
            max_outcomes,
        )
    }

    /// About people at large, before anybody counts: each is one difference, whoever has
    /// however many outcomes.
    pub(super) fn of_people(definition: &Definition) -> Option<Self> {
        let assignment = Assignment::People(Box::new(SharesOfPeople::new(definition.shares())));
        Self::with(definition, Design::Paired, assignment, None)
    }

    fn with(
        definition: &Definition,
        design: Design,
        assignment: Assignment,
        max_outcomes: Option<u64>,
    ) -> Option<Self> {
        let primary = definition.primary()?;
        let guardrails = definition.with_role(Role::Guardrail);
        Some(Self {
            plan: AlphaPlan::of(definition),
            assignment,
            min_outcomes: definition.limits.min_outcomes,
            max_outcomes,
            outcomes: 0.0,
            outcomes_a_person: definition.outcomes_a_person() as f64,
            primary: Compared::new(definition, design, primary),
            guardrails: guardrails
                .map(|guardrail| Compared::new(definition, design, guardrail))
                .collect(),
        })
    }

    /// So many exposures to this arm, of one device.
    pub fn expose(&mut self, arm: Arm, count: u64) {
        if let Assignment::OneDevice { exposures, .. } = &mut self.assignment {
            *arm.of(exposures.each_mut()) += count;
        }
    }

    /// A person's exposures are so many now, and were so many before.
    pub(super) fn expose_person(&mut self, before: [u64; 2], now: [u64; 2]) {
        if let Assignment::People(shares) = &mut self.assignment {
            shares.replace(before, now);
        }
    }

    /// What counts for one person by this measure; once.
    pub(super) fn count_person(&mut self, measure: Measure, person: &PersonMean) {
        let difference = Observation::Difference(person.difference());
        if self.primary.measure == measure {
            self.outcomes += self.outcomes_a_person;
        }
        self.weigh(measure, difference, 1.0);
    }

    /// An outcome by this measure that came `count` times.
    pub fn observe(&mut self, measure: Measure, observation: Observation, count: f64) {
        if self.primary.measure == measure {
            self.outcomes += count;
        }
        self.weigh(measure, observation, count);
    }

    fn weigh(&mut self, measure: Measure, observation: Observation, count: f64) {
        if self.primary.measure == measure {
            self.primary.add(observation, count);
        }
        let guardrails = self.guardrails.iter_mut();
        for guardrail in guardrails.filter(|guardrail| guardrail.measure == measure) {
            guardrail.add(observation, count);
        }
    }

    /// The verdict on what has happened, and why; limits on days and an end by hand are
    /// the caller's.
    #[must_use]
    pub fn verdict(&self) -> (Verdict, Reason) {
        let plan = &self.plan;
        if proves(self.log_e_sample_ratio(), plan.sample_ratio) {
            return (Verdict::Inconclusive, Reason::SampleRatio);
        }
        let mut guardrails = self.guardrails.iter();
        let harmed = guardrails.find(|it| it.worse(plan.guardrail_harmed));
        if let Some(Compared { measure, .. }) = harmed {
            return (Verdict::RollBack, Reason::GuardrailHarmed(*measure));
        }
        if self.primary.worse(plan.primary_worse) {
            return (Verdict::RollBack, Reason::PrimaryWorse);
        }
        let most = self.max_outcomes;
        let limit = most.is_some_and(|most| self.outcomes >= most as f64);
        let open = |reason| match limit {
            true => (Verdict::Inconclusive, Reason::OutcomeLimit),
            false => (Verdict::KeepGoing, reason),
        };
        if !self.primary.better(plan.promote) {
            return open(Reason::NotYet);
        }
        let mut guardrails = self.guardrails.iter();
        let unproven = guardrails.find(|it| !it.better(plan.promote));
        match unproven {
            Some(Compared { measure, .. }) => open(Reason::GuardrailOpen(*measure)),
            None if self.outcomes < self.min_outcomes as f64 => open(Reason::TooFewOutcomes),
            None => (Verdict::Promote, Reason::PrimaryBetter),
        }
    }

    /// Logarithm of the e-value against exposures that follow the weights.
    pub(crate) fn log_e_sample_ratio(&self) -> f64 {
        match &self.assignment {
            Assignment::OneDevice { shares, exposures } => {
                log_multinomial_e(exposures, shares, RATIO_CONCENTRATION)
            }
            Assignment::People(shares) => shares.log_e(),
        }
    }
}
