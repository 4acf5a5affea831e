//! What an experiment proves so far, in words and numbers.

use pocketune_base::{SECONDS_LAST, check_seconds};
use serde::{Deserialize, Serialize};

use super::evidence::AlphaPlan;
use super::sentence::{one_person, sentence};
use super::{
    Cells, Definition, ExperimentError, Forecast, Measure, Metric, Monitor, PersonMean, Role, Tally,
};
use crate::stats::{
    Arm, Design, EProcess, Interval, Observation, Side, confidence_interval, e_benjamini_hochberg,
};

const DAY_S: i64 = 86_400;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The challenger takes the incumbent's place.
    Promote,
    /// The challenger is worse and goes.
    RollBack,
    /// Nothing is proven yet.
    KeepGoing,
    /// Nothing was proven; the incumbent stays.
    Inconclusive,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The goal of the primary metric is reached and every guardrail holds.
    PrimaryBetter,
    /// The challenger is worse by the primary metric.
    PrimaryWorse,
    /// It is worse by a guardrail's margin.
    GuardrailHarmed(Measure),
    /// The goal is reached; this guardrail is not shown to hold yet.
    GuardrailOpen(Measure),
    /// The goal is reached with fewer outcomes than asked for.
    TooFewOutcomes,
    /// The evidence is not enough yet.
    NotYet,
    /// Arms were not assigned by their weights: nothing that was counted can be believed.
    SampleRatio,
    /// There are as many outcomes as there may be.
    OutcomeLimit,
    /// It has lasted as long as it may.
    DayLimit,
    /// Somebody ended it.
    EndedByHand,
}

/// A verdict with its evidence.
///
/// Of one device it is about one person: its chance of error is that of the definition if
/// outcomes are alike, none differing in mean from another. Over several devices, given by
/// [`super::Pool`], it is about people at large, each of whom counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The same in a sentence.
    pub sentence: String,
    /// SHA-256 of the definition.
    pub experiment: String,
    /// The levels of all claims.
    pub alpha: AlphaPlan,
    /// Exposures: incumbent, challenger.
    pub exposures: [u64; 2],
    /// Natural logarithm of the e-value against assignment by weights.
    pub log_e_sample_ratio: f64,
    /// How much longer.
    pub forecast: Forecast,
    /// Evidence by each metric, in the definition's order.
    pub metrics: Vec<MeasureEvidence>,
    /// How many people it rests on; none where it is about one device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
}

/// How many people a verdict about people rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Who count by the primary metric, each once.
    pub counted: u64,
    /// Who do not yet: with too few outcomes of an arm.
    pub waiting: u64,
    /// From how many outcomes of each arm on a person counts.
    pub outcomes_each: u32,
    /// Of those who count: whose summaries do not say which outcomes were first, so that all
    /// were taken. Their verdict holds at every look if each gave a summary once.
    pub unordered: u64,
    /// About how many more people lead to a verdict, if those to come are as those who came.
    /// An estimate; none where no number below 100,000 does, or nothing can be said yet.
    pub more: Option<u64>,
}

/// What one metric says. Effects are mean outcomes of the challenger less those of the
/// incumbent, as shares of the metric's range, positive where the challenger is better;
/// for picks, the share that picked it less the share that picked the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureEvidence {
    /// Which.
    pub measure: Measure,
    /// What for.
    pub role: Role,
    /// How many outcomes.
    pub outcomes: u64,
    /// How many people count by it, where evidence is about people: means, effect and
    /// interval are then those of people, each by the mean of the outcomes that count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// Mean outcome of each arm as a share of the range, 1 for the good end: incumbent,
    /// challenger.
    pub means: [Option<f64>; 2],
    /// The effect seen.
    pub effect: Option<f64>,
    /// Where the effect is, at all looks at once, with a probability of at least 1 − alpha.
    /// Its ends are at the levels of the claims: it lies above [`Self::null`] once the
    /// challenger is shown to be better by this metric, below once it is shown to be worse.
    pub interval: Interval,
    /// Natural logarithm of the e-value for an effect above [`Self::null`].
    pub log_e_better: f64,
    /// Natural logarithm of the e-value for an effect below it.
    pub log_e_worse: f64,
    /// The effect that both are against: 0, or the margin below it.
    pub null: f64,
    /// Of secondary metrics: whether it differs, with all of them looked at together.
    pub differs: Option<bool>,
}

/// What is proven at `now_s`, in seconds since 1970. `ended_by_hand` says that somebody
/// ended it; so does the tally of a device where somebody did.
///
/// # Errors
/// [`ExperimentError::DefinitionInvalid`], [`ExperimentError::NotSeconds`] and, for a tally that cannot be, those of
/// [`Tally::parse`].
pub fn decide(
    definition: &Definition,
    tally: &Tally,
    now_s: i64,
    ended_by_hand: bool,
) -> Result<Decision, ExperimentError> {
    definition.check()?;
    tally.check(definition)?;
    check_now(now_s)?;
    let mut monitor = Monitor::new(definition).ok_or(ExperimentError::DefinitionInvalid {
        field: "metrics",
        reason: "no metric is primary",
    })?;
    let [incumbent, challenger] = tally.exposures;
    monitor.expose(Arm::Incumbent, incumbent);
    monitor.expose(Arm::Challenger, challenger);
    for metric in &definition.metrics {
        for (observation, count) in tally.observations(metric.measure) {
            monitor.observe(metric.measure, observation, count);
        }
    }
    let (mut verdict, mut reason) = monitor.verdict();
    if verdict == Verdict::KeepGoing {
        // A limit that was reached before the end stays the reason.
        if days(tally, now_s) >= i64::from(definition.limits.max_days) {
            (verdict, reason) = (Verdict::Inconclusive, Reason::DayLimit);
        } else if ended_by_hand || tally.ended {
            (verdict, reason) = (Verdict::Inconclusive, Reason::EndedByHand);
        }
    }
    let metrics = definition.metrics.iter();
    let metrics = metrics.map(|metric| MeasureEvidence::of(definition, metric, tally));
    let metrics = looked_at_together(definition, metrics.collect());
    Ok(Decision {
        verdict,
        reason,
        sentence: sentence(definition, &metrics, verdict, reason),
        experiment: tally.experiment.clone(),
        alpha: AlphaPlan::of(definition),
        exposures: tally.exposures,
        log_e_sample_ratio: monitor.log_e_sample_ratio(),
        forecast: Forecast::of(definition, tally),
        metrics,
        people: None,
    })
}

