//! `tokenize`: how a model cuts a text into tokens.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_core::EngineOptions;
use serde_json::json;

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::{Output, line};
use crate::score::quoted;

const EXAMPLES: &str = "\
Examples:
  pocketune tokenize 'How many tokens is this?'
  pocketune tokenize --control-tokens '<|im_start|>user' --json";
/// Nothing is computed: the smallest context will do.
const CONTEXT_TOKENS: u32 = 64;

/// Tokenize a text
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenizeArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to tokenize
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// Parse control tokens such as <|im_start|> as special tokens
    #[arg(long)]
    control_tokens: bool,
}

pub(crate) fn run(args: &TokenizeArgs, output: &Output) -> Result<ExitCode, CliError> {
    let source = files::model_source(args.model.model.as_deref())?;
    let options = EngineOptions {
        context_tokens: Some(CONTEXT_TOKENS),
        ..EngineOptions::default()
    };
    let engine = load::engine_with(&source, &options, output, &AtomicBool::new(false))?;
    let tokens = engine.tokenize(&args.text, args.control_tokens)?;
    let texts = tokens
        .iter()
        .map(|&token| Ok(engine.detokenize(&[token])?))
        .collect::<Result<Vec<_>, CliError>>()?;
    if output.json {
        let tokens: Vec<_> = tokens
            .iter()
            .zip(&texts)
            .map(|(id, text)| json!({ "id": id, "text": text }))
            .collect();
        output.json(&json!({ "count": tokens.len(), "tokens": tokens }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (id, text) in tokens.iter().zip(&texts) {
        output.text(&format!("{id:>8}  {}\n", line(&quoted(text))))?;
    }
    output.aside(&format!("{} tokens", tokens.len()));
    Ok(ExitCode::SUCCESS)
}
