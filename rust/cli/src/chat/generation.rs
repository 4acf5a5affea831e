//! The arguments that say how replies are generated.

use std::path::PathBuf;

use clap::Args;
use pocketune_core::{Constraint, GenerationOptions, Sampling};

use crate::error::CliError;
use crate::files;

#[derive(Debug, Args)]
#[command(next_help_heading = "Generation")]
pub(crate) struct GenerationArgs {
    /// Most tokens of a reply
    #[arg(long, default_value_t = GenerationOptions::default().max_tokens, value_name = "N")]
    max_tokens: u32,
    /// Randomness: 0 takes the likeliest token, else 0.001 to 10
    #[arg(long, default_value_t = Sampling::default().temperature, value_name = "X",
          allow_negative_numbers = true)]
    temperature: f32,
    /// Draw from this many of the likeliest tokens; 0 from all
    #[arg(long, default_value_t = Sampling::default().top_k, value_name = "N")]
    top_k: u32,
    /// Draw from the smallest set of tokens with this probability; 1 is off
    #[arg(long, default_value_t = Sampling::default().top_p, value_name = "X",
          allow_negative_numbers = true)]
    top_p: f32,
    /// Leave out tokens this much less likely than the likeliest; 0 is off
    #[arg(long, default_value_t = Sampling::default().min_p, value_name = "X",
          allow_negative_numbers = true)]
    min_p: f32,
    /// Penalty on tokens used lately, 0.01 to 10; 1 is off
    #[arg(long, default_value_t = Sampling::default().penalties.repeat, value_name = "X",
          allow_negative_numbers = true)]
    repeat_penalty: f32,
    /// Seed of the draw, for the same reply again
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Always take the likeliest token
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "repeat_penalty"])]
    greedy: bool,
    /// End a reply before this text; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    /// GBNF grammar that replies must follow, with the start symbol `root`
    #[arg(long, value_name = "FILE")]
    grammar: Option<PathBuf>,
    /// JSON Schema that replies must satisfy
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
