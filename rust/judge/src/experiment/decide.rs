//! What an experiment proves so far, in words and numbers.

use pocketune_base::{SECONDS_LAST, check_seconds};
use serde::{Deserialize, Serialize};

use super::evidence::AlphaPlan;
use super::sentence::sentence;
use super::{Cells, Definition, ExperimentError, Forecast, Measure, Metric, Monitor, Role, Tally};
use crate::stats::{Arm, EProcess, Interval, Side, confidence_interval, e_benjamini_hochberg};

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
/// Its chance of error is that of the definition if outcomes are alike: no participant's
/// differ in mean from another's. On one device that is one person, and always so. Where
/// counts of several devices were added and people differ in the arm that they prefer, the
/// outcomes of one person hang together, and the bound does not hold for people at large:
/// with half of them for each arm 70 to 30, 5 to 20 devices of 40 picks each give a wrong
/// verdict in more than half of the experiments.
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
    // The greatest number stands for the end of time, whatever the unit.
    if (SECONDS_LAST + 1..i64::MAX).contains(&now_s) {
        check_seconds(now_s)?;
    }
    let mut monitor = Monitor::new(definition).ok_or(ExperimentError::DefinitionInvalid {
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
    let metrics = metrics(definition, tally);
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
    })
}

/// Whole days from the first exposure to now or, if it has ended, to its end. A clock that
/// stands before what was recorded does not put the limit off.
fn days(tally: &Tally, now_s: i64) -> i64 {
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
        let design = definition.statistics();
        let observations = tally.observations(metric.measure);
        let null = definition.null_of(metric);
        let log_e = |side| EProcess::of(design, null, side, &observations).log_e();
        let cells = tally.outcomes.get(&metric.measure);
        let means = cells.map_or([None, None], Cells::means);
        let [incumbent, challenger] = means;
        let levels = AlphaPlan::of(definition).levels(metric.role, definition.alpha);
        Self {
            measure: metric.measure,
            role: metric.role,
            outcomes: tally.count(metric.measure),
            means,
            effect: challenger.zip(incumbent).map(|(new, old)| new - old),
            interval: confidence_interval(design, levels, &observations),
            log_e_better: log_e(Side::Above),
            log_e_worse: log_e(Side::Below),
            null,
            differs: None,
        }
    }
}

fn metrics(definition: &Definition, tally: &Tally) -> Vec<MeasureEvidence> {
    let each = definition.metrics.iter();
    let mut metrics: Vec<MeasureEvidence> = each
        .map(|metric| MeasureEvidence::of(definition, metric, tally))
        .collect();
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
