//! What an arm says to unseen prompts, which facts it knows, which requests it obeys.

use pocketune_core::{ChatOptions, Message, Prompt, TemplateChoice};
use pocketune_tests::measures::{Measured, is_repetitive};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::answer::{Answer, Arm, REPLY_TOKENS, answer};
use crate::data::{Data, Fact};
use crate::share_out::share_out;

/// How an arm behaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    pub(crate) replies: Vec<Answer>,
    /// Whether the right option of a question is the likeliest.
    pub(crate) facts: Vec<bool>,
    /// The replies to each explicit request.
    pub(crate) requests: Vec<Vec<String>>,
}

impl Behaviour {
    /// With its replies to the requests, which come from elsewhere.
    pub(crate) fn of(arms: &[Arm<'_>], data: &Data, requests: Vec<Vec<String>>) -> Result<Self> {
        Ok(Self {
            replies: share_out(arms, &data.prompts, |arm, prompt| {
                answer(arm, ChatOptions::default(), prompt, REPLY_TOKENS)
            })?,
            facts: share_out(arms, &data.facts, knows)?,
            requests,
        })
    }

    /// Of each request, the share of replies that obey it.
    pub(crate) fn obeyed(&self, data: &Data) -> Vec<f64> {
        data.obeyed(&self.requests)
    }

    pub(crate) fn summary(&self, data: &Data) -> String {
        format!(
            "{} replies of {:.1} tokens, {:.1} % repetitive, {:.1} % empty; {:.1} % of {} facts; {:.1} % of {} requests",
            self.replies.len(),
            mean(&self.replies, |answer| f64::from(answer.reply.tokens)),
            100.0 * repetitive(&self.replies),
            100.0 * empty(&self.replies),
            100.0 * share(&self.facts, |&known| known),
            self.facts.len(),
            100.0 * mean(&self.obeyed(data), |&obeyed| obeyed),
            self.requests.len()
        )
    }
}

/// Share of replies in which something comes again and again.
pub(crate) fn repetitive(replies: &[Answer]) -> f64 {
    share(replies, |answer| is_repetitive(&answer.reply.text))
}

/// Share of replies that say nothing.
pub(crate) fn empty(replies: &[Answer]) -> f64 {
    share(replies, |answer| answer.reply.text.trim().is_empty())
}

/// Mean of a measure.
pub(crate) fn measured(replies: &[Answer], measure: fn(&Measured) -> f64) -> f64 {
    mean(replies, |answer| measure(&answer.reply))
}

pub(crate) fn mean<T>(of: &[T], value: impl Fn(&T) -> f64) -> f64 {
    of.iter().map(value).sum::<f64>() / of.len() as f64
}

pub(crate) fn share<T>(of: &[T], is: impl Fn(&T) -> bool) -> f64 {
    mean(of, |item| f64::from(u8::from(is(item))))
}

fn knows(arm: &Arm<'_>, fact: &Fact) -> Result<bool> {
    let prompt = Prompt::Chat {
        system_prompt: None,
        turns: vec![Message::user(fact.question.as_str())],
        template: TemplateChoice::Model,
    };
    let mut best = (f64::NEG_INFINITY, 0);
    for (index, option) in fact.options.iter().enumerate() {
        let likelihood = arm.likelihood(&prompt, option)?;
        if likelihood > best.0 {
            best = (likelihood, index);
        }
    }
    Ok(best.1 == fact.answer)
}
