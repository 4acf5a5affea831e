//! `experiment`: what A/B tests prove, and how the procedure behaves.

mod analyze;
mod evidence;
mod report;
mod simulate;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use evidence::FILE_BYTES_MAX;

use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune experiment analyze --definition brief.json --ledger phone.jsonl
  pocketune experiment analyze --definition brief.json --summary a.json --summary b.json
  pocketune experiment report --definition brief.json --ledger phone.jsonl --out report.html
  pocketune experiment simulate --definition brief.json --rate pick=0.4:0.6
  pocketune experiment simulate --definition brief.json --items items.jsonl --json";

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
    Report(Box<report::ReportArgs>),
    /// How often the procedure is right, and after how many outcomes
    Simulate(simulate::SimulateArgs),
}

pub(crate) fn run(args: &ExperimentArgs, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        ExperimentCommand::Analyze(args) => analyze::run(args, output),
        ExperimentCommand::Report(args) => report::run(args, output),
        ExperimentCommand::Simulate(args) => simulate::run(args, output),
    }
}
