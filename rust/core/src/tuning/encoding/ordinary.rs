//! What the model itself replies to ordinary prompts, to measure KL on.

use std::io::BufRead;

use pocketune_train::{Label, Sample};

use super::{Encoder, ids};
use crate::cancel::CancelToken;
use crate::conversation::{Message, Prompt, TemplateChoice};
use crate::error::{DatasetError, Error, RecordKind};
use crate::options::GenerationOptions;
use crate::tuning::dataset::read_records;

/// One prompt a line, about nothing in particular.
const ORDINARY: &str = include_str!("../ordinary.txt");

const REPLY_TOKENS: u32 = 32;

impl Encoder<'_> {
    /// Prompts with the model's own replies, to measure KL on ([`crate::tuning::TuningData`]).
    /// Only the tokens of the replies count: nothing is said about how they end. No line is
    /// skipped.
    ///
    /// # Errors
    /// [`DatasetError`], with the line of the first record that cannot be learned from.
    pub fn read_ordinary(&self, from: impl BufRead) -> Result<Vec<Sample>, DatasetError> {
        read_records(from, RecordKind::Completion, |record| {
            let mut sample = self.encode(&record)?;
            for reply in &mut sample.replies {
                reply.label = Label::Anchor;
                if reply.tokens.len() > 1 {
                    reply.tokens.pop();
                }
            }
            Ok(sample)
        })
    }

    /// How many prompts [`Encoder::answer_ordinary`] has.
    #[must_use]
    pub fn ordinary_prompts() -> usize {
        ordinary().count()
    }

    /// The built-in ordinary prompts with the model's own greedy replies, which the engine
    /// gives now: blocks for some seconds. `on_reply` is called after each on this thread.
    ///
    /// # Errors
    /// [`Error::Cancelled`], within one reply; as [`crate::Engine::complete`].
    pub fn answer_ordinary(
        &self,
        cancel: &CancelToken,
        mut on_reply: impl FnMut(),
    ) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        for question in ordinary() {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            samples.extend(self.answered(question)?);
            on_reply();
        }
        Ok(samples)
    }

    /// None for a prompt that is too long, and for an empty reply.
    fn answered(&self, question: &str) -> Result<Option<Sample>, Error> {
        let options = GenerationOptions {
            max_tokens: REPLY_TOKENS,
            ..GenerationOptions::greedy()
        };
        let tokens = self.asked(question)?;
        if tokens.len() + REPLY_TOKENS as usize > self.options.sequence_tokens {
            return Ok(None);
        }
        let prompt = self.engine.detokenize(&tokens)?;
        let reply = self.engine.complete(prompt, &options)?.finish()?.text;
        let reply = ids(self.engine.tokenize(&reply, false)?);
        Ok((!reply.is_empty()).then(|| Sample::ordinary(ids(tokens), reply)))
    }

    /// A question as the model's template puts it, or as it stands without one.
    fn asked(&self, question: &str) -> Result<Vec<i32>, Error> {
        let chat = Prompt::Chat {
            system_prompt: None,
            turns: vec![Message::user(question)],
            template: TemplateChoice::Model,
        };
        match self.engine.prompt_tokens(&chat) {
            Err(Error::NoChatTemplate) => {
                self.engine.prompt_tokens(&Prompt::Raw(question.to_owned()))
            }
            tokens => tokens,
        }
    }
}

fn ordinary() -> impl Iterator<Item = &'static str> {
    ORDINARY.lines().filter(|line| !line.is_empty())
}
