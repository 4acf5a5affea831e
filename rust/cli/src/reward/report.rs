//! What a head is worth, for a person.

use std::fmt::Write as _;

use pocketune_judge::reward::{Proportion, RewardReport};

use crate::output::line;

pub(super) fn table(report: &RewardReport) -> String {
    let mut text = format!(
        "{} comparisons, {} of them ties\n",
        report.comparisons, report.ties
    );
    for (name, share) in [
        ("right", report.accuracy),
        ("  of equal length", report.length_matched),
        ("  against length", report.length_reversed),
    ] {
        let _ = writeln!(text, "{name:18} {}", of_pairs(share));
    }
    let error = |diagram: &pocketune_judge::reward::ReliabilityDiagram| {
        100.0 * diagram.expected_calibration_error
    };
    let _ = writeln!(
        text,
        "calibration error  {:.1} % (before the temperature {:.1} %)",
        error(&report.calibrated),
        error(&report.uncalibrated)
    );
    for drift in &report.edits {
        let _ = write!(
            text,
            "{:18} {:+.2} standard deviations over {} replies",
            drift.kind.name(),
            drift.mean_change,
            drift.edits
        );
        let _ = match drift.interval {
            Some(interval) => writeln!(text, " ({:+.2} to {:+.2})", interval.low, interval.high),
            None => writeln!(text),
        };
    }
    if report.reliabilities.estimated {
        for known in &report.reliabilities.annotators {
            let _ = writeln!(
                text,
                "{:18} estimated reliability {:.2} (1 expert, 0.5 at random), {} comparisons",
                line(&known.annotator),
                known.reliability,
                known.comparisons
            );
        }
    }
    text
}

fn of_pairs(share: Proportion) -> String {
    match share.pairs {
        0 => "no pair".to_owned(),
        pairs => format!(
            "{:.1} % of {pairs} ({:.1} to {:.1})",
            100.0 * share.share,
            100.0 * share.interval.low,
            100.0 * share.interval.high
        ),
    }
}
