//! The commands.

use clap::{Parser, Subcommand};
pub(crate) use pocketune_terminal::args::{Common, EngineArgs, ModelArgs, TemplateArgs};

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

const EXIT_CODES: &str = "\
Without --model the default model is used, which scripts/fetch-model.sh fetches
to $POCKETUNE_MODELS, by default ~/.cache/pocketune/models.

Output paths are checked before a command starts. Output files are written
atomically when it ends: an existing file is replaced only then. Private keys are
never overwritten; attestations are appended. Output to a pipe, a device, a folder
or one of the command's own input files is refused.

With --json standard output holds exactly one JSON object; on failure it is
{\"error\": {\"kind\": …, \"message\": …}} (rust/FORMATS.md).

Exit codes: 0 success; 1 refused or failed, the reason is on standard error;
2 invalid command line; 101 a bug in pocketune; 130 or 143 cancelled by Ctrl-C
or SIGTERM. A second Ctrl-C ends the process at once.";

/// Run, fine-tune and evaluate small language models (GGUF) on this machine.
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
    /// Benchmark prefill, decoding and memory against plain llama.cpp
    Bench(BenchArgs),
    Fit(FitArgs),
    Inspect(InspectArgs),
    Score(ScoreArgs),
    Embed(EmbedArgs),
    Tokenize(TokenizeArgs),
    Tune(Box<TuneArgs>),
    /// Benchmark training steps: speed and memory
    TuneBench(BenchArgs),
    Adapter(Box<AdapterArgs>),
    Evaluate(EvaluateArgs),
    Experiment(ExperimentArgs),
    Reward(RewardArgs),
    Policy(PolicyArgs),
    Key(KeyArgs),
}
