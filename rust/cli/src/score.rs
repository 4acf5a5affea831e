//! `score`: how likely a reply is after a prompt.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_core::{CancelToken, Message, Prompt, Scorer as _};
use serde_json::json;

use crate::args::{EngineArgs, TemplateArgs};
use crate::candidate::{CandidateArgs, Subject};
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::{Output, line};

const EXAMPLES: &str = "\
Examples:
  pocketune score --prompt 'What is the capital of France?' --reply 'Paris.'
  pocketune score --raw --prompt 'The capital of France is' --reply ' Paris' --json
  pocketune score --prompt-file question.txt --reply 'Yes.' --system 'Be brief.'
  pocketune score --candidate brief.gguf --prompt 'Is ice cold?' --reply 'Yes.'";

/// Compute the log-probability and perplexity of a reply given a prompt
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("prompts").required(true).args(["prompt", "prompt_file"])))]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    candidate: CandidateArgs,
    /// User message that the reply answers
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// Read the user message from a file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    prompt_file: Option<PathBuf>,
    /// The reply to score
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reply: String,
    /// System prompt
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
    /// Use the prompt as raw text, without a chat template
    #[arg(long, conflicts_with_all = ["system", "template"])]
    raw: bool,
}

pub(crate) fn run(args: &ScoreArgs, output: &Output) -> Result<ExitCode, CliError> {
    let prompt = args.prompt()?;
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let subject = Subject::open(&engine, args.candidate.read(&engine)?)?;
    let score = subject.score(&prompt, &args.reply, &CancelToken::new())?;
    let tokens = score
        .tokens
        .iter()
        .map(|token| Ok((engine.detokenize(&[token.token])?, token)))
        .collect::<Result<Vec<_>, CliError>>()?;
    if output.json {
        let tokens: Vec<_> = tokens
            .iter()
            .map(|(text, token)| {
                json!({ "id": token.token, "text": text, "log_probability": token.log_probability })
            })
            .collect();
        output.json(&json!({
            "log_probability": score.log_probability(),
            "perplexity": score.perplexity(),
            "tokens": tokens,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output.rows(&[
        ("log-probability", format!("{:.4}", score.log_probability())),
        ("perplexity", format!("{:.4}", score.perplexity())),
        ("tokens", tokens.len().to_string()),
    ])?;
    for (text, token) in &tokens {
        output.text(&format!(
            "{:>10.4}  {}\n",
            token.log_probability,
            line(&quoted(text))
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl ScoreArgs {
    fn prompt(&self) -> Result<Prompt, CliError> {
        let text = match (&self.prompt, &self.prompt_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => files::read_text("prompt", path)?,
            (None, None) => return Err(CliError::usage("--prompt or --prompt-file is needed")),
        };
        if self.raw {
            return Ok(Prompt::Raw(text));
        }
        Ok(Prompt::Chat {
            system_prompt: self.system.clone(),
            turns: vec![Message::user(text)],
            template: self.template.choice()?,
        })
    }
}

/// A token with its spaces made visible.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
