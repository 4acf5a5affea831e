//! Commands and the arguments that several of them share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pocketune_core::{EngineOptions, KvCacheType, TemplateChoice};

use crate::adapter::AdapterArgs;
use crate::bench::BenchArgs;
use crate::chat::ChatArgs;
use crate::embed::EmbedArgs;
use crate::error::CliError;
use crate::evaluate::EvaluateArgs;
use crate::experiment::ExperimentArgs;
use crate::files;
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

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print exactly one JSON object on standard output
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Leave out progress bars, summaries and warnings
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Log what happens, llama.cpp's own lines included
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
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

/// Which model.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// GGUF file of the model [default: the one scripts/fetch-model.sh fetches]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
}

/// How to load it.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Tokens of prompt and reply together [default: as trained, at most 4096]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<u32>,
    /// Threads that compute [default: the fast cores, at most 4]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u32>,
    /// How keys and values are cached
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    pub(crate) kv_type: KvType,
    /// Copy the weights into memory instead of mapping the file
    #[arg(long)]
    pub(crate) no_mmap: bool,
}

impl EngineArgs {
    pub(crate) fn options(&self) -> EngineOptions {
        EngineOptions {
            context_tokens: self.context,
            threads: self.threads,
            kv_cache_type: self.kv_type.into(),
            use_mmap: !self.no_mmap,
            ..EngineOptions::default()
        }
    }
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum KvType {
    /// 16-bit floats
    #[default]
    #[value(name = "f16")]
    F16,
    /// 8-bit blocks: about half the memory
    #[value(name = "q8_0")]
    Q8_0,
    /// 32-bit floats, for exact comparisons
    #[value(name = "f32")]
    F32,
}

impl From<KvType> for KvCacheType {
    fn from(kind: KvType) -> Self {
        match kind {
            KvType::F16 => Self::F16,
            KvType::Q8_0 => Self::Q8_0,
            KvType::F32 => Self::F32,
        }
    }
}

/// Where the chat template comes from.
#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// Chat template: `model` (its own), `chatml`, or a file with a Jinja template as
    /// transformers renders it, of at most 128 KiB
    #[arg(long, default_value = "model", value_name = "model|chatml|FILE")]
    pub(crate) template: String,
}

impl TemplateArgs {
    /// The file named, if one is.
    pub(crate) fn input(&self) -> Option<PathBuf> {
        let is_name = ["model", "chatml"].contains(&self.template.as_str());
        (!is_name).then(|| PathBuf::from(&self.template))
    }

    pub(crate) fn choice(&self) -> Result<TemplateChoice, CliError> {
        match self.template.as_str() {
            "model" => Ok(TemplateChoice::Model),
            "chatml" => Ok(TemplateChoice::ChatMl),
            file => Ok(TemplateChoice::Jinja(files::read_text(
                "template",
                file.as_ref(),
            )?)),
        }
    }
}
