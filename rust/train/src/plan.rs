//! What training keeps in memory, decided before it starts.

use pocketune_kernels::{Panels, TILE_BYTES};

use crate::error::TrainError;
use crate::model::Model;
use crate::pack::PackSize;

/// Features of a layer's intermediate values, for the estimate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSizes {
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
pub struct PlanInputs<'a> {
    /// The largest pack of one sample, of two, and so on; at least one entry.
    pub packs: &'a [PackSize],
    /// Parameters of the trained adapter.
    pub parameters: usize,
    /// F32 values of optimiser state a parameter.
    pub state_per_parameter: usize,
    /// Whether features are dropped.
    pub dropout: bool,
    /// Threads that compute.
    pub threads: usize,
    /// Bytes that others need at the same time.
    pub reserved_bytes: u64,
    /// Bytes of anonymous memory that may be used.
    pub budget: MemoryBudget,
    /// The first layer that the trained adapter changes: below it nothing is kept.
    pub first_layer: usize,
    /// Whether logits of policy and reference exist together: for an anchor, or to measure KL.
    pub compares_logits: bool,
}

/// How much anonymous memory training may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemoryBudget {
    /// [`MemoryBudget::DEFAULT_BYTES`], or what the smallest plan takes where that is more.
    #[default]
    Default,
    /// So many bytes.
    Bytes(u64),
    /// As much as makes it faster.
    Unlimited,
}

impl PlanInputs<'_> {
    /// Layers through which the gradient goes.
    fn trained_layers(&self, model: &Model) -> usize {
        model.layers().saturating_sub(self.first_layer)
    }
}

impl MemoryBudget {
    /// What a phone can spare beside an app and its engine.
    pub const DEFAULT_BYTES: u64 = 250_000_000;

    /// Bytes, where the smallest plan takes `smallest`.
    fn bytes(self, smallest: u64) -> u64 {
        match self {
            Self::Default => smallest.max(Self::DEFAULT_BYTES),
            Self::Bytes(bytes) => bytes,
            Self::Unlimited => u64::MAX,
        }
    }
}

/// How a pass trades time for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Samples that go through the model at once.
    pub pack_samples: usize,
    /// Tokens that a feed-forward layer takes at a time, a multiple of 16.
    pub chunk_tokens: usize,
    /// Positions whose logits exist at a time.
    pub head_tokens: usize,
    /// Layers whose intermediate values are kept; the others compute theirs twice.
    pub kept_layers: usize,
    /// Anonymous memory that this takes at its peak, in bytes.
    pub bytes: u64,
    /// Of that, what passes through the model take.
    pub activation_bytes: u64,
}

/// Code, stacks and small change.
const OVERHEAD_BYTES: u64 = 3 << 20;

/// Of each so many bytes of passes, an allocator loses one between blocks of different sizes.
const LOST_BETWEEN_BLOCKS: u64 = 32;

/// A plan that saves less than this share of the memory and takes more time is not
/// worth having: it is never chosen.
const WORTH_SAVING: f64 = 0.1;

/// Multiplications in whose time a thread dequantises a weight.
const DEQUANTIZE_COST: f64 = 12.0;

impl MemoryPlan {
    /// The fastest plan within the budget.
    ///
    /// # Errors
    /// [`TrainError::MemoryBudget`] with what the smallest plan needs.
    pub fn new(model: &Model, inputs: &PlanInputs<'_>) -> Result<Self, TrainError> {
        let single = plans(model, inputs, 1, None);
        let smallest = single.iter().map(|plan| plan.0.bytes).min().unwrap_or(0);
        let floor = (smallest as f64 * (1.0 + WORTH_SAVING)) as u64;
        let floor = fastest(&single, floor).map_or(smallest, |plan| plan.bytes);
        let budget = inputs.budget.bytes(floor);
        if budget < floor {
            return Err(TrainError::MemoryBudget {
                required_bytes: floor,
                budget_bytes: budget,
            });
        }
        // Samples together save time where nothing has to be computed twice for it.
        let together = (2..=inputs.packs.len()).rev().find_map(|samples| {
            let plans = plans(model, inputs, samples, Some(budget));
            let best = fastest(&plans, budget)?;
            (best.kept_layers == inputs.trained_layers(model)).then_some(best)
        });
        let alone = || fastest(&plans(model, inputs, 1, Some(budget)), budget);
        together.or_else(alone).ok_or(TrainError::MemoryBudget {
            required_bytes: floor,
            budget_bytes: budget,
        })
    }

    /// Positions whose logits exist at a time both of policy and of reference: half as many,
    /// in whole panels.
    pub(crate) fn couples(&self) -> usize {
        (self.head_tokens / 2).next_multiple_of(16)
    }

