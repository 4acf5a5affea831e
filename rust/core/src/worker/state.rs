//! What the worker thread owns and every job computes with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pocketune_adapter::CandidateAdapter;
use pocketune_llama::{AbortFlag, Batch, Context, LlamaError, Model, Outputs, Token};

use crate::conversation::{PromptText, Proven};
use crate::error::Error;
use crate::options::KvCacheType;
use crate::threads::{Preemptions, ThreadGovernor, TokenCost};
use crate::worker::adapters::{AdapterSetId, AdapterSets};
use crate::worker::lanes::{LaneId, Lanes, SEQUENCE, SavedLane};

/// Model, context, caches and threads. Lives on the worker thread.
#[derive(Debug)]
pub(crate) struct WorkerState {
    context: Context,
    batch: Batch,
    lanes: Lanes,
    adapters: AdapterSets,
    governor: ThreadGovernor,
    preemptions: Preemptions,
    context_tokens: u32,
    kv_type: KvCacheType,
}

impl WorkerState {
    pub(crate) fn new(
        context: Context,
        context_tokens: u32,
        kv_type: KvCacheType,
        parked_limit_bytes: u64,
    ) -> Self {
        let governor = ThreadGovernor::new(context.params().threads);
        Self {
            context,
            batch: Batch::new(),
            lanes: Lanes::new(parked_limit_bytes),
            adapters: AdapterSets::new(),
            governor,
            preemptions: Preemptions::watch(),
            context_tokens,
            kv_type,
        }
    }

    /// Starts the threads of computation, which inherit the caller's priority.
    pub(crate) fn start_threads(&mut self) {
        self.context.start_threads();
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        self.context.model()
    }

    /// Tokens of prompt and reply together.
    pub(crate) fn context_tokens(&self) -> usize {
        self.context_tokens as usize
    }

    pub(crate) fn batch_tokens(&self) -> usize {
        self.context.params().batch_tokens as usize
    }

    pub(crate) fn abort_flag(&self) -> AbortFlag {
        self.context.abort_flag()
    }

    pub(crate) fn lower_abort(&self) {
        self.context.abort_flag().lower();
    }

    /// Text and tokens that the lane's cache holds or held.
    pub(crate) fn transcript(&self, lane: LaneId) -> Option<(&PromptText, &[Token])> {
        self.lanes.transcript(lane)
    }

    pub(crate) fn bring_in(&mut self, lane: LaneId) -> Result<(), Error> {
        self.lanes.bring_in(&mut self.context, lane)
    }

    /// Prepares the lane for `tokens`; returns how many need not be computed.
    pub(crate) fn reuse(&mut self, lane: LaneId, tokens: &[Token]) -> Result<usize, Error> {
        self.bring_in(lane)?;
        self.lanes.reuse(&mut self.context, lane, tokens)
    }

    /// Computes `tokens` of the lane in the slot at `position`, under the lane's
    /// adapters and no others. On an error the cache is as before. Returns the time it took.
    pub(crate) fn compute(
        &mut self,
        lane: LaneId,
        tokens: &[Token],
        position: usize,
        outputs: Outputs,
    ) -> Result<Duration, Error> {
        self.adapters.attach(&mut self.context, lane.adapters)?;
        let single = tokens.len() == 1;
        self.context.use_threads(self.governor.threads(), u32::MAX);
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        self.batch.fill(tokens, position, SEQUENCE, outputs);
        self.preemptions.take();
        let started = Instant::now();
        let computed = self.context.decode(&mut self.batch);
        let took = started.elapsed();
        match computed {
            Ok(()) => {
                if single {
                    self.governor.record(TokenCost {
                        duration: took,
                        preemptions: self.preemptions.take(),
                    });
                }
                self.lanes.extend(lane, tokens);
                Ok(took)
            }
            Err(error) => {
                self.lanes.repair(&mut self.context)?;
                Err(match error {
                    LlamaError::KvCacheFull { .. } => Error::ContextFull {
                        prompt_tokens: u64::from(position) + tokens.len() as u64,
                        context_tokens: u64::from(self.context_tokens),
                    },
                    other => other.into(),
                })
            }
        }
    }

    /// Logits of the last batch's output at `index`, at least one of them finite.
    pub(crate) fn logits(&mut self, index: usize) -> Result<&mut [f32], Error> {
        let row = self.context.logits(index)?;
        row.ok_or_else(|| {
            Error::from(LlamaError::SamplingFailed {
                cause: "no logits at this output".to_owned(),
            })
        })
    }

    pub(crate) fn set_embeddings(&mut self, on: bool) {
        self.context.set_embeddings(on);
    }

    pub(crate) fn embedding(&mut self, index: usize) -> Result<Option<&[f32]>, Error> {
        Ok(self.context.embedding(index)?)
    }

    /// Whether the running lane can make way for another one now.
    pub(crate) fn can_set_aside(&mut self, lane: LaneId) -> bool {
        self.lanes.set_aside(&mut self.context, lane)
    }

    pub(crate) fn release(&mut self, lane: LaneId) {
        self.lanes.release(lane);
    }

    pub(crate) fn set_text(&mut self, lane: LaneId, text: PromptText) {
        self.lanes.set_text(lane, text);
    }

    pub(crate) fn forget(&mut self, lane: LaneId) {
        self.lanes.forget(&mut self.context, lane);
    }

    pub(crate) fn load_adapters(
        &mut self,
        id: AdapterSetId,
        adapters: &[(CandidateAdapter, f32)],
    ) -> Result<(), Error> {
        self.adapters.load(&self.context, id, adapters)
    }

    /// No lane of this set may have work left.
    pub(crate) fn unload_adapters(&mut self, id: AdapterSetId) {
        self.adapters.unload(&mut self.context, id);
    }

    pub(crate) fn save(&mut self, lane: LaneId) -> Result<SavedLane, Error> {
        self.lanes
            .save(&mut self.context, lane, self.kv_type.saved_name())
    }

    pub(crate) fn restore(
        &mut self,
        lane: LaneId,
        saved: &SavedLane,
        proven: Option<Proven>,
    ) -> Result<(), Error> {
        let kv_type = self.kv_type.saved_name();
        self.lanes
            .restore(&mut self.context, lane, saved, proven, kv_type)
    }
}
