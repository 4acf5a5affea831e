//! The arguments that say how replies are generated.

use std::path::PathBuf;

use clap::Args;
use pocketune_core::{Constraint, GenerationOptions, Sampling};

use crate::error::CliError;
use crate::files;

#[derive(Debug, Args)]
#[command(next_help_heading = "Generation")]
pub(crate) struct GenerationArgs {
    /// Maximum number of tokens to generate per reply
    #[arg(long, default_value_t = GenerationOptions::default().max_tokens, value_name = "N")]
    max_tokens: u32,
    /// Sampling temperature: 0 is greedy, otherwise 0.001 to 10
    #[arg(long, default_value_t = Sampling::default().temperature, value_name = "X",
          allow_negative_numbers = true)]
    temperature: f32,
    /// Top-k sampling; 0 disables it
    #[arg(long, default_value_t = Sampling::default().top_k, value_name = "N")]
    top_k: u32,
    /// Top-p (nucleus) sampling; 1 disables it
    #[arg(long, default_value_t = Sampling::default().top_p, value_name = "X",
          allow_negative_numbers = true)]
    top_p: f32,
    /// Min-p sampling; 0 disables it
    #[arg(long, default_value_t = Sampling::default().min_p, value_name = "X",
          allow_negative_numbers = true)]
    min_p: f32,
    /// Repetition penalty, 0.01 to 10; 1 disables it
    #[arg(long, default_value_t = Sampling::default().penalties.repeat, value_name = "X",
          allow_negative_numbers = true)]
    repeat_penalty: f32,
    /// Random seed, for reproducible replies
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Greedy decoding
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "repeat_penalty"])]
    greedy: bool,
    /// Stop string; repeatable
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    /// GBNF grammar to constrain replies, with the start symbol `root`
    #[arg(long, value_name = "FILE")]
    grammar: Option<PathBuf>,
    /// JSON Schema to constrain replies
    #[arg(long, value_name = "FILE", conflicts_with = "grammar")]
    json_schema: Option<PathBuf>,
}

impl GenerationArgs {
    /// Reads the files named, if any.
    pub(crate) fn options(&self) -> Result<GenerationOptions, CliError> {
        Ok(GenerationOptions {
            max_tokens: self.max_tokens,
            sampling: self.sampling(),
            stop: self.stop.clone(),
            constraint: self.constraint()?,
        })
    }

    /// The files named.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.grammar.iter().chain(&self.json_schema)
    }

    fn sampling(&self) -> Sampling {
        if self.greedy {
            return Sampling {
                seed: self.seed,
                ..Sampling::greedy()
            };
        }
        let mut sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed: self.seed,
            ..Sampling::default()
        };
        sampling.penalties.repeat = self.repeat_penalty;
        sampling
    }

    fn constraint(&self) -> Result<Option<Constraint>, CliError> {
        if let Some(path) = &self.grammar {
            return Ok(Some(Constraint::Gbnf(files::read_text("grammar", path)?)));
        }
        if let Some(path) = &self.json_schema {
            return Ok(Some(Constraint::JsonSchema(files::read_text(
                "JSON Schema",
                path,
            )?)));
        }
        Ok(None)
    }
}
