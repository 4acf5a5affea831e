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

`pocketune reward train --help` explains the format of --data.";

const DATA: &str = r#"A line of --data is a pair in TRL's formats (prompt, chosen, rejected; as text or as
messages), with optional fields of ours (wrapped here for reading):
  {"prompt": [{"role": "user", "content": "Is ice cold?"}],
   "chosen": [{"role": "assistant", "content": "Yes."}],
   "rejected": [{"role": "assistant", "content": "Well, that depends."}],
   "annotator": "ann"}
  annotator  who made the comparison; annotators who agree with the others get more weight.
             Give it on each line: all lines without it count as one annotator, whose
             comparisons must not contradict each other
  tie        true if neither reply is better
  id         identifies the line in error messages
Use messages for the prompt if the app chats; a text prompt is used without a chat template.

Most of the time goes into computing hidden states: up to five replies per pair (both, and
three corrupted copies of the chosen one), some tens of milliseconds each for a small model.
Training takes milliseconds.

The report is about held-out pairs:
  right            accuracy: the chosen reply scores higher
  of equal length  accuracy on pairs whose lengths differ by at most 10 %
  against length   accuracy on pairs where length alone predicts the wrong reply
  repeat, praise, shuffle
                   mean change of the score when a chosen reply is corrupted in this way
Our own reward models have to reach 80 % on held-out pairs and 70 % on pairs of equal length,
and no corruption may raise the mean score (at most 0)."#;

/// A head is 12 bytes a feature and some hundred more.
pub(crate) const HEAD_BYTES_MAX: u64 = 1 << 20;

/// Train, evaluate and use a reward model: a small head over the model's hidden states
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RewardArgs {
    #[command(subcommand)]
    command: RewardCommand,
}

#[derive(Debug, Subcommand)]
enum RewardCommand {
    /// Train a reward model on preference pairs
    #[command(after_help = DATA)]
    Train(train::TrainArgs),
    /// Evaluate a reward model on held-out preference pairs
    #[command(after_help = DATA)]
    Eval(eval::EvalArgs),
    /// Compute the reward of one reply
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
