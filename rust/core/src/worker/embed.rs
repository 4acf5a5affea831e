//! Hidden states of a text, pooled.

use async_channel::Sender;
use pocketune_llama::{Outputs, Token};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::memory::OUTPUTS_MAX;
use crate::results::Pooling;
use crate::worker::{Desk, Job, LaneId, Step};

/// Pools the final hidden states of `tokens`.
pub(crate) struct EmbedJob {
    pub(crate) lane: LaneId,
    pub(crate) cancel: CancelToken,
    pub(crate) tokens: Vec<Token>,
    pub(crate) pooling: Pooling,
    pub(crate) done: usize,
    pub(crate) sum: Vec<f64>,
    pub(crate) result: Sender<Result<Vec<f32>, Error>>,
}

impl Job for EmbedJob {
    fn step(&mut self, desk: &mut Desk) -> Step {
        let stepped = self.try_step(desk);
        desk.set_embeddings(false);
        match stepped {
            Ok(Step::More) => Step::More,
            Ok(Step::Done) => {
                let _ = self.result.try_send(Ok(self.pooled()));
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

impl EmbedJob {
    fn try_step(&mut self, desk: &mut Desk) -> Result<Step, Error> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.done == 0 {
            // Cached tokens have no hidden states any more: start from nothing.
            desk.forget(self.lane);
        }
        desk.bring_in(self.lane)?;
        let end = self.tokens.len().min(self.done + OUTPUTS_MAX as usize);
        let input = self.tokens.get(self.done..end).unwrap_or_default();
        desk.set_embeddings(true);
        desk.compute(self.lane, input, self.done, Outputs::From(0))?;
        for index in 0..input.len() {
            let last = self.done + index + 1 == self.tokens.len();
            if self.pooling == Pooling::Last && !last {
                continue;
            }
            if let Some(hidden) = desk.embedding(index)? {
                self.sum.resize(hidden.len(), 0.0);
                for (sum, &value) in self.sum.iter_mut().zip(hidden) {
                    *sum += f64::from(value);
                }
            }
        }
        self.done = end;
        Ok(if end == self.tokens.len() {
            Step::Done
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