/// What a device's summary shows where it comes alone: the figures of [`decide`], but no
/// promotion and no roll-back. Whoever sends a summary is one person, and one person proves
/// nothing about people, however many the outcomes.
///
/// # Errors
/// Those of [`decide`].
pub fn decide_on_summary(
    definition: &Definition,
    summary: &Tally,
    now_s: i64,
) -> Result<Decision, ExperimentError> {
    let mut decision = decide(definition, summary, now_s, false)?;
    if matches!(decision.verdict, Verdict::Promote | Verdict::RollBack) {
        decision.verdict = Verdict::KeepGoing;
        decision.reason = Reason::NotYet;
        decision.forecast = Forecast::Unknown;
        decision.sentence = one_person(&decision.metrics);
    }
    Ok(decision)
}

pub(super) fn check_now(now_s: i64) -> Result<(), ExperimentError> {
    // The greatest number stands for the end of time, whatever the unit.
    if (SECONDS_LAST + 1..i64::MAX).contains(&now_s) {
        check_seconds(now_s)?;
    }
    Ok(())
}

/// Whole days from the first exposure to now or, if it has ended, to its end. A clock that
/// stands before what was recorded does not put the limit off.
pub(super) fn days(tally: &Tally, now_s: i64) -> i64 {
    let last_s = tally.last_at_s.unwrap_or(now_s);
    let at_s = if tally.ended {
        last_s
    } else {
        now_s.max(last_s)
    };
    let start_s = tally.started_at_s.unwrap_or(at_s);
    at_s.saturating_sub(start_s) / DAY_S
}

impl MeasureEvidence {
    /// By one metric alone: what [`decide`] says of it, but for [`Self::differs`], which
    /// takes all of them.
    #[must_use]
    pub fn of(definition: &Definition, metric: &Metric, tally: &Tally) -> Self {
        let cells = tally.outcomes.get(&metric.measure);
        let seen = Seen {
            outcomes: tally.count(metric.measure),
            people: None,
            means: cells.map_or([None, None], Cells::means),
        };
        let observations = tally.observations(metric.measure);
        seen.evidence(definition, metric, definition.statistics(), &observations)
    }

    /// By one metric alone, about people, of whom these count; but for [`Self::differs`].
    #[must_use]
    pub fn of_people(definition: &Definition, metric: &Metric, people: &[PersonMean]) -> Self {
        let mean = |arm: usize| {
            let sum: f64 = people.iter().filter_map(|it| it.means.get(arm)).sum();
            (!people.is_empty()).then(|| sum / people.len() as f64)
        };
        let seen = Seen {
            outcomes: people.iter().map(|it| it.outcomes).sum(),
            people: Some(people.len() as u64),
            means: [mean(0), mean(1)],
        };
        let observations = once_each(people);
        seen.evidence(definition, metric, Design::Paired, &observations)
    }
}

/// One difference a person.
pub(super) fn once_each(people: &[PersonMean]) -> Vec<(Observation, f64)> {
    let each = people.iter();
    each.map(|it| (Observation::Difference(it.difference()), 1.0))
        .collect()
}

/// What is shown beside evidence.
struct Seen {
    outcomes: u64,
    people: Option<u64>,
    means: [Option<f64>; 2],
}

impl Seen {
    fn evidence(
        self,
        definition: &Definition,
        metric: &Metric,
        design: Design,
        observations: &[(Observation, f64)],
    ) -> MeasureEvidence {
        let null = definition.null_of(metric);
        let log_e = |side| EProcess::of(design, null, side, observations).log_e();
        let [incumbent, challenger] = self.means;
        let levels = AlphaPlan::of(definition).levels(metric.role, definition.alpha);
        MeasureEvidence {
            measure: metric.measure,
            role: metric.role,
            outcomes: self.outcomes,
            people: self.people,
            means: self.means,
            effect: challenger.zip(incumbent).map(|(new, old)| new - old),
            interval: confidence_interval(design, levels, observations),
            log_e_better: log_e(Side::Above),
            log_e_worse: log_e(Side::Below),
            null,
            differs: None,
        }
    }
}

/// Which secondary metrics differ, all of them looked at together.
pub(super) fn looked_at_together(
    definition: &Definition,
    mut metrics: Vec<MeasureEvidence>,
) -> Vec<MeasureEvidence> {
    // A difference to either side: twice the smaller chance.
    let secondary = |it: &MeasureEvidence| it.role == Role::Secondary;
    let two_sided =
        |it: &MeasureEvidence| it.log_e_better.max(it.log_e_worse) - std::f64::consts::LN_2;
    let log_e: Vec<f64> = metrics
        .iter()
        .filter(|it| secondary(it))
        .map(two_sided)
        .collect();
    let differ = e_benjamini_hochberg(&log_e, definition.alpha);
    for (metric, differs) in metrics.iter_mut().filter(|it| secondary(it)).zip(differ) {
        metric.differs = Some(differs);
    }
    metrics
}
