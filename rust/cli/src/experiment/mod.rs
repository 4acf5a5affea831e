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

Definitions, ledgers, summaries and items are described in rust/FORMATS.md. An experiment
goes on until an app calls `conclude`: a verdict, and a limit that is reached, end nothing by
themselves.

One ledger is about the person who uses its device. Several files are about people, each of
whom counts once: by the first outcomes of each arm, as many as the definition's
`personOutcomes` says (8 where it does not), so that a summary of 800 picks weighs as much as
one of 8. A device with fewer does not count yet, nor does one that showed one arm alone. A
summary alone shows its device's figures and decides nothing.

A summary holds all that its device has counted so far: give the latest of each device and
leave out older ones. Nothing is sent by itself. Whoever can write summaries can write many:
with --require-signed only those count that a device's key signed, one person a key; others are
passed over with a reason, as are summaries of one run that several keys signed.";

const REPORT_HELP: &str = "\
--reward is what `pocketune reward eval --json > reward.json` writes.
TIME is in UTC, such as 2026-11-25T07:00:00Z.";

/// What A/B tests prove, and how long they take
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExperimentArgs {
    #[command(subcommand)]
    command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
enum ExperimentCommand {
    /// The verdict on what devices saw
    Analyze(analyze::AnalyzeArgs),
    /// The same as one HTML file for people to read, with pictures and digests
    #[command(after_help = REPORT_HELP)]
    Report(Box<report::ReportArgs>),
    /// Sign a device's summary, so that an analysis can demand it
    SignSummary(sign::SignSummaryArgs),
    /// How often the procedure is right, and after how many outcomes or people
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
