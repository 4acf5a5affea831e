//! What each metric says, and whether arms were assigned as they were to be.

use pocketune_base::grouped;
use pocketune_judge::experiment::{
    AlphaPlan, Decision, Definition, DesignKind, Goal, MeasureEvidence, Role, proves, signed_points,
};
use serde::Serialize;

use super::figures::{EValue, hundredths, percent, points_between};

#[derive(Debug, Serialize)]
pub(super) struct Row {
    measure: &'static str,
    role: &'static str,
    outcomes: String,
    incumbent: String,
    challenger: String,
    effect: String,
    interval: String,
    /// Of guardrails: how much worse they may be.
    margin: Option<String>,
    better: Claim,
    worse: Claim,
    class: &'static str,
    standing: String,
}

/// Evidence for one claim.
#[derive(Debug, Serialize)]
struct Claim {
    e: EValue,
    /// None where all secondary metrics are looked at together.
    needed: Option<EValue>,
    proven: bool,
}

pub(super) fn rows(definition: &Definition, decision: &Decision) -> Vec<Row> {
    let metrics = decision.metrics.iter();
    metrics
        .map(|metric| row(definition, &decision.alpha, metric))
        .collect()
}

fn row(definition: &Definition, plan: &AlphaPlan, metric: &MeasureEvidence) -> Row {
    let (role, levels) = match metric.role {
        Role::Primary => ("primary", Some([plan.promote, plan.primary_worse])),
        Role::Guardrail => ("guardrail", Some([plan.promote, plan.guardrail_harmed])),
        Role::Secondary => ("secondary", None),
    };
    let claim = |log_e: f64, level: Option<f64>| Claim {
        e: EValue::of(log_e),
        needed: level.map(EValue::needed),
        proven: level.is_some_and(|level| proves(log_e, level)),
    };
    let better = claim(metric.log_e_better, levels.map(|[level, _]| level));
    let worse = claim(metric.log_e_worse, levels.map(|[_, level]| level));
    let (class, standing) = standing(definition, metric, &better, &worse);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let [incumbent, challenger] = metric.means;
    Row {
        measure: metric.measure.name(),
        role,
        outcomes: match metric.people {
            Some(people) => format!("{} of {}", grouped(metric.outcomes), persons(people)),
            None => grouped(metric.outcomes),
        },
        incumbent: or_none(incumbent.map(hundredths)),
        challenger: or_none(challenger.map(hundredths)),
        effect: or_none(metric.effect.map(signed_points)),
        interval: points_between(metric.interval),
        margin: (metric.null != 0.0).then(|| signed_points(metric.null)),
        better,
        worse,
        class,
        standing,
    }
}

fn persons(count: u64) -> String {
    match count {
        1 => "1 person".to_owned(),
        _ => format!("{} people", grouped(count)),
    }
}

fn standing(
    definition: &Definition,
    metric: &MeasureEvidence,
    better: &Claim,
    worse: &Claim,
) -> (&'static str, String) {
    let (class, standing) = match metric.role {
        _ if worse.proven && metric.role == Role::Guardrail => ("bad", "harmed"),
        _ if worse.proven => ("bad", "shown to be worse"),
        Role::Guardrail if better.proven => ("good", "holds"),
        Role::Guardrail => ("open", "not shown to hold"),
        Role::Primary if better.proven => match definition.goal {
            Goal::Better => ("good", "shown to be better"),
            Goal::NotWorseBy(_) => ("good", "shown not to be worse"),
        },
        Role::Primary => ("open", "nothing shown"),
        Role::Secondary if metric.differs == Some(true) => ("good", "differs"),
        Role::Secondary => ("open", "no difference shown"),
    };
    (class, standing.to_owned())
}

#[derive(Debug, Serialize)]
pub(super) struct SampleRatio {
    /// What was assigned.
    what: &'static str,
    arms: Vec<Assigned>,
    e: EValue,
    needed: EValue,
    broken: bool,
}

#[derive(Debug, Serialize)]
struct Assigned {
    name: String,
    exposures: String,
    seen: String,
    expected: String,
}

impl SampleRatio {
    pub(super) fn of(definition: &Definition, decision: &Decision) -> Self {
        let all: u64 = decision.exposures.iter().sum();
        let names = [&definition.arms.incumbent, &definition.arms.challenger];
        let arms = names.into_iter().zip(decision.exposures);
        let arms = arms.zip(definition.shares());
        let log_e = decision.log_e_sample_ratio;
        Self {
            what: match definition.design {
                DesignKind::SideBySide => "whose reply came first",
                DesignKind::ByConversation => "which arm answered",
            },
            arms: arms
                .map(|((arm, exposures), share)| Assigned {
                    name: arm.name.clone(),
                    exposures: grouped(exposures),
                    seen: match all {
                        0 => "–".to_owned(),
                        _ => percent(exposures as f64 / all as f64),
                    },
                    expected: percent(share),
                })
                .collect(),
            e: EValue::of(log_e),
            needed: EValue::needed(decision.alpha.sample_ratio),
            broken: proves(log_e, decision.alpha.sample_ratio),
        }
    }
}
