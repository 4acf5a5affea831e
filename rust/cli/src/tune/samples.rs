//! From records to tokens, through the model's own template and tokenizer.

use std::path::Path;

use pocketune_core::{Engine, GenerationOptions, Message, Prompt, TemplateChoice};
use pocketune_train::Sample;

use crate::error::CliError;
use crate::tune::data::{self, DataFault, Record, Side};
use crate::tune::forms::Wanted;

/// Reads `path` and turns every record into a sample of at most `sequence_tokens`
/// tokens of prompt and reply.
pub(crate) fn read(
    engine: &Engine,
    path: &Path,
    pairs: bool,
    sequence_tokens: usize,
) -> Result<Vec<Sample>, CliError> {
    let tokenizer = Tokenizer { engine };
    let wanted = match pairs {
        true => Wanted::Pair,
        false => Wanted::Reply,
    };
    data::read(path, wanted, |record| {
        let bad = DataFault::Sample;
        let sample = tokenizer.sample(&record).map_err(bad)?;
        let longest = match &sample {
            Sample::Text { tokens, .. } => tokens.len(),
            Sample::Pair {
                prompt,
                chosen,
                rejected,
            } => prompt.len() + chosen.len().max(rejected.len()),
        };
        if longest > sequence_tokens {
            return Err(bad(format!(
                "{longest} tokens, --sequence-tokens allows {sequence_tokens}"
            )));
        }
        Ok(sample)
    })
}

/// Prompts with the model's own replies, of which only their tokens count: nothing
/// is said about how they end.
pub(crate) fn read_ordinary(
    engine: &Engine,
    path: &Path,
    sequence_tokens: usize,
) -> Result<Vec<Sample>, CliError> {
    let mut samples = read(engine, path, false, sequence_tokens)?;
    for sample in &mut samples {
        if let Sample::Text { tokens, loss_from } = sample
            && tokens.len() > *loss_from + 1
        {
            tokens.pop();
        }
    }
    Ok(samples)
}

/// The built-in ordinary prompts with the model's own greedy replies.
pub(crate) fn answer_ordinary(
    engine: &Engine,
    sequence_tokens: usize,
    on_reply: impl Fn(),
) -> Result<Vec<Sample>, CliError> {
    let tokenizer = Tokenizer { engine };
    let options = GenerationOptions {
        max_tokens: REPLY_TOKENS,
        ..GenerationOptions::greedy()
    };
    let mut samples = Vec::new();
    for question in ORDINARY.lines().filter(|line| !line.is_empty()) {
        let tokens = tokenizer.asked(question)?;
        if tokens.len() + REPLY_TOKENS as usize > sequence_tokens {
            continue;
        }
        let prompt = engine.detokenize(&tokens)?;
        let reply = engine.complete(prompt, &options)?.finish()?.text;
        let loss_from = tokens.len();
        let all = tokens
            .into_iter()
            .chain(engine.tokenize(&reply, false)?)
            .filter_map(|token| u32::try_from(token).ok());
        let tokens: Vec<u32> = all.collect();
        if tokens.len() > loss_from {
            samples.push(Sample::Text { tokens, loss_from });
        }
        on_reply();
    }
    Ok(samples)
}

/// How many [`answer_ordinary`] asks.
pub(crate) fn ordinary_prompts() -> u64 {
    ORDINARY.lines().filter(|line| !line.is_empty()).count() as u64
}

/// One prompt a line.
const ORDINARY: &str = include_str!("ordinary.txt");

const REPLY_TOKENS: u32 = 32;

struct Tokenizer<'a> {
    engine: &'a Engine,
}

impl Tokenizer<'_> {
    fn sample(&self, record: &Record) -> Result<Sample, String> {
        match record {
            Record::Reply { prompt, reply } => {
                let mut tokens = match prompt {
                    Some(prompt) => self.prompt(prompt)?,
                    None => self.prompt(&Side::Text(String::new()))?,
                };
                let loss_from = tokens.len().max(1);
                tokens.extend(self.reply(reply)?);
                if loss_from >= tokens.len() {
                    return Err("there is nothing to learn".to_owned());
                }
                Ok(Sample::Text { tokens, loss_from })
            }
            Record::Pair {
                prompt,
                chosen,
                rejected,
            } => {
                let prompt = self.prompt(prompt)?;
                if prompt.is_empty() {
                    return Err("the prompt is empty".to_owned());
                }
                Ok(Sample::Pair {
                    prompt,
                    chosen: self.reply(chosen)?,
                    rejected: self.reply(rejected)?,
                })
            }
        }
    }

    /// A question as the model's template puts it, or as it stands without one.
    fn asked(&self, question: &str) -> Result<Vec<i32>, CliError> {
        let chat = Prompt::Chat {
            system_prompt: None,
            turns: vec![Message::user(question)],
            template: TemplateChoice::Model,
        };
        match self.engine.prompt_tokens(&chat) {
            Err(pocketune_core::Error::NoChatTemplate) => {
                let raw = Prompt::Raw(question.to_owned());
                Ok(self.engine.prompt_tokens(&raw)?)
            }
            tokens => Ok(tokens?),
        }
    }

    fn prompt(&self, side: &Side) -> Result<Vec<u32>, String> {
        let prompt = match side {
            Side::Text(text) => Prompt::Raw(text.clone()),
            Side::Messages(lines) => {
                let (system_prompt, turns) = data::question(lines)?;
                Prompt::Chat {
                    system_prompt,
                    turns,
                    template: TemplateChoice::Model,
                }
            }
        };
        ids(self.engine.prompt_tokens(&prompt))
    }

    /// The reply and the token that ends it.
    fn reply(&self, side: &Side) -> Result<Vec<u32>, String> {
        let text = match side {
            Side::Text(text) => text,
            Side::Messages(lines) => data::answer(lines)?,
        };
        let mut tokens = ids(self.engine.tokenize(text, false))?;
        let tokenizer = &self.engine.facts().header.tokenizer;
        tokens.extend(tokenizer.eot.or(tokenizer.eos));
        Ok(tokens)
    }
}

fn ids(tokens: Result<Vec<i32>, pocketune_core::Error>) -> Result<Vec<u32>, String> {
    let tokens = tokens.map_err(|error| error.to_string())?;
    Ok(tokens
        .into_iter()
        .filter_map(|token| u32::try_from(token).ok())
        .collect())
}
