//! What the reward model is worth.

use pocketune_base::grouped;
use pocketune_judge::reward::{EditKind, Proportion, RewardReport};
use serde::Serialize;

use super::chart::{self, Picture};
use super::figures::{percent, percent_between, signed};
use crate::error::ReportError;

#[derive(Debug, Serialize)]
pub(super) struct View {
    facts: Vec<(&'static str, String)>,
    diagram: Picture,
    bins: Vec<Bin>,
    estimated: bool,
    annotators: Vec<Annotator>,
    edits: Vec<Edit>,
}

#[derive(Debug, Serialize)]
struct Bin {
    confidence: String,
    before: Filled,
    after: Filled,
}

#[derive(Debug, Serialize)]
struct Filled {
    answers: String,
    right: String,
}

#[derive(Debug, Serialize)]
struct Annotator {
    name: String,
    comparisons: String,
    reliability: String,
    interval: Option<String>,
}

#[derive(Debug, Serialize)]
struct Edit {
    kind: &'static str,
    edits: String,
    change: String,
    interval: Option<String>,
}

impl View {
    pub(super) fn of(report: &RewardReport) -> Result<Self, ReportError> {
        Ok(Self {
            facts: facts(report),
            diagram: chart::reliability(report)?,
            bins: bins(report),
            estimated: report.reliabilities.estimated,
            annotators: annotators(report),
            edits: edits(report),
        })
    }
}

fn facts(report: &RewardReport) -> Vec<(&'static str, String)> {
    let share = |it: &Proportion| match it.pairs {
        0 => "no such pairs".to_owned(),
        pairs => format!(
            "{} ({}) of {}",
            percent(it.share),
            percent_between(it.interval),
            grouped(pairs as u64)
        ),
    };
    let error = |error: f64| format!("{:.1} points", 100.0 * error);
    vec![
        ("Accuracy", share(&report.accuracy)),
        ("With lengths matched", share(&report.length_matched)),
        (
            "Against the trend in length",
            share(&report.length_reversed),
        ),
        (
            "Calibration error before",
            error(report.uncalibrated.expected_calibration_error),
        ),
        (
            "Calibration error after",
            error(report.calibrated.expected_calibration_error),
        ),
        (
            "Held-out comparisons",
            format!(
                "{}, {} of them ties",
                grouped(report.comparisons as u64),
                grouped(report.ties as u64)
            ),
        ),
    ]
}

fn bins(report: &RewardReport) -> Vec<Bin> {
    let (before, after) = (&report.uncalibrated.bins, &report.calibrated.bins);
    let pairs = before.iter().zip(after);
    let filled = |bin: &pocketune_judge::reward::Bin| Filled {
        answers: grouped(bin.count as u64),
        right: match bin.count {
            0 => "–".to_owned(),
            _ => percent(bin.accuracy),
        },
    };
    pairs
        .map(|(before, after)| Bin {
            confidence: format!("{:.0} to {:.0} %", 100.0 * before.low, 100.0 * before.high),
            before: filled(before),
            after: filled(after),
        })
        .collect()
}

fn annotators(report: &RewardReport) -> Vec<Annotator> {
    let annotators = report.reliabilities.annotators.iter();
    annotators
        .map(|it| Annotator {
            name: it.annotator.clone(),
            comparisons: grouped(it.comparisons as u64),
            reliability: percent(it.reliability),
            interval: it.interval.map(percent_between),
        })
        .collect()
}

fn edits(report: &RewardReport) -> Vec<Edit> {
    let edits = report.edits.iter();
    edits
        .map(|it| Edit {
            kind: match it.kind {
                EditKind::Repeat => "parts repeated",
                EditKind::Praise => "praise added",
                EditKind::Shuffle => "words shuffled",
            },
            edits: grouped(it.edits as u64),
            change: signed(it.mean_change),
            interval: it
                .interval
                .map(|it| format!("{} to {}", signed(it.low), signed(it.high))),
        })
        .collect()
}
