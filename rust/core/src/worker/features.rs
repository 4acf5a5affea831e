//! The hidden state at the token that ends a reply: what a reward head reads.

use pocketune_llama::{Outputs, Token};

use crate::conversation::PromptText;
use crate::error::Error;
use crate::memory::OUTPUTS_MAX;
use crate::results::Features;
use crate::worker::prepare::tokenize;
use crate::worker::{Job, LaneId, Request, Step, WorkerState};

/// Computes what the lane does not hold yet of a prompt, a reply and the token that ends
/// it. Right after the reply was generated on the lane that is one token.
pub(crate) struct FeaturesJob {
    text: PromptText,
    started: Option<Started>,
}

struct Started {
    tokens: Vec<Token>,
    reused: usize,
    done: usize,
}

impl Job for FeaturesJob {
    type Output = Features;

    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<Features>,
    ) -> Result<Step<Features>, Error> {
        let stepped = self.compute_next(state, request.lane);
        state.set_embeddings(false);
        stepped
    }
}

impl FeaturesJob {
    pub(crate) fn new(text: PromptText) -> Self {
        Self {
            text,
            started: None,
        }
    }

    fn compute_next(
        &mut self,
        state: &mut WorkerState,
        lane: LaneId,
    ) -> Result<Step<Features>, Error> {
        let Some(started) = &mut self.started else {
            self.started = Some(start(&self.text, lane, state)?);
            return Ok(Step::More);
        };
        // Another lane may have had the slot in between.
        state.bring_in(lane)?;
        let end = started.tokens.len();
        // While embeddings are on each token is an output, so the last batch is short.
        let last_batch = end.saturating_sub(OUTPUTS_MAX as usize);
        let is_last = started.done >= last_batch;
        let (to, outputs) = match is_last {
            true => (end, Outputs::From(0)),
            false => (
                last_batch.min(started.done + state.batch_tokens()),
                Outputs::None,
            ),
        };
        let input = started.tokens.get(started.done..to).unwrap_or_default();
        state.set_embeddings(is_last);
        state.compute(lane, input, started.done, outputs)?;
        started.done = to;
        if !is_last {
            return Ok(Step::More);
        }
        let values = state.embedding(input.len().saturating_sub(1))?;
        let values = values.map(<[f32]>::to_vec).unwrap_or_default();
        // The chat goes on from here: what ends the reply is cached with it.
        state.set_text(lane, self.text.clone());
        Ok(Step::Done(Features {
            values,
            tokens: end,
            computed_tokens: end - started.reused,
        }))
    }
}

fn start(text: &PromptText, lane: LaneId, state: &mut WorkerState) -> Result<Started, Error> {
    let tokens = tokenize(text, lane, state)?;
    if tokens.len() > state.context_tokens() {
        return Err(Error::ContextFull {
            prompt_tokens: tokens.len() as u64,
            context_tokens: state.context_tokens() as u64,
        });
    }
    let reused = state.reuse(lane, &tokens)?;
    Ok(Started {
        tokens,
        reused,
        done: reused,
    })
}
