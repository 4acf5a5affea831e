//! One run of `chat`: sends turns, streams replies, adds up what they cost.

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;

use pocketune_core::{
    CancelToken, ChatOptions, Error, GenerationOptions, OverflowPolicy, Reply, ReplyPart,
    ReplyStream, SavedChat, StopReason, TemplateChoice,
};
use pocketune_terminal::Failure as _;
use serde_json::{Value, json};

use crate::candidate::{Conversation, Subject};
use crate::chat::ChatArgs;
use crate::chat::interrupts::Interrupts;
use crate::error::CliError;
use crate::load;
use crate::out_files::{self, OutFile};
use crate::output::{Output, print, printable};

/// A conversation, or a row of completions.
pub(crate) struct Session<'a> {
    subject: Subject<'a>,
    // None: plain completions.
    chat: Option<Conversation>,
    options: GenerationOptions,
    interrupts: &'a Interrupts,
    output: Output,
    save_to: Option<OutFile>,
    last_prompt: Option<String>,
    totals: Totals,
}

/// What all replies of a session cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) replies: u32,
    pub(crate) generated_tokens: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) reused_tokens: u64,
    /// Tokens of the context that the last turn occupies.
    pub(crate) context_used_tokens: u64,
}

impl<'a> Session<'a> {
    /// Without a `chat`: completions.
    pub(crate) fn new(
        subject: Subject<'a>,
        chat: Option<Conversation>,
        save_to: Option<OutFile>,
        options: GenerationOptions,
        interrupts: &'a Interrupts,
        output: Output,
    ) -> Self {
        Self {
            subject,
            chat,
            options,
            interrupts,
            output,
            save_to,
            last_prompt: None,
            totals: Totals::default(),
        }
    }

    /// Says `text` and streams the reply.
    pub(crate) fn send(&mut self, text: &str) -> Result<Reply, CliError> {
        self.last_prompt = Some(text.to_owned());
        let stream = match &self.chat {
            Some(chat) => chat.send(text, &self.options)?,
            None => self.subject.complete(text, &self.options)?,
        };
        self.follow(&stream)
    }

    /// Asks for another reply to what was said last.
    pub(crate) fn regenerate(&mut self) -> Result<Reply, CliError> {
        let stream = match &self.chat {
            Some(chat) => chat.regenerate(&self.options)?,
            None => {
                let nothing = Error::NotNow {
                    reason: "there is no reply to regenerate",
                };
                let prompt = self.last_prompt.clone().ok_or(nothing)?;
                self.subject.complete(&prompt, &self.options)?
            }
        };
        self.follow(&stream)
    }

    /// Writes the reply as it comes.
    fn follow(&mut self, stream: &ReplyStream) -> Result<Reply, CliError> {
        let running = self.interrupts.running(stream.cancel_token());
        if self.interrupts.asked().load(Ordering::Relaxed) {
            return Err(Error::Cancelled.into());
        }
        let mut page = Page::new(self.output.json, self.save_to.is_some());
        for part in stream {
            match part? {
                ReplyPart::Text(text) => page.write(&text)?,
                ReplyPart::Done(reply) => {
                    drop(running);
                    page.end()?;
                    self.count(&reply);
                    self.output.aside(&summary(&reply));
                    return Ok(reply);
                }
            }
        }
        Err(Error::Closed.into())
    }

    fn count(&mut self, reply: &Reply) {
        let totals = &mut self.totals;
        totals.replies += 1;
        totals.generated_tokens += u64::from(reply.generated_tokens);
        totals.prompt_tokens += u64::from(reply.prompt_tokens);
        totals.reused_tokens += u64::from(reply.reused_tokens);
        totals.context_used_tokens =
            u64::from(reply.prompt_tokens) + u64::from(reply.generated_tokens);
    }

    /// Forgets what was said; the instructions stay.
    pub(crate) fn reset(&mut self) -> Result<(), CliError> {
        self.last_prompt = None;
        self.totals.context_used_tokens = 0;
        match &self.chat {
            Some(chat) => Ok(chat.forget()?),
            None => Ok(()),
        }
    }

    /// Writes the conversation to the file that was asked for, if any.
    pub(crate) fn save(&self) -> Result<(), CliError> {
        let (Some(Conversation::Base(chat)), Some(file)) = (&self.chat, &self.save_to) else {
            return Ok(());
        };
        let saved = chat.save(&CancelToken::new())?.to_bytes()?;
        out_files::write(file, &saved)?;
        self.output.aside("saved");
        Ok(())
    }

