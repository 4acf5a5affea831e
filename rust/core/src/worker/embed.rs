//! Hidden states of a text, pooled.

use pocketune_llama::{Outputs, Token};

use crate::error::Error;
use crate::memory::OUTPUTS_MAX;
use crate::results::Pooling;
use crate::worker::{Job, LaneId, Request, Step, WorkerState};

/// Pools the final hidden states of `tokens`.
pub(crate) struct EmbedJob {
    tokens: Vec<Token>,
    pooling: Pooling,
    done: usize,
    sum: Vec<f64>,
}

impl Job for EmbedJob {
    type Output = Vec<f32>;

    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<Vec<f32>>,
    ) -> Result<Step<Vec<f32>>, Error> {
        let stepped = self.pool_next(state, request.lane);
        state.set_embeddings(false);
        stepped
    }
}

impl EmbedJob {
    pub(crate) fn new(tokens: Vec<Token>, pooling: Pooling) -> Self {
        Self {
            tokens,
            pooling,
            done: 0,
            sum: Vec::new(),
        }
    }

    fn pool_next(
        &mut self,
        state: &mut WorkerState,
        lane: LaneId,
    ) -> Result<Step<Vec<f32>>, Error> {
        if self.done == 0 {
            // Cached tokens have no hidden states any more: start from nothing.
            state.forget(lane);
        }
        state.bring_in(lane)?;
        let end = self.tokens.len().min(self.done + OUTPUTS_MAX as usize);
        let input = self.tokens.get(self.done..end).unwrap_or_default();
        state.set_embeddings(true);
        state.compute(lane, input, self.done, Outputs::From(0))?;
        for index in 0..input.len() {
            let last = self.done + index + 1 == self.tokens.len();
            if self.pooling == Pooling::Last && !last {
                continue;
            }
            if let Some(hidden) = state.embedding(index)? {
                self.sum.resize(hidden.len(), 0.0);
                for (sum, &value) in self.sum.iter_mut().zip(hidden) {
                    *sum += f64::from(value);
                }
            }
        }
        self.done = end;
        Ok(if end == self.tokens.len() {
            Step::Done(self.pooled())
        } else {
            Step::More
        })
    }

    fn pooled(&self) -> Vec<f32> {
        let count = match self.pooling {
            Pooling::Mean => self.tokens.len() as f64,
            Pooling::Last => 1.0,
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "hidden states are 32-bit floats"
        )]
        self.sum.iter().map(|&sum| (sum / count) as f32).collect()
    }
}
