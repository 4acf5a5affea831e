//! `experiment`: what A/B tests prove, and how the procedure behaves.

mod analyze;
mod evidence;
mod report;
mod sign;
mod signed;
mod simulate;
mod world;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use evidence::FILE_BYTES_MAX;
pub(crate) use signed::NotCounted;
pub(crate) use world::WorldError;

use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune experiment simulate --definition experiment.json --rate pick=0.4:0.6
  pocketune experiment simulate --definition experiment.json --items items.jsonl --json
  pocketune experiment analyze --definition experiment.json --ledger phone.jsonl
  pocketune experiment analyze --definition experiment.json --summary a.json --summary b.json
  pocketune experiment sign-summary --definition experiment.json --summary a.json \\
      --sign device.pem --out a.signed.json
  pocketune experiment analyze --definition experiment.json --summary a.signed.json \\
      --summary b.signed.json --require-signed devices/
  pocketune experiment report --definition experiment.json --ledger phone.jsonl --out report.html

A ledger is the event log of one device; a summary is its counts. rust/FORMATS.md describes
definitions, ledgers, summaries and items. An experiment runs until the app calls `conclude`:
neither a verdict nor a reached limit ends it.

A single ledger is analysed for the one user of that device. With several files the unit of
analysis is the user, and each user counts once: by the first outcomes of each arm, as many as
`personOutcomes` in the definition says (default 8), so that a summary of 800 picks weighs as
much as one of 8. A device with fewer outcomes, or that has shown only one arm, does not count
yet. A single summary shows that device's figures and gives no verdict.

Summaries are cumulative: give only the latest of each device. Nothing is uploaded
automatically. Unsigned summaries can be forged: with --require-signed only summaries signed by
one of the given device keys count, one user per key. Others are skipped with a reason, as are
summaries of the same run signed by several keys.";

const REPORT_HELP: &str = "\
--reward is what `pocketune reward eval --json > reward.json` writes.
TIME is in UTC, such as 2026-11-25T07:00:00Z.";

/// Analyse A/B tests with always-valid statistics, and simulate how long they take
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExperimentArgs {
    #[command(subcommand)]
    command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
enum ExperimentCommand {
    /// Compute the verdict from devices' ledgers or summaries
    Analyze(analyze::AnalyzeArgs),
    /// Write the verdict as a self-contained HTML report with charts
    #[command(after_help = REPORT_HELP)]
    Report(Box<report::ReportArgs>),
    /// Sign a device's summary, for `analyze --require-signed`
    SignSummary(sign::SignSummaryArgs),
    /// Simulate experiments: power, error rates and sample size
    Simulate(simulate::SimulateArgs),
}

pub(crate) fn run(args: &ExperimentArgs, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        ExperimentCommand::Analyze(args) => analyze::run(args, output),
        ExperimentCommand::Report(args) => report::run(args, output),
        ExperimentCommand::SignSummary(args) => sign::run(args, output),
        ExperimentCommand::Simulate(args) => simulate::run(args, output),
    }
}
