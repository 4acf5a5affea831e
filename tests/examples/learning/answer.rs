//! A reply, and what it cost.

use std::time::Instant;

use pocketune_core::{
    CancelToken, ChatOptions, Engine, EvaluationSession, GenerationOptions, Prompt, Reply,
};
use pocketune_tests::measures::Measured;
use serde::{Deserialize, Serialize};

use crate::Result;

/// Longest reply to an unseen prompt that is looked at, in tokens.
pub(crate) const REPLY_TOKENS: u32 = 120;

/// Whose replies are looked at.
pub(crate) enum Arm<'a> {
    /// The model as it is.
    Base(&'a Engine),
    /// The model under an adapter.
    Tuned(&'a EvaluationSession),
}

/// A reply to an unseen prompt, and what it cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) reply: Measured,
    /// Tokens before the reply.
    pub(crate) prompt_tokens: u32,
    /// Tokens of all replies that one was chosen from.
    pub(crate) generated_tokens: u32,
    /// From the request to the end.
    pub(crate) seconds: f64,
}

impl Arm<'_> {
    /// The greedy reply of at most `tokens` tokens.
    fn reply(&self, chat: ChatOptions, text: &str, tokens: u32) -> Result<Reply> {
        let options = GenerationOptions {
            max_tokens: tokens,
            ..GenerationOptions::greedy()
        };
        Ok(match self {
            Self::Base(engine) => engine.chat(chat)?.send(text, &options)?.finish()?,
            Self::Tuned(session) => session.chat(chat)?.send(text, &options)?.finish()?,
        })
    }

    /// Log-probability of a reply by token.
    pub(crate) fn likelihood(&self, prompt: &Prompt, reply: &str) -> Result<f64> {
        let cancel = CancelToken::new();
        let score = match self {
            Self::Base(engine) => engine.score(prompt, reply, &cancel)?,
            Self::Tuned(session) => session.score(prompt, reply, &cancel)?,
        };
        Ok(score.log_probability() / score.tokens.len() as f64)
    }
}

/// The greedy reply to what is asked in a chat.
pub(crate) fn answer(arm: &Arm<'_>, chat: ChatOptions, asked: &str, tokens: u32) -> Result<Answer> {
    let started = Instant::now();
    let reply = arm.reply(chat, asked, tokens)?;
    Ok(Answer {
        prompt_tokens: reply.prompt_tokens,
        generated_tokens: reply.generated_tokens,
        seconds: started.elapsed().as_secs_f64(),
        reply: Measured {
            tokens: reply.generated_tokens,
            text: reply.text,
        },
    })
}
