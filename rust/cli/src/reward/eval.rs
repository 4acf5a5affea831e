//! `reward eval`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_judge::reward::{Reliabilities, RewardReport};

use super::{data, features, head, report};
use crate::args::EngineArgs;
use crate::error::CliError;
use crate::load;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Reward model head
    #[arg(long, value_name = "FILE")]
    head: PathBuf,
    /// Held-out preference pairs (JSON Lines); repeatable
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
}

pub(super) fn run(args: &EvalArgs, output: &Output) -> Result<ExitCode, CliError> {
    let preferences = data::read(&args.data)?;
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let model = head(&args.head, &engine)?;
    let held_out = features(&engine, &preferences, 1, output)?;
    let known = Reliabilities::default();
    let report = RewardReport::evaluate(model.head(), &held_out, &known)?;
    if output.json {
        output.json(&report)?;
    } else {
        output.text(&report::table(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}
