//! The engine's side of the benchmark: the public way, as an app goes it.

use std::time::{Duration, Instant};

use pocketune_core::{Engine, Error, GenerationOptions, ReplyPart};
use pocketune_terminal::candidate::Subject;
use pocketune_terminal::synthetic;

use crate::error::BenchError;
use crate::speed::{Deadline, Run, Work, expect};

pub(crate) struct Ours<'a> {
    subject: Subject<'a>,
    options: GenerationOptions,
    prompt_tokens: u32,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(engine: &'a Engine, work: &Work) -> Result<Self, BenchError> {
        let options = GenerationOptions {
            max_tokens: work.decode_tokens,
            sampling: synthetic::endless_greedy(engine),
            ..GenerationOptions::default()
        };
        Ok(Self {
            subject: Subject::open(engine, work.candidate.clone())?,
            options,
            prompt_tokens: work.prompt_tokens,
        })
    }

    /// The prompt of a repetition; no two begin alike, so that nothing is reused.
    pub(crate) fn prompt(&self, repetition: u32) -> Result<String, BenchError> {
        Ok(synthetic::prompt(
            self.subject.engine,
            self.prompt_tokens as usize,
            u64::from(repetition),
        )?)
    }

    pub(crate) fn run(&mut self, repetition: u32, deadline: Deadline) -> Result<Run, BenchError> {
        let prompt = self.prompt(repetition)?;
        let started = Instant::now();
        let stream = self.subject.complete(&prompt, &self.options)?;
        for part in &stream {
            match part? {
                ReplyPart::Text(_) if deadline.is_some_and(|end| Instant::now() > end) => {
                    stream.cancel();
                }
                ReplyPart::Text(_) => {}
                ReplyPart::Done(reply) => {
                    let total = started.elapsed();
                    let first_token = Duration::from_secs_f64(reply.time_to_first_token_ms / 1e3);
                    // A begin-of-sequence token is all that prompts share.
                    expect(
                        "reused tokens",
                        reply.reused_tokens.min(1),
                        reply.reused_tokens,
                    )?;
                    if deadline.is_none() {
                        expect("tokens", self.options.max_tokens, reply.generated_tokens)?;
                    }
                    return Ok(Run {
                        first_token,
                        decode: total.saturating_sub(first_token),
                        prompt_tokens: reply.prompt_tokens,
                        generated_tokens: reply.generated_tokens,
                        text: reply.text,
                    });
                }
            }
        }
        Err(Error::Closed.into())
    }
}
