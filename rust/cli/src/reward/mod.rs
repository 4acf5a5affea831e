//! `reward`: a model of what people prefer.

mod data;
mod eval;
mod report;
mod score;
mod train;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_core::{CancelToken, Engine, Preference, RewardModel, comparisons, replies_at_most};
use pocketune_judge::reward::Comparisons;

use crate::error::CliError;
use crate::files;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune reward train --data pairs.jsonl --out brief.reward.gguf
  pocketune reward train --data ann.jsonl --data bob.jsonl --out ours.reward.gguf --json
  pocketune reward eval --head brief.reward.gguf --data heldout.jsonl
  pocketune reward score --head brief.reward.gguf --prompt 'Is ice cold?' --reply 'Yes.'

A line of --data is a pair in TRL's formats (prompt, chosen, rejected; as text or
as messages), with our own fields beside it where they are known:
  annotator  who compared; answers of each are believed as far as they agree
  tie        true where neither reply is better
  id         names the line in errors";

/// A head is 12 bytes a feature and some hundred more.
pub(crate) const HEAD_BYTES_MAX: u64 = 1 << 20;

/// A head over the model's hidden state that learns which replies are preferred
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RewardArgs {
    #[command(subcommand)]
    command: RewardCommand,
}

#[derive(Debug, Subcommand)]
enum RewardCommand {
    /// Train a head on preferences
    Train(train::TrainArgs),
    /// Look at a head with preferences that it has not seen
    Eval(eval::EvalArgs),
    /// Score one reply
    Score(score::ScoreArgs),
}

pub(crate) fn run(args: &RewardArgs, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        RewardCommand::Train(args) => train::run(args, output),
        RewardCommand::Eval(args) => eval::run(args, output),
        RewardCommand::Score(args) => score::run(args, output),
    }
}

fn head(path: &Path, engine: &Engine) -> Result<RewardModel, CliError> {
    let bytes = files::read_bytes("reward head", path, HEAD_BYTES_MAX)?;
    Ok(RewardModel::parse(&bytes, engine)?)
}

/// Features of everything that preferences compare.
fn features(
    engine: &Engine,
    preferences: &[Preference],
    minimum: usize,
    output: &Output,
) -> Result<Comparisons, CliError> {
    let bar = output.progress("features", replies_at_most(preferences) as u64);
    let cancel = CancelToken::new();
    let found = comparisons(engine, preferences, minimum, &cancel, || bar.inc(1));
    bar.finish_and_clear();
    Ok(found?)
}
