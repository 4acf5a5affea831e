//! An evaluation for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pocketune_core::{ComparedArms, Evaluation};
use pocketune_judge::critic::Critic;
use pocketune_judge::suite::{Comparison, ItemReply, KindResult, SuiteReplies, SuiteResult};

use crate::output::line;

pub(super) fn table(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for suite in &evaluation.suites {
        if let Some(arms) = &suite.probability {
            let items = arms.base.items.len();
            let _ = writeln!(
                text,
                "{}, by probability ({items} items)",
                line(&suite.suite)
            );
            text += &rows(arms, shares_of_scores);
            text += &by_kind(arms, |it| &it.kinds);
        }
        if let Some(arms) = &suite.generation {
            let items = arms.base.items.len();
            let _ = writeln!(
                text,
                "{}, by generation ({items} items)",
                line(&suite.suite)
            );
            text += &rows(arms, shares_of_replies);
            text += &by_kind(arms, |it| &it.kinds);
            text += &objections(arms);
        }
    }
    text
}

fn rows<T>(arms: &ComparedArms<T>, row: impl Fn(&T) -> String) -> String {
    let mut text = format!("  {:16} {}\n", "as it is", row(&arms.base));
    if let Some(changed) = &arms.changed {
        let _ = writeln!(text, "  {:16} {}", "changed", row(changed));
    }
    if let Some(comparison) = &arms.comparison {
        let _ = writeln!(text, "  {:16} {}", "difference", difference(comparison));
    }
    text
}

/// By kind, such as `everyday 7 of 36 → 23 of 36`: what one kind loses, another may hide.
fn by_kind<T>(
    arms: &ComparedArms<T>,
    kinds: impl Fn(&T) -> &BTreeMap<String, KindResult>,
) -> String {
    let share = |result: &KindResult| format!("{} of {}", result.right, result.of);
    let changed = arms.changed.as_ref().map(&kinds);
    kinds(&arms.base)
        .iter()
        .fold(String::new(), |mut text, (kind, before)| {
            let _ = write!(text, "    {:18} {:>9}", line(kind), share(before));
            let after = changed.and_then(|kinds| kinds.get(kind));
            let _ = match after {
                Some(after) => writeln!(text, " → {}", share(after)),
                None => writeln!(text),
            };
            text
        })
}

fn shares_of_scores(result: &SuiteResult) -> String {
    format!(
        "{:5.1} % right ({:.1} to {:.1}; chance {:.1}), margin {:+.3}",
        100.0 * result.accuracy,
        100.0 * result.interval.low,
        100.0 * result.interval.high,
        100.0 * result.chance,
        result.mean_margin
    )
}

fn shares_of_replies(replies: &SuiteReplies) -> String {
    format!(
        "{:5.1} % passed ({:.1} to {:.1}), mean score {:.3}, {} to review",
        100.0 * replies.pass_rate,
        100.0 * replies.interval.low,
        100.0 * replies.interval.high,
        replies.mean_score,
        replies.needs_review
    )
}

fn difference(comparison: &Comparison) -> String {
    format!(
        "{:+5.1} points ({:+.1} to {:+.1}), McNemar p {:.3}: {}",
        100.0 * comparison.difference,
        100.0 * comparison.interval.low,
        100.0 * comparison.interval.high,
        comparison.mcnemar.p,
        word(comparison)
    )
}

/// What the interval says.
fn word(comparison: &Comparison) -> String {
    let below = comparison.interval.high < 0.0;
    match comparison.not_worse {
        true if comparison.difference_at_least > 0.0 => "better".to_owned(),
        true if below => "worse, within the margin".to_owned(),
        true => "not worse".to_owned(),
        false if below => "worse".to_owned(),
        false => format!(
            "not shown to be within the margin (at least {:+.1})",
            100.0 * comparison.difference_at_least
        ),
    }
}

/// To how many replies each critic objects, where any does. Item by item they are in the
/// JSON.
fn objections(arms: &ComparedArms<SuiteReplies>) -> String {
    let counts = |replies: &SuiteReplies| {
        Critic::ALL.map(|critic| {
            let objects = |item: &&ItemReply| {
                let mut findings = item.judgement.findings.iter();
                findings.any(|it| it.critic == critic && it.reason.is_some())
            };
            replies.items.iter().filter(objects).count()
        })
    };
    let base = counts(&arms.base);
    let changed = arms.changed.as_ref().map(counts);
    let mut text = String::new();
    for (at, critic) in Critic::ALL.into_iter().enumerate() {
        let before = base.get(at).copied().unwrap_or_default();
        let after = changed.and_then(|counts| counts.get(at).copied());
        if before == 0 && after.unwrap_or_default() == 0 {
            continue;
        }
        let _ = write!(text, "    {:18} objects to {before:3}", critic.name());
        let _ = match after {
            Some(after) => writeln!(text, " before, {after} after"),
            None => writeln!(text),
        };
    }
    text
}
