//! Better replies in place of disliked ones.
//!
//! Thumbs down alone say what to avoid and not what to do instead. So the model is asked again:
//! of some sampled replies critics choose the best, and it is preferred to the disliked one.

use pocketune_judge::critic::{Expectation, Panel, Ruling};
use pocketune_train::Sample;

use super::OwnReplies;
use crate::cancel::CancelToken;
use crate::conversation::Prompt;
use crate::criticize::exchange;
use crate::error::{Error, RecordFault};
use crate::options::{GenerationOptions, Sampling};
use crate::reply::{Reply, StopReason};
use crate::tuning::dataset::Record;
use crate::tuning::encoding::{Disliked, ids};

/// Replies that are sampled in place of each disliked one.
const ALTERNATIVES: u32 = 4;

/// Longest of them.
const ALTERNATIVE_TOKENS: u32 = 128;

impl OwnReplies<'_> {
    /// A preference over a disliked reply: the best of some sampled replies to the same prompt,
    /// as critics see them. None where they object to all, where none ends by itself or differs,
    /// and where the prompt leaves no room for a reply. Blocks for some seconds.
    ///
    /// # Errors
    /// [`Error::Cancelled`] and what [`crate::Engine::complete`] returns, as
    /// [`RecordFault::Encoding`].
    pub fn preferred_to(
        &self,
        disliked: &Disliked,
        cancel: &CancelToken,
    ) -> Result<Option<Sample>, RecordFault> {
        let Disliked {
            prompt,
            reply: disliked,
            ..
        } = disliked;
        let asked = prompt.prompt()?;
        let tokens = self.encoder.engine().prompt_tokens(&asked)?;
        let room = self.encoder.sequence_tokens().saturating_sub(tokens.len());
        let max_tokens = ALTERNATIVE_TOKENS.min(u32::try_from(room).unwrap_or(0));
        if max_tokens == 0 {
            return Ok(None);
        }
        let mut best: Option<(f64, String)> = None;
        for seed in 1..=ALTERNATIVES {
            let options = GenerationOptions {
                max_tokens,
                sampling: Sampling {
                    seed: Some(seed),
                    ..Sampling::default()
                },
                ..GenerationOptions::default()
            };
            let reply = match self.reply_to(&asked, &options, cancel) {
                Err(Error::ContextFull { .. }) => return Ok(None),
                reply => reply?,
            };
            // One that was cut off would be learned as if it ended there.
            let ended = reply.stop_reason == StopReason::EndOfTurn;
            let differs = reply.text.trim() != disliked.reply()?.trim();
            if let Some(score) = score(&asked, &reply)
                && ended
                && differs
                && best.as_ref().is_none_or(|best| score > best.0)
            {
                best = Some((score, reply.text));
            }
        }
        let Some((_, text)) = best else {
            return Ok(None);
        };
        let record = Record::Preference {
            prompt: prompt.clone(),
            chosen: prompt.replied(text),
            rejected: disliked.clone(),
        };
        match self.encoder.encode(&record) {
            // Alike once they are tokens, or too long together.
            Err(fault) if fault.is_of_line() => Ok(None),
            pair => pair.map(Some),
        }
    }
}

impl OwnReplies<'_> {
    /// What a plan has to know of [`OwnReplies::preferred_to`] without waiting for replies: as
    /// long as it may be.
    ///
    /// # Errors
    /// As [`crate::Engine::prompt_tokens`].
    pub fn longest_preferred_to(&self, disliked: &Disliked) -> Result<Sample, RecordFault> {
        let engine = self.encoder.engine();
        let prompt = ids(engine.prompt_tokens(&disliked.prompt.prompt()?)?);
        let rejected = ids(engine.tokenize(disliked.reply.reply()?, false)?);
        let room = self.encoder.sequence_tokens().saturating_sub(prompt.len());
        let tokens = room.min(ALTERNATIVE_TOKENS as usize).max(1);
        let chosen = vec![prompt.first().copied().unwrap_or_default(); tokens];
        Ok(Sample::pair(prompt, chosen, rejected))
    }
}

/// What critics make of a reply; none for one that they object to.
fn score(prompt: &Prompt, reply: &Reply) -> Option<f64> {
    let (system, question) = match prompt {
        Prompt::Raw(text) => (None, text.as_str()),
        Prompt::Chat {
            system_prompt,
            turns,
            ..
        } => (
            system_prompt.as_deref(),
            turns.last().map_or("", |turn| turn.content.as_str()),
        ),
    };
    let expect = Expectation::default();
    let exchange = exchange(system, question, &reply.text, reply.stop_reason, &expect);
    let judgement = Panel::default().judge(&exchange);
    (judgement.ruling == Ruling::Pass).then_some(judgement.score)
}
