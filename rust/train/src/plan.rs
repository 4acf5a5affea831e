//! What training keeps in memory, decided before it starts.

use pocketune_kernels::{Panels, TILE_BYTES};

use crate::error::TrainError;
use crate::model::Model;

/// Features of a layer's intermediate values, for the estimate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSizes {
    /// Kept by attention: q, k, v, o, m.
    pub(crate) attention_states: usize,
    /// Kept by the feed-forward layer: gate, up.
    pub(crate) feed_forward_states: usize,
    /// E.
    pub(crate) width: usize,
    /// All query heads.
    pub(crate) heads: usize,
    /// All key heads.
    pub(crate) kv_heads: usize,
    /// Hidden width of the feed-forward layer.
    pub(crate) hidden: usize,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct PlanInputs {
    /// Most tokens in a pack.
    pub tokens: usize,
    /// Parameters of the trained adapter.
    pub parameters: usize,
    /// F32 values of optimiser state a parameter.
    pub state_per_parameter: usize,
    /// Threads that compute.
    pub threads: usize,
    /// Bytes of anonymous memory that may be used; no limit when `None`.
    pub budget_bytes: Option<u64>,
}

/// How a pass trades time for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Tokens that a feed-forward layer takes at a time.
    pub chunk_tokens: usize,
    /// Positions whose logits exist at a time.
    pub head_tokens: usize,
    /// Layers whose intermediate values are kept; the others compute theirs twice.
    pub kept_layers: usize,
    /// Anonymous memory that this takes at its peak, in bytes.
    pub bytes: u64,
}

/// Code, stacks and small change.
const OVERHEAD_BYTES: u64 = 4 << 20;

impl MemoryPlan {
    /// The fastest plan within the budget.
    ///
    /// # Errors
    /// [`TrainError::MemoryBudget`] with what the smallest plan needs.
    pub fn new(model: &Model, inputs: &PlanInputs) -> Result<Self, TrainError> {
        let budget = inputs.budget_bytes.unwrap_or(u64::MAX);
        let whole = inputs.tokens.next_multiple_of(16).max(16);
        // From small to fast: wider logits first, since each chunk dequantises the
        // whole head again, then whole layers, then nothing computed twice.
        let sizes = [
            (16, 16),
            (16, 32),
            (32, 32),
            (64, 64),
            (whole, 64),
            (whole, 128),
        ];
        let mut best = None;
        for (chunk_tokens, head_tokens) in sizes {
            let plan = Self {
                chunk_tokens: chunk_tokens.min(whole),
                head_tokens: head_tokens.min(whole),
                kept_layers: 0,
                bytes: 0,
            };
            let (bytes, per_layer) = plan.cost(model, inputs);
            if bytes > budget {
                break;
            }
            let room = (budget - bytes) / per_layer.max(1);
            let kept = usize::try_from(room)
                .unwrap_or(usize::MAX)
                .min(model.layers());
            best = Some(Self {
                kept_layers: kept,
                bytes: bytes + kept as u64 * per_layer,
                ..plan
            });
        }
        best.ok_or_else(|| {
            let smallest = Self {
                chunk_tokens: 16,
                head_tokens: 16,
                kept_layers: 0,
                bytes: 0,
            };
            TrainError::MemoryBudget {
                required_bytes: smallest.cost(model, inputs).0,
                budget_bytes: budget,
            }
        })
    }

    /// Bytes without kept layers, and of each kept one.
    fn cost(&self, model: &Model, inputs: &PlanInputs) -> (u64, u64) {
        let sizes = model.architecture().sizes();
        let of = |tokens: usize, features: usize| Panels::bytes_of(tokens, features) as u64;
        let all = |features| of(inputs.tokens, features);
        let chunk = |features| of(self.chunk_tokens.min(inputs.tokens.max(1)), features);
        let parameters = 4 * (inputs.parameters * (2 + inputs.state_per_parameter)) as u64;
        let checkpoints = (model.layers() as u64 + 1) * all(sizes.width);
        let whole = self.chunk_tokens >= inputs.tokens;
        let feed_forward = all(sizes.attention_states + 2 * sizes.width)
            + chunk(4 * sizes.hidden + 5 * sizes.width);
        let attention = all(
            // q, k, v, o, m; their gradients; tokens by rows; n₁ and its gradient.
            sizes.attention_states + 3 * sizes.heads + 3 * sizes.kv_heads + 3 * sizes.width,
        );
        let head = of(self.head_tokens, model.vocabulary() + 4 * sizes.width) + all(sizes.width);
        let working = feed_forward.max(attention).max(head);
        let fixed = parameters
            + checkpoints
            + working
            + (inputs.threads * TILE_BYTES) as u64
            + OVERHEAD_BYTES;
        let kept = sizes.attention_states + if whole { sizes.feed_forward_states } else { 0 };
        (fixed, all(kept))
    }
}
