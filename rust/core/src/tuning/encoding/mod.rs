//! From records to tokens, through the model's own template and tokenizer.

use std::io::BufRead;

use pocketune_train::{Label, Sample};

use super::dataset::{Content, Record, read_records};
use crate::cancel::CancelToken;
use crate::conversation::{Message, Prompt, TemplateChoice};
use crate::engine::Engine;
use crate::error::{DatasetError, Error, RecordFault, RecordKind};
use crate::options::GenerationOptions;

/// One prompt a line, about nothing in particular.
const ORDINARY: &str = include_str!("ordinary.txt");

const REPLY_TOKENS: u32 = 32;

/// Turns records into samples for the model of an engine. Blocks for tokenizing, some
/// microseconds a sample, on the calling thread.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'e> {
    engine: &'e Engine,
    sequence_tokens: usize,
}

impl<'e> Encoder<'e> {
    /// Samples of at most `sequence_tokens` tokens of prompt and reply.
    #[must_use]
    pub fn new(engine: &'e Engine, sequence_tokens: usize) -> Self {
        Self {
            engine,
            sequence_tokens,
        }
    }

    /// All records of a dataset, as samples in their order.
    ///
    /// # Errors
    /// [`DatasetError`], with the line of the first record that cannot be learned from.
    pub fn read(&self, from: impl BufRead, kind: RecordKind) -> Result<Vec<Sample>, DatasetError> {
        read_records(from, kind, |record| self.encode(&record))
    }

    /// Prompts with the model's own replies, to measure KL on ([`super::TuningData`]). Only
    /// the tokens of the replies count: nothing is said about how they end.
    ///
    /// # Errors
    /// As [`Encoder::read`].
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
    /// [`Error::Cancelled`], within one reply; as [`Engine::complete`].
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
        if tokens.len() + REPLY_TOKENS as usize > self.sequence_tokens {
            return Ok(None);
        }
        let prompt = self.engine.detokenize(&tokens)?;
        let reply = self.engine.complete(prompt, &options)?.finish()?.text;
        let reply = ids(self.engine.tokenize(&reply, false)?);
        Ok((!reply.is_empty()).then(|| Sample::ordinary(ids(tokens), reply)))
    }

    /// One record as a sample.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub fn encode(&self, record: &Record) -> Result<Sample, RecordFault> {
        let sample = match record {
            Record::Completion { prompt, completion } => self.text(prompt.as_ref(), completion)?,
            Record::Preference {
                prompt,
                chosen,
                rejected,
            } => self.pair(prompt, chosen, rejected)?,
        };
        let longest = sample.longest();
        if longest > self.sequence_tokens {
            return Err(RecordFault::TooManyTokens {
                tokens: longest,
                limit_tokens: self.sequence_tokens,
            });
        }
        Ok(sample)
    }

    fn text(&self, prompt: Option<&Content>, completion: &Content) -> Result<Sample, RecordFault> {
        let mut tokens = match prompt {
            Some(prompt) => self.prompt(prompt)?,
            None => self.prompt(&Content::Text(String::new()))?,
        };
        let prompt = tokens.len().max(1);
        tokens.extend(self.reply(completion)?);
        if prompt >= tokens.len() {
            return Err(RecordFault::Record("there is nothing to learn"));
        }
        let reply = tokens.split_off(prompt);
        Ok(Sample::demonstration(tokens, reply))
    }

    fn pair(
        &self,
        prompt: &Content,
        chosen: &Content,
        rejected: &Content,
    ) -> Result<Sample, RecordFault> {
        let prompt = self.prompt(prompt)?;
        if prompt.is_empty() {
            return Err(RecordFault::Record("the prompt is empty"));
        }
        Ok(Sample::pair(
            prompt,
            self.reply(chosen)?,
            self.reply(rejected)?,
        ))
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

    fn prompt(&self, content: &Content) -> Result<Vec<u32>, RecordFault> {
        Ok(ids(self.engine.prompt_tokens(&content.prompt()?)?))
    }

    /// The reply and the token that ends it.
    fn reply(&self, content: &Content) -> Result<Vec<u32>, RecordFault> {
        let mut tokens = ids(self.engine.tokenize(content.reply()?, false)?);
        let tokenizer = &self.engine.facts().header.tokenizer;
        tokens.extend(tokenizer.eot.or(tokenizer.eos));
        Ok(tokens)
    }
}

fn ordinary() -> impl Iterator<Item = &'static str> {
    ORDINARY.lines().filter(|line| !line.is_empty())
}

fn ids(tokens: impl IntoIterator<Item = i32>) -> Vec<u32> {
    let tokens = tokens.into_iter();
    tokens
        .filter_map(|token| u32::try_from(token).ok())
        .collect()
}
