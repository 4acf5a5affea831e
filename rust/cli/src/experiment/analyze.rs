//! `experiment analyze`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{Decision, DesignKind, Verdict, decide, signed_points};

use super::evidence::{EvidenceArgs, outlook};
use crate::error::CliError;
use crate::out_files::{Places, write};
use crate::output::{Output, line};
use crate::time;

#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Write all counts together, as one summary
    #[arg(long, value_name = "FILE")]
    summary_out: Option<PathBuf>,
    /// The moment of the verdict, such as 2026-11-25T07:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &AnalyzeArgs, output: &Output) -> Result<ExitCode, CliError> {
    let mut places = Places::beside(args.evidence.inputs());
    let summary = places.optional_personal("--summary-out", args.summary_out.as_deref())?;
    let evidence = args.evidence.read()?;
    let now = args.at.unwrap_or_else(pocketune_core::now);
    let decision = decide(
        &evidence.definition,
        &evidence.tally,
        now.unix_seconds(),
        evidence.ended,
    )?;
    if let Some(summary) = &summary {
        let json = serde_json::to_vec(&evidence.tally).unwrap_or_default();
        write(summary, &json)?;
    }
    if output.json {
        output.json(&decision)?;
    } else {
        output.text(&table(&decision, evidence.definition.design))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(decision: &Decision, design: DesignKind) -> String {
    let mut text = format!("{}\n", line(&decision.sentence));
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
        let _ = writeln!(text, "{}", outlook(decision.forecast));
    }
    text += "arms in hundredths of the range, 100 = good end (incumbent → challenger):\n";
    for metric in &decision.metrics {
        let nothing = || "–".to_owned();
        let of_100 = |share: Option<f64>| {
            share.map_or_else(nothing, |share| format!("{:.1}", 100.0 * share))
        };
        let [incumbent, challenger] = metric.means;
        let _ = writeln!(
            text,
            "  {:16} {:>5} outcomes  {:>6} → {:>6}  effect {:>6} ({} to {}) points",
            metric.measure.name(),
            metric.outcomes,
            of_100(incumbent),
            of_100(challenger),
            metric.effect.map_or_else(nothing, signed_points),
            signed_points(metric.interval.low),
            signed_points(metric.interval.high)
        );
    }
    text
}
