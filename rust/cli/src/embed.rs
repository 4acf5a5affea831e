//! `embed`: the pooled hidden state of a text.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use pocketune_core::{CancelToken, Pooling, Prompt};
use serde_json::json;

use crate::args::EngineArgs;
use crate::error::CliError;
use crate::load;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune embed 'A cat sat on the mat.' --normalize --json
  pocketune embed 'A cat sat on the mat.' --pooling last";
const VALUES_SHOWN: usize = 6;

/// Compute the embedding of a text
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EmbedArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Text to embed
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// Pooling over the tokens' last hidden states
    #[arg(long, value_enum, default_value_t)]
    pooling: PoolingKind,
    /// L2-normalize the embedding
    #[arg(long)]
    normalize: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum PoolingKind {
    /// Mean over all tokens
    #[default]
    Mean,
    /// The last token
    Last,
}

pub(crate) fn run(args: &EmbedArgs, output: &Output) -> Result<ExitCode, CliError> {
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let pooling = match args.pooling {
        PoolingKind::Mean => Pooling::Mean,
        PoolingKind::Last => Pooling::Last,
    };
    let prompt = Prompt::Raw(args.text.clone());
    let embedding = engine.embed(&prompt, pooling, &CancelToken::new())?;
    let values = if args.normalize {
        embedding.normalized()
    } else {
        embedding.values
    };
    if output.json {
        output.json(&json!({
            "dimensions": values.len(),
            "tokens": embedding.tokens,
            "normalized": args.normalize,
            "values": values,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let length = values
        .iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .sqrt();
    let first: Vec<_> = values
        .iter()
        .take(VALUES_SHOWN)
        .map(|x| format!("{x:.4}"))
        .collect();
    output.rows(&[
        ("tokens", embedding.tokens.to_string()),
        ("dimensions", values.len().to_string()),
        ("length", format!("{length:.4}")),
        (
            "values",
            format!("{} … (all of them with --json)", first.join(" ")),
        ),
    ])?;
    Ok(ExitCode::SUCCESS)
}