    pub(crate) fn chat(&self) -> Option<&Conversation> {
        self.chat.as_ref()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    pub(crate) fn context_tokens(&self) -> u32 {
        self.subject.engine.memory_estimate().context_tokens
    }

    pub(crate) fn model_name(&self) -> String {
        load::title(self.subject.engine.facts())
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }
}

/// The conversation, new or restored; none where prompts are only gone on with.
pub(super) fn start_chat(
    subject: &Subject<'_>,
    args: &ChatArgs,
    template: TemplateChoice,
) -> Result<Option<Conversation>, CliError> {
    if args.raw {
        return Ok(None);
    }
    let overflow = if args.drop_oldest {
        OverflowPolicy::DropOldestTurns
    } else {
        OverflowPolicy::Error
    };
    let chat = subject.chat(ChatOptions {
        system_prompt: args.system.clone(),
        history: Vec::new(),
        template,
        overflow,
    })?;
    if let (Conversation::Base(chat), Some(path)) = (&chat, &args.restore) {
        chat.restore(SavedChat::read(path)?, &CancelToken::new())?;
    }
    Ok(Some(chat))
}

/// Standard output while a reply is written to it.
struct Page {
    silent: bool,
    /// Whether the conversation is worth something without a reader.
    goes_on: bool,
    terminal: bool,
    at_line_start: bool,
}

impl Page {
    fn new(silent: bool, goes_on: bool) -> Self {
        Self {
            silent,
            goes_on,
            terminal: io::stdout().is_terminal(),
            at_line_start: true,
        }
    }

    fn write(&mut self, text: &str) -> Result<(), CliError> {
        if self.silent || text.is_empty() {
            return Ok(());
        }
        self.at_line_start = text.ends_with('\n');
        if self.terminal {
            self.put(&printable(text))
        } else {
            self.put(text)
        }
    }

    fn end(&mut self) -> Result<(), CliError> {
        if self.silent || self.at_line_start {
            return Ok(());
        }
        self.put("\n")
    }

    fn put(&mut self, text: &str) -> Result<(), CliError> {
        match print(text) {
            Err(error) if error.is_broken_pipe() && self.goes_on => {
                self.silent = true;
                Ok(())
            }
            printed => Ok(printed?),
        }
    }
}

fn summary(reply: &Reply) -> String {
    let mut parts = vec![format!("{} tokens", reply.generated_tokens)];
    if reply.generated_tokens > 1 {
        parts.push(format!("{:.1} tok/s", reply.decode_tokens_per_s));
    }
    if reply.generated_tokens > 0 {
        parts.push(format!(
            "first after {:.0} ms",
            reply.time_to_first_token_ms
        ));
    }
    parts.push(format!(
        "{} of {} prompt tokens reused",
        reply.reused_tokens, reply.prompt_tokens
    ));
    if reply.dropped_messages > 0 {
        parts.push(format!(
            "{} oldest messages left out",
            reply.dropped_messages
        ));
    }
    match reply.stop_reason {
        StopReason::EndOfTurn | StopReason::StopString => {}
        StopReason::MaxTokens => parts.push("cut at --max-tokens".to_owned()),
        StopReason::ContextFull => parts.push("cut: the context is full".to_owned()),
        StopReason::Cancelled => parts.push("cancelled".to_owned()),
    }
    format!("[{}]", parts.join(", "))
}

/// A reply for programs.
pub(crate) fn reply_json(reply: &Reply) -> Value {
    let stop_reason = match reply.stop_reason {
        StopReason::EndOfTurn => "end_of_turn",
        StopReason::StopString => "stop_string",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ContextFull => "context_full",
        StopReason::Cancelled => "cancelled",
    };
    let origin = &reply.origin;
    json!({
        "id": origin.id,
        "time": origin.time,
        "adapters": origin.adapters,
        "sampling": origin.sampling,
        "text": reply.text,
        "stop_reason": stop_reason,
        "prompt_tokens": reply.prompt_tokens,
        "reused_tokens": reply.reused_tokens,
        "generated_tokens": reply.generated_tokens,
        "dropped_messages": reply.dropped_messages,
        "time_to_first_token_ms": reply.time_to_first_token_ms,
        "prefill_tokens_per_s": reply.prefill_tokens_per_s,
        "decode_tokens_per_s": reply.decode_tokens_per_s,
    })
}
