//! Suites, answered by a model: by one arm of a comparison.

use pocketune_judge::critic::{Panel, ReplyEnd};
use pocketune_judge::suite::{Item, ItemReply, ItemResult, Suite, SuiteReplies, SuiteResult};
use serde::{Deserialize, Serialize};

use crate::cancel::CancelToken;
use crate::conversation::{ChatOptions, Message, Prompt, TemplateChoice};
use crate::engine::Engine;
use crate::error::Error;
use crate::evaluation::EvaluationSession;
use crate::options::GenerationOptions;
use crate::reply::{Reply, ReplyPart, ReplyStream, StopReason};
use crate::results::Score;

/// What tells how likely a reply is: an engine as it is, or under a candidate.
pub trait Scorer {
    /// Log-probability of each token of `reply` after `prompt`.
    ///
    /// # Errors
    /// As [`Engine::score`].
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error>;
}

/// What replies by itself: an engine under whatever adapters are active, or under a candidate.
pub trait Responder {
    /// A reply to the first message of a new conversation. Returns at once.
    ///
    /// # Errors
    /// As [`Engine::chat`] and [`crate::Chat::send`].
    fn respond(
        &self,
        options: ChatOptions,
        said: String,
        generation: &GenerationOptions,
    ) -> Result<ReplyStream, Error>;
}

impl Scorer for Engine {
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error> {
        Self::score(self, prompt, reply, cancel)
    }
}

impl Scorer for EvaluationSession {
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error> {
        Self::score(self, prompt, reply, cancel)
    }
}

impl Responder for Engine {
    fn respond(
        &self,
        options: ChatOptions,
        said: String,
        generation: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        self.chat(options)?.send(said, generation)
    }
}

impl Responder for EvaluationSession {
    fn respond(
        &self,
        options: ChatOptions,
        said: String,
        generation: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        self.chat(options)?.send(said, generation)
    }
}

/// Asks for each item of a suite which of its replies is the likeliest by token, under the
/// model's own chat template. Blocks for all of it, some tenths of a second a reply
/// of a small model; `on_item` hears how many items are done.
///
/// # Errors
/// As [`Engine::score`]; [`Error::Suite`] for a score that is no number.
pub fn evaluate(
    scorer: &impl Scorer,
    suite: &Suite,
    cancel: &CancelToken,
    on_item: impl FnMut(usize),
) -> Result<SuiteResult, Error> {
    scored(suite, &scores(scorer, suite, cancel, on_item)?)
}

/// Lets each item of a suite be replied to, greedily and under the model's own chat template,
/// with at most `max_tokens`, and the replies be judged by `panel`. Blocks for all of it, a
/// second or so a reply of a small model; `on_item` hears how many items are done. `cancel`
/// takes effect within a token.
///
/// # Errors
/// As [`Engine::chat`] and [`crate::Chat::send`]; [`Error::Cancelled`].
pub fn answer(
    responder: &impl Responder,
    suite: &Suite,
    panel: &Panel,
    max_tokens: u32,
    cancel: &CancelToken,
    on_item: impl FnMut(usize),
) -> Result<SuiteReplies, Error> {
    let replies = replies(responder, suite, max_tokens, cancel, on_item)?;
    Ok(judged(suite, panel, replies))
}

/// One item's scores: of each of its replies the log-probability by token.
pub(super) type ItemScores = Vec<f64>;

/// One item's reply, which nobody has judged yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReply {
    pub(super) text: String,
    pub(super) end: ReplyEnd,
}

pub(super) fn scores(
    scorer: &impl Scorer,
    suite: &Suite,
    cancel: &CancelToken,
    mut on_item: impl FnMut(usize),
) -> Result<Vec<ItemScores>, Error> {
    let mut scores = Vec::with_capacity(suite.items.len());
    for item in &suite.items {
        let (system, said) = item.prompt();
        let prompt = Prompt::Chat {
            system_prompt: system.map(str::to_owned),
            turns: vec![Message::user(said)],
            template: TemplateChoice::default(),
        };
        let by_token = item.replies().into_iter().map(|reply| {
            let score = scorer.score(&prompt, reply, cancel)?;
            Ok(score.log_probability() / score.tokens.len().max(1) as f64)
        });
        scores.push(by_token.collect::<Result<ItemScores, Error>>()?);
        on_item(scores.len());
    }
    Ok(scores)
}

/// What scores come to.
pub(super) fn scored(suite: &Suite, scores: &[ItemScores]) -> Result<SuiteResult, Error> {
    let items = suite.items.iter().zip(scores);
    let items = items.map(|(item, by_token)| ItemResult::of(item, by_token));
    Ok(SuiteResult::of(suite, items.collect::<Result<_, _>>()?))
}

pub(super) fn replies(
    responder: &impl Responder,
    suite: &Suite,
    max_tokens: u32,
    cancel: &CancelToken,
    mut on_item: impl FnMut(usize),
) -> Result<Vec<RawReply>, Error> {
    let generation = GenerationOptions {
        max_tokens,
        ..GenerationOptions::greedy()
    };
    let mut replies = Vec::with_capacity(suite.items.len());
    for item in &suite.items {
        let reply = reply(responder, item, &generation, cancel)?;
        if reply.stop_reason == StopReason::Cancelled {
            return Err(Error::Cancelled);
        }
        replies.push(RawReply {
            text: reply.text,
            end: reply.stop_reason.into(),
        });
        on_item(replies.len());
    }
    Ok(replies)
}

/// What replies come to.
pub(super) fn judged(suite: &Suite, panel: &Panel, replies: Vec<RawReply>) -> SuiteReplies {
    let items = suite.items.iter().zip(replies);
    let items = items.map(|(item, reply)| ItemReply::of(item, panel, reply.text, reply.end));
    SuiteReplies::of(suite, items.collect())
}

fn reply(
    responder: &impl Responder,
    item: &Item,
    generation: &GenerationOptions,
    cancel: &CancelToken,
) -> Result<Reply, Error> {
    let (system, said) = item.prompt();
    let options = ChatOptions {
        system_prompt: system.map(str::to_owned),
        ..ChatOptions::default()
    };
    let stream = responder.respond(options, said, generation)?;
    for part in &stream {
        if let ReplyPart::Done(reply) = part? {
            return Ok(reply);
        }
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
    }
    Err(Error::Closed)
}
