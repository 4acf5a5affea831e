//! What to do, why, and on what terms.

use pocketune_base::{Timestamp, grouped};
use pocketune_judge::experiment::{DesignKind, Goal, Reason, Verdict, signed_points};
use serde::Serialize;

use crate::input::Report;

#[derive(Debug, Serialize)]
pub(super) struct View {
    experiment: String,
    hypothesis: String,
    incumbent: String,
    challenger: String,
    class: &'static str,
    badge: &'static str,
    sentence: String,
    reason: String,
    outlook: String,
    facts: Vec<(&'static str, String)>,
}

impl View {
    pub(super) fn of(report: &Report<'_>) -> Self {
        let Report {
            definition,
            decision,
            ..
        } = report;
        let (class, badge) = match decision.verdict {
            Verdict::Promote => ("promote", "Promote"),
            Verdict::RollBack => ("roll-back", "Roll back"),
            Verdict::KeepGoing => ("keep-going", "Keep going"),
            Verdict::Inconclusive => ("inconclusive", "Inconclusive"),
        };
        Self {
            experiment: definition.id.clone(),
            hypothesis: definition.hypothesis.clone(),
            incumbent: definition.arms.incumbent.name.clone(),
            challenger: definition.arms.challenger.name.clone(),
            class,
            badge,
            sentence: decision.sentence.clone(),
            reason: reason(decision.reason),
            outlook: match decision.verdict {
                Verdict::KeepGoing => capital(&report.outlook),
                _ => "None: the experiment is over".to_owned(),
            },
            facts: facts(report),
        }
    }
}

fn reason(reason: Reason) -> String {
    match reason {
        Reason::PrimaryBetter => {
            "The goal of the primary metric is reached and every guardrail holds".to_owned()
        }
        Reason::PrimaryWorse => "The challenger is worse by the primary metric".to_owned(),
        Reason::GuardrailHarmed(measure) => {
            format!("The guardrail {measure} is worse by its margin")
        }
        Reason::GuardrailOpen(measure) => {
            format!("The goal is reached; the guardrail {measure} is not shown to hold yet")
        }
        Reason::TooFewOutcomes => {
            "The goal is reached with fewer outcomes than asked for".to_owned()
        }
        Reason::NotYet => "The evidence is not enough yet".to_owned(),
        Reason::SampleRatio => {
            "Arms were not assigned by their weights: no count can be believed".to_owned()
        }
        Reason::OutcomeLimit => "There are as many outcomes as there may be".to_owned(),
        Reason::DayLimit => "It has lasted as long as it may".to_owned(),
        Reason::EndedByHand => "Somebody ended it".to_owned(),
    }
}

fn facts(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let definition = report.definition;
    let limits = definition.limits;
    let day = |seconds: Option<i64>| {
        let moment = seconds.map(|seconds| Timestamp::from_unix(seconds).to_string());
        moment.unwrap_or_else(|| "none".to_owned())
    };
    let [first, latest] = report.span;
    let of_each = match report.decision.people {
        Some(_) => ", of each device",
        None => "",
    };
    let mut facts = vec![
        (
            "Design",
            match definition.design {
                DesignKind::SideBySide => "side by side, the user picks".to_owned(),
                DesignKind::ByConversation => "one arm a conversation".to_owned(),
            },
        ),
        (
            "Goal",
            match definition.goal {
                Goal::Better => "better".to_owned(),
                Goal::NotWorseBy(margin) => {
                    let margin = signed_points(margin);
                    format!("not worse by {} points", margin.trim_start_matches('+'))
                }
            },
        ),
        (
            "Chance of a wrong claim",
            format!("at most {:.2}, at all looks together", definition.alpha),
        ),
        (
            "Limits",
            format!(
                "{} to {} outcomes, {} days{of_each}",
                grouped(limits.min_outcomes),
                grouped(limits.max_outcomes),
                limits.max_days
            ),
        ),
        ("First exposure", day(first)),
        ("Latest event", day(latest)),
        ("Verdict as of", report.at.to_string()),
    ];
    if !report.remarks.is_empty() {
        facts.push(("Rests on", report.remarks.join("; ")));
    }
    facts
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(characters).collect()
}
