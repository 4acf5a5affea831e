//! Arguments that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pocketune_core::{EngineOptions, KvCacheType, TemplateChoice};

use crate::error::RunError;
use crate::files;

/// How a program reports.
#[derive(Debug, Args)]
pub struct Common {
    /// Print one JSON object on standard output
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Hide progress bars, summaries and warnings
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print debug logs, including llama.cpp's
    #[arg(long, short, global = true, help_heading = "Output")]
    pub verbose: bool,
}

/// Which model.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// GGUF file of the model [default: the one scripts/fetch-model.sh fetches]
    #[arg(long, short, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

/// How to load it.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Context length in tokens [default: the model's trained length, at most 4096]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<u32>,
    /// Number of threads [default: the performance cores, at most 4]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Data type of the KV cache
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    pub kv_type: KvType,
    /// Load the weights into memory instead of memory-mapping the file
    #[arg(long)]
    pub no_mmap: bool,
}

impl EngineArgs {
    /// The same for the engine.
    pub fn options(&self) -> EngineOptions {
        EngineOptions {
            context_tokens: self.context,
            threads: self.threads,
            kv_cache_type: self.kv_type.into(),
            use_mmap: !self.no_mmap,
            ..EngineOptions::default()
        }
    }
}

/// How keys and values are cached.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum KvType {
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
pub struct TemplateArgs {
    /// Chat template: `model` (its own), `chatml`, or a file with a Jinja template as
    /// transformers renders it, of at most 128 KiB
    #[arg(long, default_value = "model", value_name = "model|chatml|FILE")]
    pub template: String,
}

impl TemplateArgs {
    /// The file named, if one is.
    pub fn input(&self) -> Option<PathBuf> {
        let is_name = ["model", "chatml"].contains(&self.template.as_str());
        (!is_name).then(|| PathBuf::from(&self.template))
    }

    /// The template, its file read.
    pub fn choice(&self) -> Result<TemplateChoice, RunError> {
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
