//! Replies to explicit requests, sampled as an app samples them, all at once.

use std::ops::Range;
use std::path::Path;

use pocketune_core::{ChatOptions, Engine, Message, Prompt, TemplateChoice};
use pocketune_tests::many_replies::{ManyReplies, Sampled};

use crate::Result;
use crate::data::Data;

/// Longest reply to a request, in tokens: some ask for many words.
pub(crate) const REQUEST_TOKENS: usize = 160;

/// Seeds of the replies to each request. Of 201 greedy replies, 38 change sides under an adapter
/// that hardly moves the model (KL 0.015): too much chance for a limit of five points.
/// The seeds are others than those by which `--example requests` shows what is worth asking.
pub(crate) const REQUEST_SEEDS: Range<u32> = 100..104;

/// The replies to each request under an adapter.
pub(crate) fn replies(
    many: &mut ManyReplies,
    engine: &Engine,
    data: &Data,
    adapter: Option<&Path>,
) -> Result<Vec<Vec<String>>> {
    let prompts = prompts(engine, data, |conversation| conversation)?;
    let replies = many.sample(
        &prompts,
        &REQUEST_SEEDS.collect::<Vec<_>>(),
        REQUEST_TOKENS,
        adapter,
    )?;
    Ok(replies.into_iter().map(texts).collect())
}

/// The tokens of each request, with what `before` puts before its turns.
pub(crate) fn prompts(
    engine: &Engine,
    data: &Data,
    before: impl Fn(ChatOptions) -> ChatOptions,
) -> Result<Vec<Vec<i32>>> {
    let prompts = data.requests.iter().map(|request| {
        let (conversation, asked) = request.conversation()?;
        let ChatOptions {
            system_prompt,
            history,
            ..
        } = before(conversation);
        let asked = std::iter::once(Message::user(asked));
        Ok(engine.prompt_tokens(&Prompt::Chat {
            system_prompt,
            turns: history.into_iter().chain(asked).collect(),
            template: TemplateChoice::Model,
        })?)
    });
    prompts.collect()
}

pub(crate) fn texts(replies: Vec<Sampled>) -> Vec<String> {
    replies.into_iter().map(|reply| reply.text).collect()
}
