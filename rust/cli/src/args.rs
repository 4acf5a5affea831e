//! The commands.

use clap::{Parser, Subcommand};
pub(crate) use pocketune_terminal::args::{Common, EngineArgs, KvType, ModelArgs, TemplateArgs};

use crate::adapter::AdapterArgs;
use crate::bench::BenchArgs;
use crate::chat::ChatArgs;
use crate::embed::EmbedArgs;
use crate::evaluate::EvaluateArgs;
use crate::experiment::ExperimentArgs;
use crate::fit::FitArgs;
use crate::inspect::InspectArgs;
use crate::key::KeyArgs;
use crate::policy::PolicyArgs;
use crate::reward::RewardArgs;
use crate::score::ScoreArgs;
use crate::tokenize::TokenizeArgs;
use crate::tune::TuneArgs;
use crate::tune_bench::TuneBenchArgs;

const EXIT_CODES: &str = "\
Without --model the default model is used, which scripts/fetch-model.sh fetches
to $POCKETUNE_MODELS, by default ~/.cache/pocketune/models.

Files that a command writes are checked before its work begins, and take their
places together at its end: an older file stays until everything is done, and
is then replaced. Keys are never replaced; attestations are added to. Pipes,
devices, folders and files that the command reads are refused.

With --json standard output holds exactly one JSON object, after a failure
{\"error\": {\"kind\": …, \"message\": …}} (rust/FORMATS.md).

Exit codes: 0 done; 1 refused or failed, the reason is on standard error;
2 the command line makes no sense; 101 a fault of pocketune itself; 130 or 143
cancelled by Ctrl-C or SIGTERM. A second one ends the process at once.";

/// Small language models on this machine: chat, measure, inspect, tune.
#[derive(Debug, Parser)]
#[command(name = "pocketune", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Chat(Box<ChatArgs>),
    Bench(BenchArgs),
    Fit(FitArgs),
    Inspect(InspectArgs),
    Score(ScoreArgs),
    Embed(EmbedArgs),
    Tokenize(TokenizeArgs),
    Tune(Box<TuneArgs>),
    TuneBench(TuneBenchArgs),
    Adapter(Box<AdapterArgs>),
    Evaluate(EvaluateArgs),
    Experiment(ExperimentArgs),
    Reward(RewardArgs),
    Policy(PolicyArgs),
    Key(KeyArgs),
    /// Keep one core busy until standard input ends
    #[command(hide = true)]
    Busy,
}
