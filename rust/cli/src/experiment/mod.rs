//! `experiment`: what A/B tests prove, and how the procedure behaves.

mod analyze;
mod simulate;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_judge::experiment::Definition;

use crate::error::CliError;
use crate::files;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune experiment analyze --definition brief.json --ledger phone.jsonl
  pocketune experiment analyze --definition brief.json --summary a.json --summary b.json
  pocketune experiment simulate --definition brief.json --rate pick=0.4:0.6
  pocketune experiment simulate --definition brief.json --items items.jsonl --json";

/// A definition or a summary may be this long.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 28;

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
    /// How often the procedure is right, and after how many outcomes
    Simulate(simulate::SimulateArgs),
}

pub(crate) fn run(args: &ExperimentArgs, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        ExperimentCommand::Analyze(args) => analyze::run(args, output),
        ExperimentCommand::Simulate(args) => simulate::run(args, output),
    }
}

fn definition(path: &Path) -> Result<Definition, CliError> {
    let bytes = files::read_bytes("definition", path, FILE_BYTES_MAX)?;
    Ok(Definition::parse(&bytes)?)
}
