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

The fields of --data are explained by `pocketune reward train --help`.";

const DATA: &str = r#"A line of --data is a pair in TRL's formats (prompt, chosen, rejected; as text or as
messages), with our own fields beside it; broken here:
  {"prompt": [{"role": "user", "content": "Is ice cold?"}],
   "chosen": [{"role": "assistant", "content": "Yes."}],
   "rejected": [{"role": "assistant", "content": "Well, that depends."}],
   "annotator": "ann"}
  annotator  who compared; the more one agrees with what the others teach, the more one
             is believed. It must stand in each line: all lines without it count as one
             person's, who may not contradict himself
  tie        true where neither reply is better
  id         names the line in errors
Give prompts as messages if the app chats; a text prompt is read without the chat template.

The cost is in the features: up to five replies a pair (both, and three spoiled copies of
the chosen one), some tens of milliseconds each with a small model. Training itself takes
milliseconds.

What is printed is about pairs that the head was not trained on:
  right            the chosen reply scores higher
  of equal length  the same where lengths differ by at most a tenth
  against length   the same where the chosen reply is longer although chosen ones are
                   mostly shorter, or the other way round: length alone is always wrong here
  repeat, praise, shuffle
                   what spoiling a chosen reply does to its score
Our own heads have to be right in 80 % of held-out pairs, in 70 % where replies are of equal
length, and no spoiled copy may score higher in the mean (at most 0)."#;

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
    #[command(after_help = DATA)]
    Train(train::TrainArgs),
    /// Look at a head with preferences that it has not seen
    #[command(after_help = DATA)]
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
