//! A verdict in words.

use super::evidence::{AlphaPlan, proves};
use super::{Definition, Goal, Measure, MeasureEvidence, Reason, Role, Verdict};
use crate::stats::Interval;

pub(super) fn sentence(
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
    let [each, on] = match primary.and_then(|it| it.people) {
        Some(_) => [" of each device", " on every device"],
        None => ["", ""],
    };
    // Names are in quotation marks, since whoever names an arm may use any words.
    let beginning = match verdict {
        Verdict::Promote => format!("Promote “{challenger}”"),
        Verdict::RollBack => format!("Roll “{challenger}” back"),
        Verdict::KeepGoing => "Keep going".to_owned(),
        Verdict::Inconclusive => format!("Inconclusive, “{incumbent}” stays"),
    };
    let [worse, good] = standings(definition.goal);
    let least = definition.limits.min_outcomes;
    let why = match reason {
        Reason::PrimaryBetter => format!("it is {good} ({seen}), and no guardrail is hurt"),
        Reason::PrimaryWorse => format!("it is {worse} ({seen})"),
        Reason::GuardrailHarmed(measure) => {
            let seen = by(measure).map(described).unwrap_or_default();
            format!("it harms {measure} beyond its margin ({seen})")
        }
        Reason::GuardrailOpen(measure) => format!(
            "“{challenger}” is {good} ({seen}), but {measure} is not shown to be unharmed yet"
        ),
        Reason::TooFewOutcomes => format!(
            "“{challenger}” looks {good} ({seen}), with fewer outcomes than the {least} asked for"
        ),
        Reason::NotYet => format!("nothing is proven yet ({seen})"),
        Reason::SampleRatio => "arms were not assigned by their weights, so that no count can be \
                                believed"
            .to_owned(),
        Reason::OutcomeLimit => {
            let limit = format!("within {} outcomes{each}", definition.limits.max_outcomes);
            unproven(definition, metrics, &limit)
        }
        Reason::DayLimit => {
            let limit = format!("within {} days{each}", definition.limits.max_days);
            unproven(definition, metrics, &limit)
        }
        Reason::EndedByHand => unproven(definition, metrics, &format!("before it was ended{on}")),
    };
    format!("{beginning}: {why}.")
}

/// What there is to say of one person's outcomes where they would be a verdict.
pub(super) fn one_person(metrics: &[MeasureEvidence]) -> String {
    let primary = metrics.iter().find(|it| it.role == Role::Primary);
    let seen = primary.map(described).unwrap_or_default();
    format!("Keep going: one person proves nothing about people ({seen}).")
}

/// What a challenger is that missed the goal for sure, and that reached it.
fn standings(goal: Goal) -> [String; 2] {
    match goal {
        Goal::Better => ["worse".to_owned(), "better".to_owned()],
        Goal::NotWorseBy(margin) => {
            let worse = format!("worse by {:.1} points or more", 100.0 * margin);
            let good = format!("not {worse}");
            [worse, good]
        }
    }
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
    let [_, good] = standings(definition.goal);
    match of(Role::Guardrail).find(lacks) {
        Some(open) => format!(
            "it is {good} ({seen}), but {} was not shown to be unharmed {limit} ({})",
            open.measure,
            described(open)
        ),
        None => format!(
            "it looks {good} ({seen}), but there were fewer outcomes than the {} asked for {limit}",
            definition.limits.min_outcomes
        ),
    }
}

/// Such as `pick: +12.5 points in 80 outcomes, between −3.1 and +27.0`, or `over 20 people`.
fn described(evidence: &MeasureEvidence) -> String {
    let Some(effect) = evidence.effect else {
        return match evidence.people {
            Some(_) => format!("{}: nobody counts yet", evidence.measure),
            None => format!("{}: no outcomes of both arms", evidence.measure),
        };
    };
    let among = match evidence.people {
        Some(1) => "over 1 person".to_owned(),
        Some(people) => format!("over {people} people"),
        None => format!("in {} outcomes", evidence.outcomes),
    };
    let Interval { low, high } = evidence.interval;
    format!(
        "{}: {} points {among}, between {} and {}",
        evidence.measure,
        signed_points(effect),
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
