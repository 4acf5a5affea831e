//! What the reference replies by itself, asked before training: on ordinary prompts, to
//! measure KL on; to explicit requests, to be kept as they are by an anchor; and in place of
//! replies that a user disliked.

mod alternatives;
mod prompts;

use pocketune_adapter::CandidateAdapter;
use pocketune_train::Sample;

use self::prompts::BuiltIn;
use super::encoding::{Encoder, ids};
use crate::cancel::CancelToken;
use crate::conversation::Prompt;
use crate::error::Error;
use crate::evaluation::EvaluationSession;
use crate::options::GenerationOptions;
use crate::reply::{Reply, StopReason};

/// Longest reply to an ordinary prompt: enough to measure on.
const ORDINARY_TOKENS: u32 = 32;

/// Longest reply to a request: enough for its first sentence to end, where a model that learned to
/// be brief would stop.
const REQUEST_TOKENS: u32 = 40;

/// The reference as it is before training: the model, under the adapters that belong to it.
#[derive(Debug)]
pub struct OwnReplies<'e> {
    encoder: &'e Encoder<'e>,
    session: Option<EvaluationSession>,
}

impl<'e> Encoder<'e> {
    /// What the model replies by itself under `adapters`: those that stay as they are in
    /// training, and the one that it begins with where that belongs to the reference. Loads
    /// them; blocks for some milliseconds.
    ///
    /// # Errors
    /// As [`crate::Engine::evaluate`].
    pub fn own_replies(&'e self, adapters: Vec<CandidateAdapter>) -> Result<OwnReplies<'e>, Error> {
        let session = match adapters.is_empty() {
            true => None,
            false => Some(self.engine().evaluate_together(adapters)?),
        };
        Ok(OwnReplies {
            encoder: self,
            session,
        })
    }
}

impl OwnReplies<'_> {
    /// How many prompts [`OwnReplies::ordinary`] has.
    #[must_use]
    pub fn ordinary_prompts() -> usize {
        prompts::ordinary().len()
    }

    /// How many prompts [`OwnReplies::requests`] has.
    #[must_use]
    pub fn request_prompts() -> usize {
        prompts::requests().len()
    }

    /// The built-in ordinary prompts with greedy replies, to measure KL on. Nothing is said
    /// about how they end. Blocks for some seconds; `on_reply` is called after each on this
    /// thread.
    ///
    /// # Errors
    /// [`Error::Cancelled`], within one reply; as [`crate::Engine::complete`].
    pub fn ordinary(
        &self,
        cancel: &CancelToken,
        on_reply: impl FnMut(),
    ) -> Result<Vec<Sample>, Error> {
        let samples = self.greedy(&prompts::ordinary(), ORDINARY_TOKENS, cancel, on_reply)?;
        Ok(samples.into_iter().map(|(sample, _)| sample).collect())
    }

    /// The built-in explicit requests with greedy replies, for an anchor: what is asked for in
    /// so many words is to be done as before. A reply that ended by itself ends here too.
    /// Blocks as [`OwnReplies::ordinary`] does.
    ///
    /// # Errors
    /// As [`OwnReplies::ordinary`].
    pub fn requests(
        &self,
        cancel: &CancelToken,
        on_reply: impl FnMut(),
    ) -> Result<Vec<Sample>, Error> {
        let samples = self.greedy(&prompts::requests(), REQUEST_TOKENS, cancel, on_reply)?;
        let end = self.encoder.end_of_reply()?;
        let ended = samples.into_iter().map(|(mut sample, reason)| {
            if reason == StopReason::EndOfTurn {
                let replies = sample.replies.iter_mut();
                replies.for_each(|reply| reply.tokens.extend(end));
            }
            sample
        });
        Ok(ended.collect())
    }

    /// What a plan has to know of [`OwnReplies::ordinary`] without waiting for replies: all as
    /// long as they may be.
    ///
    /// # Errors
    /// As [`crate::Engine::prompt_tokens`].
    pub fn longest_ordinary(&self) -> Result<Vec<Sample>, Error> {
        self.longest(&prompts::ordinary(), ORDINARY_TOKENS)
    }

    /// The same of [`OwnReplies::requests`].
    ///
    /// # Errors
    /// As [`crate::Engine::prompt_tokens`].
    pub fn longest_requests(&self) -> Result<Vec<Sample>, Error> {
        self.longest(&prompts::requests(), REQUEST_TOKENS)
    }

    fn longest(&self, all: &[BuiltIn], reply_tokens: u32) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        for asked in all {
            if let Some((_, tokens)) = asked.asked(self.encoder.engine())? {
                let prompt = ids(tokens);
                let reply =
                    vec![prompt.first().copied().unwrap_or_default(); reply_tokens as usize];
                samples.push(Sample::ordinary(prompt, reply));
            }
        }
        Ok(samples)
    }

    fn greedy(
        &self,
        all: &[BuiltIn],
        tokens: u32,
        cancel: &CancelToken,
        mut on_reply: impl FnMut(),
    ) -> Result<Vec<(Sample, StopReason)>, Error> {
        let options = GenerationOptions {
            max_tokens: tokens,
            ..GenerationOptions::greedy()
        };
        let mut samples = Vec::new();
        for asked in all {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some((prompt, tokens)) = asked.asked(self.encoder.engine())? {
                samples.extend(self.answered((&prompt, tokens), &options, cancel)?);
            }
            on_reply();
        }
        Ok(samples)
    }

    /// None for a prompt that is too long, and for an empty reply.
    fn answered(
        &self,
        (prompt, prompt_tokens): (&Prompt, Vec<i32>),
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Option<(Sample, StopReason)>, Error> {
        if prompt_tokens.len() + options.max_tokens as usize > self.encoder.sequence_tokens() {
            return Ok(None);
        }
        let reply = self.reply_to(prompt, options, cancel)?;
        let tokens = ids(self.encoder.engine().tokenize(&reply.text, false)?);
        let sample = Sample::ordinary(ids(prompt_tokens), tokens);
        let answered = sample.learned() > 0;
        Ok(answered.then_some((sample, reply.stop_reason)))
    }

    fn reply_to(
        &self,
        prompt: &Prompt,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Reply, Error> {
        let cancel = cancel.clone();
        let reply = match &self.session {
            Some(session) => session.reply_to(prompt, options, cancel)?.finish()?,
            None => {
                let engine = self.encoder.engine();
                engine.reply_to(prompt, options, cancel)?.finish()?
            }
        };
        match reply.stop_reason {
            StopReason::Cancelled => Err(Error::Cancelled),
            _ => Ok(reply),
        }
    }
}
