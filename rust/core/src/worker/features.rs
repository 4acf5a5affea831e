//! The hidden state at the token that ends a reply: what a reward head reads.

use async_channel::Sender;
use pocketune_llama::{Outputs, Token};

use crate::cancel::CancelToken;
use crate::conversation::PromptText;
use crate::error::Error;
use crate::memory::OUTPUTS_MAX;
use crate::results::Features;
use crate::worker::prepare::tokenize;
use crate::worker::{Desk, Job, LaneId, Step};

/// Computes what the lane does not hold yet of a prompt, a reply and the token that ends
/// it. Right after the reply was generated on the lane that is one token.
pub(crate) struct FeaturesJob {
    pub(crate) lane: LaneId,
    pub(crate) cancel: CancelToken,
    pub(crate) text: PromptText,
    pub(crate) started: Option<Started>,
    pub(crate) result: Sender<Result<Features, Error>>,
}

pub(crate) struct Started {
    tokens: Vec<Token>,
    reused: usize,
    done: usize,
}

impl Job for FeaturesJob {
    fn step(&mut self, desk: &mut Desk) -> Step {
        let stepped = self.try_step(desk);
        desk.set_embeddings(false);
        match stepped {
            Ok(None) => Step::More,
            Ok(Some(features)) => {
                let _ = self.result.try_send(Ok(features));
                Step::Done
            }
            Err(Error::Cancelled) if !self.cancel.is_cancelled() => Step::More,
            Err(error) => {
                let _ = self.result.try_send(Err(error));
                Step::Done
            }
        }
    }

    fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}

impl FeaturesJob {
    fn try_step(&mut self, desk: &mut Desk) -> Result<Option<Features>, Error> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let Some(started) = &mut self.started else {
            self.started = Some(start(&self.text, self.lane, desk)?);
            return Ok(None);
        };
        // Another lane may have had the slot in between.
        desk.bring_in(self.lane)?;
        let end = started.tokens.len();
        // While embeddings are on each token is an output, so the last batch is short.
        let last_batch = end.saturating_sub(OUTPUTS_MAX as usize);
        let is_last = started.done >= last_batch;
        let (to, outputs) = match is_last {
            true => (end, Outputs::From(0)),
            false => (
                last_batch.min(started.done + desk.batch_tokens()),
                Outputs::None,
            ),
        };
        let input = started.tokens.get(started.done..to).unwrap_or_default();
        desk.set_embeddings(is_last);
        desk.compute(self.lane, input, started.done, outputs)?;
        started.done = to;
        if !is_last {
            return Ok(None);
        }
        let values = desk.embedding(input.len().saturating_sub(1))?;
        let values = values.map(<[f32]>::to_vec).unwrap_or_default();
        // The chat goes on from here: what ends the reply is cached with it.
        desk.set_text(self.lane, self.text.clone());
        Ok(Some(Features {
            values,
            tokens: end,
            computed_tokens: end - started.reused,
        }))
    }
}

fn start(text: &PromptText, lane: LaneId, desk: &mut Desk) -> Result<Started, Error> {
    let tokens = tokenize(text, lane, desk)?;
    if tokens.len() > desk.context_tokens() {
        return Err(Error::ContextFull {
            prompt_tokens: tokens.len() as u64,
            context_tokens: desk.context_tokens() as u64,
        });
    }
    let reused = desk.reuse(lane, &tokens)?;
    Ok(Started {
        tokens,
        reused,
        done: reused,
    })
}
