//! `experiment analyze`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{Decision, DesignKind, Verdict, signed_points};
use serde::Serialize;

use super::evidence::{Evidence, EvidenceArgs, PassedOver, outlook};
use crate::error::CliError;
use crate::out_files::{Places, write};
use crate::output::{Output, line};
use crate::time;

#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Write the summary (counts) of the single device given
    #[arg(long, value_name = "FILE")]
    summary_out: Option<PathBuf>,
    /// Time of the verdict, such as 2026-11-25T07:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &AnalyzeArgs, output: &Output) -> Result<ExitCode, CliError> {
    if args.summary_out.is_some() && !args.evidence.is_one_device() {
        return Err(CliError::usage(
            "--summary-out is for one device: several people's counts are never added",
        ));
    }
    let mut places = Places::beside(args.evidence.inputs());
    let summary = places.optional_personal("--summary-out", args.summary_out.as_deref())?;
    let evidence = args.evidence.read()?;
    let now = args.at.unwrap_or_else(pocketune_core::now);
    let decision = evidence.decide(now.unix_seconds())?;
    if let (Some(summary), Some(tally)) = (&summary, evidence.of_one_device()) {
        let json = serde_json::to_vec(tally).unwrap_or_default();
        write(summary, &json)?;
    }
    if output.json {
        output.json(&Analysis {
            decision: &decision,
            passed_over: &evidence.passed_over,
        })?;
    } else {
        output.text(&table(&evidence, &decision))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Analysis<'e> {
    #[serde(flatten)]
    decision: &'e Decision,
    /// Summaries that did not count, where signatures are demanded.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    passed_over: &'e [PassedOver],
}

fn table(evidence: &Evidence, decision: &Decision) -> String {
    let design = evidence.definition.design;
    let mut text = format!("{}\n", line(&decision.sentence));
    for remark in evidence.remarks(decision) {
        let _ = writeln!(text, "{remark}");
    }
    for passed_over in &evidence.passed_over {
        let _ = writeln!(text, "{}", passed_over.line());
    }
    let [incumbent, challenger] = decision.exposures;
    let counted = match design {
        DesignKind::SideBySide => "whose reply came first",
        DesignKind::ByConversation => "who answered",
    };
    let _ = writeln!(
        text,
        "exposures, by {counted}: incumbent {incumbent}, challenger {challenger}"
    );
    if decision.verdict == Verdict::KeepGoing {
        let _ = writeln!(text, "{}", outlook(decision));
    }
    text += "arms in hundredths of the range, 100 = good end (incumbent → challenger):\n";
    for metric in &decision.metrics {
        let nothing = || "–".to_owned();
        let of_100 = |share: Option<f64>| {
            share.map_or_else(nothing, |share| format!("{:.1}", 100.0 * share))
        };
        let [incumbent, challenger] = metric.means;
        let (among, unit) = match metric.people {
            Some(people) => (people, "people"),
            None => (metric.outcomes, "outcomes"),
        };
        let _ = writeln!(
            text,
            "  {:16} {among:>5} {unit}  {:>6} → {:>6}  effect {:>6} ({} to {}) points",
            metric.measure.name(),
            of_100(incumbent),
            of_100(challenger),
            metric.effect.map_or_else(nothing, signed_points),
            signed_points(metric.interval.low),
            signed_points(metric.interval.high)
        );
    }
    text
}
