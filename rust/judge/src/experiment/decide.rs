//! What an experiment proves so far, in words and numbers.

use serde::{Deserialize, Serialize};

use super::evidence::{AlphaPlan, proves};
use super::{
    Cells, Definition, ExperimentError, Forecast, Goal, Measure, Metric, Monitor, Role, Tally,
};
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
    /// Where the effect is, at all looks at once, with probability 1 − alpha.
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

/// What is proven at `now_s`.
///
/// # Errors
/// [`ExperimentError::OtherExperiment`], [`ExperimentError::DefinitionInvalid`].
pub fn decide(
    definition: &Definition,
    tally: &Tally,
    now_s: i64,
    ended_by_hand: bool,
) -> Result<Decision, ExperimentError> {
    definition.check()?;
    let experiment = definition.sha256();
    if tally.experiment != experiment {
        return Err(ExperimentError::OtherExperiment {
            found: tally.experiment.clone(),
            expected: experiment,
        });
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
        let days = tally
            .started_at_s
            .map_or(0, |start| (now_s - start) / DAY_S);
        if ended_by_hand {
            (verdict, reason) = (Verdict::Inconclusive, Reason::EndedByHand);
        } else if days >= i64::from(definition.limits.max_days) {
            (verdict, reason) = (Verdict::Inconclusive, Reason::DayLimit);
        }
    }
    let metrics = metrics(definition, tally);
    Ok(Decision {
        verdict,
        reason,
        sentence: sentence(definition, &metrics, verdict, reason),
        experiment,
        alpha: AlphaPlan::of(definition),
        exposures: tally.exposures,
        log_e_sample_ratio: monitor.log_e_sample_ratio(),
        forecast: Forecast::of(definition, tally),
        metrics,
    })
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
        Self {
            measure: metric.measure,
            role: metric.role,
            outcomes: tally.count(metric.measure),
            means,
            effect: challenger.zip(incumbent).map(|(new, old)| new - old),
            interval: confidence_interval(design, definition.alpha, &observations),
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

fn sentence(
    definition: &Definition,
    metrics: &[MeasureEvidence],
    verdict: Verdict,
    reason: Reason,
) -> String {
    let arms = &definition.arms;
    let (challenger, incumbent) = (&arms.challenger.name, &arms.incumbent.name);
    let by = |measure: Measure| metrics.iter().find(|it| it.measure == measure);
    let primary = metrics.iter().find(|it| it.role == Role::Primary);
    let seen = primary.map(described).unwrap_or_default();
    let beginning = match verdict {
        Verdict::Promote => format!("Promote {challenger}"),
        Verdict::RollBack => format!("Roll {challenger} back"),
        Verdict::KeepGoing => "Keep going".to_owned(),
        Verdict::Inconclusive => format!("Inconclusive, {incumbent} stays"),
    };
    let why = match reason {
        Reason::PrimaryBetter => match definition.goal {
            Goal::Better => format!("it is better ({seen}), and no guardrail is hurt"),
            Goal::NotWorseBy(margin) => format!(
                "it is not worse by {:.1} points or more ({seen}), and no guardrail is hurt",
                100.0 * margin
            ),
        },
        Reason::PrimaryWorse => format!("it is worse ({seen})"),
        Reason::GuardrailHarmed(measure) => {
            let seen = by(measure).map(described).unwrap_or_default();
            format!("it harms {measure} beyond its margin ({seen})")
        }
        Reason::GuardrailOpen(measure) => format!(
            "{challenger} is better ({seen}), but {measure} is not shown to be unharmed yet"
        ),
        Reason::TooFewOutcomes => format!(
            "{challenger} looks better ({seen}), with fewer outcomes than the {} asked for",
            definition.limits.min_outcomes
        ),
        Reason::NotYet => format!("nothing is proven yet ({seen})"),
        Reason::SampleRatio => "arms were not assigned by their weights, so that no count can be \
                                believed"
            .to_owned(),
        Reason::OutcomeLimit => {
            let limit = format!("within {} outcomes", definition.limits.max_outcomes);
            unproven(definition, metrics, &limit)
        }
        Reason::DayLimit => {
            let limit = format!("within {} days", definition.limits.max_days);
            unproven(definition, metrics, &limit)
        }
        Reason::EndedByHand => unproven(definition, metrics, "before it was ended"),
    };
    format!("{beginning}: {why}.")
}

/// What a promotion lacked when its time was over.
fn unproven(definition: &Definition, metrics: &[MeasureEvidence], limit: &str) -> String {
    let level = AlphaPlan::of(definition).promote;
    let lacks = |it: &&MeasureEvidence| !proves(it.log_e_better, level);
    let of = |role| metrics.iter().filter(move |it| it.role == role);
    let seen = of(Role::Primary).next().map(described).unwrap_or_default();
    if of(Role::Primary).any(|it| lacks(&it)) {
        return format!("nothing was proven {limit} ({seen})");
    }
    match of(Role::Guardrail).find(lacks) {
        Some(open) => format!(
            "it is better ({seen}), but {} was not shown to be unharmed {limit} ({})",
            open.measure,
            described(open)
        ),
        None => format!(
            "it looks better ({seen}), but there were fewer outcomes than the {} asked for {limit}",
            definition.limits.min_outcomes
        ),
    }
}

/// Such as `pick: +12.5 points in 80 outcomes, between −3.1 and +27.0`.
fn described(evidence: &MeasureEvidence) -> String {
    let Some(effect) = evidence.effect else {
        return format!("{}: no outcomes of both arms", evidence.measure);
    };
    let Interval { low, high } = evidence.interval;
    format!(
        "{}: {} points in {} outcomes, between {} and {}",
        evidence.measure,
        signed_points(effect),
        evidence.outcomes,
        signed_points(low),
        signed_points(high)
    )
}

/// Hundredths of a range with their sign, such as `+12.5`.
#[must_use]
pub fn signed_points(share: f64) -> String {
    let text = format!("{:.1}", (100.0 * share).abs());
    match text.as_str() {
        "0.0" => text,
        _ if share < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}
