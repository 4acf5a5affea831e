//! `reward score`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_core::{CancelToken, Message, Prompt};
use serde_json::json;

use super::head;
use crate::args::{EngineArgs, TemplateArgs};
use crate::error::CliError;
use crate::load;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    template: TemplateArgs,
    /// Reward model head
    #[arg(long, value_name = "FILE")]
    head: PathBuf,
    /// User message that the reply answers
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: String,
    /// Reply to score
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reply: String,
    /// System prompt
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
}

pub(super) fn run(args: &ScoreArgs, output: &Output) -> Result<ExitCode, CliError> {
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let model = head(&args.head, &engine)?;
    let prompt = Prompt::Chat {
        system_prompt: args.system.clone(),
        turns: vec![Message::user(args.prompt.as_str())],
        template: args.template.choice()?,
    };
    let score = engine.reward(&model, &prompt, &args.reply, &CancelToken::new())?;
    if output.json {
        output.json(&json!({ "reward": score.reward, "quality": score.quality }))?;
    } else {
        output.rows(&[
            ("reward", format!("{:+.3}", score.reward)),
            ("quality", format!("{:.3}", score.quality)),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}