    /// Bytes of passes without kept layers, of each kept one, and of everything else.
    fn cost(&self, model: &Model, inputs: &PlanInputs<'_>) -> [u64; 3] {
        let size = inputs.packs[self.pack_samples - 1];
        let LayerSizes {
            width,
            heads,
            kv_heads,
            hidden,
        } = model.architecture().sizes();
        let of = |tokens: usize, features: usize| Panels::bytes_of(tokens, features) as u64;
        let all = |features| of(size.tokens, features);
        let chunk = |features| of(self.chunk_tokens.min(size.tokens), features);
        let parameters = 4 * (inputs.parameters * (2 + inputs.state_per_parameter)) as u64;
        // Inputs of the layers that are trained, and the last one's output.
        let checkpoints = (inputs.trained_layers(model) as u64 + 1) * all(width);
        // q, k, v, o, m; gate and up.
        let attention_states = 2 * heads + 2 * kv_heads + width;
        let feed_forward_states = 2 * hidden;
        let dropped = if inputs.dropout { hidden + width } else { 0 };
        let feed_forward = all(attention_states + 2 * width)
            + chunk((4 * hidden + 2 * width).max(2 * hidden + 5 * width) + dropped);
        let dropped = if inputs.dropout { 2 * width } else { 0 };
        // With o gone: q, k, v, their gradients, dO, dm, and two of them by token.
        let attention = all((5 * heads + 4 * kv_heads + width).max(
            // Or only gradients, n₁ and its gradient.
            heads + 2 * kv_heads + 3 * width + dropped,
        ));
        let head_tokens = match inputs.compares_logits {
            true => 2 * self.couples(),
            false => self.head_tokens,
        };
        let head = of(head_tokens, model.vocabulary() + 4 * width) + all(width);
        let with_losses = |bytes| bytes + bytes / LOST_BETWEEN_BLOCKS;
        let passes = checkpoints + feed_forward.max(attention).max(head);
        let others = parameters
            + (inputs.threads * TILE_BYTES) as u64
            + inputs.reserved_bytes
            + OVERHEAD_BYTES;
        let kept = if self.chunk_tokens >= size.tokens {
            attention_states + feed_forward_states
        } else {
            attention_states
        };
        [with_losses(passes), with_losses(all(kept)), others]
    }

    /// What is computed beyond the least, in multiplications a token of full packs.
    pub(crate) fn detour_per_token(
        &self,
        model: &Model,
        trained_layers: usize,
        pack_tokens: usize,
    ) -> f64 {
        let size = PackSize {
            tokens: pack_tokens,
            targets: pack_tokens,
        };
        self.detour(model, trained_layers, size) / pack_tokens.max(1) as f64
    }

    /// What is computed for a pack beyond the least, in multiplications.
    fn detour(&self, model: &Model, trained_layers: usize, size: PackSize) -> f64 {
        let LayerSizes {
            width,
            heads,
            kv_heads,
            hidden,
        } = model.architecture().sizes();
        let attention = (2 * width * (heads + kv_heads)) as f64;
        let gates = (2 * width * hidden) as f64;
        let computed_twice = trained_layers.saturating_sub(self.kept_layers) as f64;
        let whole = self.chunk_tokens >= size.tokens;
        let again = size.tokens as f64
            * (computed_twice * (attention + gates)
                + if whole {
                    0.0
                } else {
                    self.kept_layers as f64 * gates
                });
        let chunks = size.tokens.div_ceil(self.chunk_tokens) as f64;
        let head_chunks = size.targets.div_ceil(self.head_tokens) as f64;
        // A feed-forward layer is dequantised forward, again and backward; the head
        // forward and backward, and once more where weights wait for all logits.
        let passes = model.layers() as f64 * chunks * 8.0 * gates / 2.0;
        let head_passes = head_chunks * if head_chunks > 1.0 { 3.0 } else { 2.0 };
        let head = (model.vocabulary() * width) as f64 * head_passes;
        again + DEQUANTIZE_COST * (passes + head)
    }
}

/// Every way to cut a pack of `samples`, with its detour. Within `budget`, as many
/// layers as there is room for are kept; none without one.
fn plans(
    model: &Model,
    inputs: &PlanInputs<'_>,
    samples: usize,
    budget: Option<u64>,
) -> Vec<(MemoryPlan, f64)> {
    let size = inputs.packs[samples - 1];
    let mut plans = Vec::new();
    for chunk_tokens in cuts(size.tokens) {
        for head_tokens in cuts(size.targets) {
            let mut plan = MemoryPlan {
                pack_samples: samples,
                chunk_tokens,
                head_tokens,
                kept_layers: 0,
                bytes: 0,
                activation_bytes: 0,
            };
            let [passes, layer, others] = plan.cost(model, inputs);
            let least = passes + others;
            let room = budget.map_or(0, |budget| budget.saturating_sub(least) / layer.max(1));
            let kept = (inputs.trained_layers(model) as u64).min(room);
            plan.kept_layers = usize::try_from(kept).unwrap_or(0);
            plan.activation_bytes = passes + kept * layer;
            plan.bytes = plan.activation_bytes + others;
            plans.push((plan, plan.detour(model, inputs.trained_layers(model), size)));
        }
    }
    plans
}

/// The fastest of the plans that take at most `bytes`; the smaller one of equals.
fn fastest(plans: &[(MemoryPlan, f64)], bytes: u64) -> Option<MemoryPlan> {
    let possible = plans.iter().filter(|(plan, _)| plan.bytes <= bytes);
    let better = |a: &&(MemoryPlan, f64), b: &&(MemoryPlan, f64)| {
        let by_time = a.1.total_cmp(&b.1);
        by_time.then(a.0.bytes.cmp(&b.0.bytes))
    };
    possible.min_by(better).map(|(plan, _)| *plan)
}

/// Sizes in which `tokens` may be taken: 16, 32 and so on, and all.
fn cuts(tokens: usize) -> Vec<usize> {
    let whole = tokens.next_multiple_of(16).max(16);
    let smaller = (4..).map(|bits| 1 << bits).take_while(|&cut| cut < whole);
    smaller.chain([whole]).collect()
}
