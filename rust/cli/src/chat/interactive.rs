//! The conversation with a person at a terminal.

use std::io::{self, IsTerminal, Write};

use pocketune_core::{Error, ProcessMemory, Role};
use pocketune_terminal::RunError;

use crate::chat::input::{Event, Request, read_lines};
use crate::chat::interrupts::Events;
use crate::chat::session::Session;
use crate::error::CliError;
use crate::output::{human_bytes, printable};

const HELP: &str = "\
/help        this list
/history     what was said
/regenerate  another reply to your last message
/reset       forget what was said, keep the instructions
/stats       what the replies took
/quit        leave, as Ctrl-D does
//text       say something that starts with a slash
Ctrl-C stops a reply; at the prompt it leaves.
";

/// Talks until the person leaves.
pub(crate) fn run(session: &mut Session<'_>, events: Events) -> Result<(), CliError> {
    let Events { sender, receiver } = events;
    read_lines(sender);
    let greeting = format!(
        "{}, {} tokens of context. /help lists commands, Ctrl-D leaves.",
        session.model_name(),
        session.context_tokens()
    );
    session.output().aside(&greeting);
    loop {
        show_prompt();
        match receiver.recv() {
            Ok(Event::Line(line)) => {
                if !serve(session, &Request::parse(&line))? {
                    return Ok(());
                }
            }
            Ok(Event::End | Event::Interrupted) | Err(_) => {
                // The shell's prompt belongs on a line of its own.
                session.output().aside("");
                return Ok(());
            }
        }
    }
}

/// Does what a line asks for; false to leave.
fn serve(session: &mut Session<'_>, request: &Request<'_>) -> Result<bool, CliError> {
    let output = session.output();
    match request {
        Request::Nothing => Ok(()),
        Request::Say(text) => session.send(text).map(|_| ()),
        Request::Regenerate => session.regenerate().map(|_| ()),
        Request::Help => Ok(output.text(HELP)?),
        Request::History => show_history(session),
        Request::Reset => session.reset().map(|()| output.aside("forgotten")),
        Request::Stats => show_stats(session),
        Request::Quit => return Ok(false),
        Request::Unknown(_) => {
            output.note("there is no such command; /help lists them");
            Ok(())
        }
    }
    .or_else(|error| survive(session, error))?;
    Ok(true)
}

/// A turn that failed leaves the conversation usable, unless nobody can read it.
fn survive(session: &Session<'_>, error: CliError) -> Result<(), CliError> {
    match error {
        CliError::Run(RunError::Core(Error::Closed) | RunError::Output(_)) => Err(error),
        error => {
            session.output().note(&format!("error: {error}"));
            Ok(())
        }
    }
}

fn show_prompt() {
    if io::stderr().is_terminal() {
        let mut err = io::stderr().lock();
        // Without a place to write there is nobody to prompt.
        let _ = write!(err, "> ").and_then(|()| err.flush());
    }
}

fn show_history(session: &Session<'_>) -> Result<(), CliError> {
    let Some(chat) = session.chat() else {
        session.output().note("completions have no history");
        return Ok(());
    };
    let mut text = String::new();
    if let Some(system) = chat.system_prompt() {
        text.push_str(&format!("system: {}\n", printable(&system)));
    }
    for message in chat.history() {
        let who = match message.role {
            Role::System => "system",
            Role::User => "you",
            Role::Assistant => "model",
        };
        text.push_str(&format!("{who}: {}\n", printable(&message.content)));
    }
    Ok(session.output().text(&text)?)
}

fn show_stats(session: &Session<'_>) -> Result<(), CliError> {
    let totals = session.totals();
    let mut rows = vec![
        ("replies", totals.replies.to_string()),
        ("tokens generated", totals.generated_tokens.to_string()),
        (
            "prompt tokens",
            format!("{}, {} reused", totals.prompt_tokens, totals.reused_tokens),
        ),
        (
            "context",
            format!(
                "{} of {} tokens",
                totals.context_used_tokens,
                session.context_tokens()
            ),
        ),
    ];
    if let Some(memory) = ProcessMemory::now() {
        rows.push(("memory now", human_bytes(memory.rss_bytes)));
    }
    Ok(session.output().rows(&rows)?)
}
