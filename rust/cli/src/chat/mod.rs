//! `chat`: a conversation, or plain completions, with one model.

mod generation;
mod input;
mod interactive;
mod interrupts;
mod session;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use pocketune_core::{Engine, Error, Reply, StopReason, Store};
use serde_json::json;

use crate::args::{EngineArgs, TemplateArgs};
use crate::candidate::must_exist;
use crate::candidate::{CandidateArgs, Subject};
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{OutFile, Places};
use crate::output::{Output, printable};
use generation::GenerationArgs;
use interrupts::Interrupts;
use session::{Session, reply_json};

const EXAMPLES: &str = "\
Examples:
  pocketune chat
  pocketune chat --prompt 'Name three rivers.' --prompt 'Which is the longest?'
  echo 'Write a haiku about rain.' | pocketune chat --temperature 0.9 --seed 7
  pocketune chat --raw --prompt 'The capital of France is' --max-tokens 8 --greedy
  pocketune chat --prompt 'Describe a cat.' --json-schema cat.schema.json --json
  pocketune chat --prompt 'My name is Ada.' --save talk.ptchat
  pocketune chat --restore talk.ptchat --prompt 'What is my name?'
  pocketune chat --candidate brief.gguf --prompt 'Is ice cold?'
  pocketune chat --store app --prompt 'Is ice cold?'

Without --prompt the chat is interactive: /help lists commands, Ctrl-C stops a
reply and Ctrl-D quits. If standard input is not a terminal, it is read as one prompt.";

/// Chat with a model, interactively or with given prompts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    generation: GenerationArgs,
    #[command(flatten)]
    candidate: CandidateArgs,
    /// Apply the active adapters of this adapter store; their signatures are verified first
    #[arg(long, value_name = "DIR", conflicts_with = "candidate")]
    store: Option<PathBuf>,
    /// System prompt
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
    /// User message; repeat for a conversation of several turns
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Vec<String>,
    /// Complete each prompt as raw text, without a chat template
    #[arg(long, conflicts_with_all = ["system", "template", "drop_oldest", "save", "restore"])]
    raw: bool,
    /// Drop the oldest turns when the conversation exceeds the context length
    #[arg(long)]
    drop_oldest: bool,
    /// Save the conversation and its KV cache to this file; it may be the file of --restore
    #[arg(long, value_name = "FILE", conflicts_with = "candidate")]
    save: Option<PathBuf>,
    /// Continue a saved conversation
    #[arg(long, value_name = "FILE", conflicts_with_all = ["system", "candidate"])]
    restore: Option<PathBuf>,
}

/// Where turns come from.
enum Turns {
    Given(Vec<String>),
    FromPerson,
}

pub(crate) fn run(args: &ChatArgs, output: &Output) -> Result<ExitCode, CliError> {
    let save_to = args.save_to()?;
    if let Some(folder) = &args.store {
        must_exist(folder)?;
    }
    let turns = turns(args, output)?;
    let options = args.generation.options()?;
    let template = args.template.choice()?;
    let (interrupts, events) = Interrupts::install();
    let engine = load::engine(&args.engine, output, interrupts.asked())?;
    if let Some(folder) = &args.store {
        apply_store(folder, &engine, output)?;
    }
    let subject = Subject::open(&engine, args.candidate.read(&engine)?)?;
    let chat = session::start_chat(&subject, args, template)?;
    let mut session = Session::new(subject, chat, save_to, options, &interrupts, *output);
    let replies = match turns {
        Turns::Given(prompts) => one_after_the_other(&mut session, &prompts, output)?,
        Turns::FromPerson => {
            interactive::run(&mut session, events)?;
            Vec::new()
        }
    };
    session.save()?;
    if output.json {
        let replies: Vec<_> = replies.iter().map(reply_json).collect();
        output.json(&json!({ "model": session.model_name(), "replies": replies }))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl ChatArgs {
    /// Where the conversation is saved; known to be possible before anything is said.
    fn save_to(&self) -> Result<Option<OutFile>, CliError> {
        let Some(path) = &self.save else {
            return Ok(None);
        };
        // The restored file was read by then: a conversation may go on in place.
        let model = files::model_path(self.engine.model.model.as_deref()).ok();
        let template = self.template.input();
        let inputs = model.iter().chain(&template);
        let mut places = Places::beside(inputs.chain(self.generation.inputs()));
        places.private("--save", path).map(Some)
    }
}

/// Lets the engine compute under what is active in the store, and says what no longer
/// passes.
fn apply_store(folder: &Path, engine: &Arc<Engine>, output: &Output) -> Result<(), CliError> {
    let store = Store::open_with(folder, Arc::clone(engine), None)?;
    for refused in store.adapters().apply(pocketune_core::now())? {
        let refusal = &refused.refusal;
        output.note(&format!("the model answers as it is: {refusal}"));
    }
    Ok(())
}

fn turns(args: &ChatArgs, output: &Output) -> Result<Turns, CliError> {
    if !args.prompt.is_empty() {
        return Ok(Turns::Given(args.prompt.clone()));
    }
    if std::io::stdin().is_terminal() {
        if output.json {
            return Err(CliError::usage(
                "--json needs a --prompt or piped standard input",
            ));
        }
        return Ok(Turns::FromPerson);
    }
    let text = files::read_prompt(std::io::stdin().lock())?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(CliError::usage(
            "there is no --prompt and standard input is empty",
        ));
    }
    Ok(Turns::Given(vec![text.to_owned()]))
}

fn one_after_the_other(
    session: &mut Session<'_>,
    prompts: &[String],
    output: &Output,
) -> Result<Vec<Reply>, CliError> {
    let echo = prompts.len() > 1 && !output.json && std::io::stdout().is_terminal();
    let mut replies = Vec::new();
    for prompt in prompts {
        if echo {
            output.text(&format!("> {}\n", printable(prompt)))?;
        }
        let reply = session.send(prompt)?;
        if reply.stop_reason == StopReason::Cancelled {
            return Err(Error::Cancelled.into());
        }
        replies.push(reply);
    }
    Ok(replies)
}
