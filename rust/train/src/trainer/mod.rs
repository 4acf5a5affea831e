//! Steps: batches, accumulation, clipping, schedule, optimiser.

mod checkpoint;
mod checkpoint_dir;
mod cost;
mod cross_validation;
mod gradient;
mod heldout;
mod limit;
mod network;
mod options;
mod origin;
mod probe;
mod run;

use std::time::Duration;

use pocketune_base::Digest;
use pocketune_kernels::{Control, Recycling, ThreadPool};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::lora::Lora;
use crate::model::Model;
use crate::objective::RewardMetrics;
use crate::optimizer::{Optimizer, clip};
use crate::pack::PackSize;
use crate::plan::{MemoryBudget, MemoryPlan, PlanInputs};
use crate::source::{Drawn, MeanBatch, SampleSource};

pub use checkpoint_dir::CheckpointDir;
pub use cost::RunCost;
pub use cross_validation::{CrossValidation, HeldOutCurve};
use gradient::BatchGradient;
pub use heldout::{HeldOut, HeldOutFigures};
pub use limit::KlLimit;
use network::Network;
pub use options::{ReferencePolicy, TrainerOptions};
pub use probe::KlProbe;
pub use run::{Checkpointing, RunEnd, RunEvent};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: u64,
    /// The batch's loss before the step.
    pub loss: f64,
    /// Mean −log p of the tokens of those replies that are to be made likelier, anchors left
    /// out, before the step; missing in a batch without any.
    pub wanted_nll: Option<f64>,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Tokens computed.
    pub tokens: u64,
    /// Means over the judged replies of the batch, where there are any.
    pub rewards: Option<RewardMetrics>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicroStep {
    /// The step, from 1.
    pub step: u64,
    /// Samples of its batch whose gradient is there.
    pub samples: usize,
    /// Samples in the batch.
    pub batch: usize,
}

/// Everything that a [`Trainer`] is made from.
pub struct Training<'a> {
    /// The weights.
    pub model: &'a Model,
    /// The threads that compute.
    pub pool: &'a ThreadPool,
    /// Adapters below the trained one, which stay as they are.
    pub frozen: &'a [Lora],
    /// The adapter that is trained.
    pub lora: Lora,
    /// What it learns from.
    pub source: Box<dyn SampleSource + 'a>,
    /// How.
    pub options: TrainerOptions,
    /// How far ordinary replies may move; no bound when `None`.
    pub kl: Option<KlLimit>,
    /// In how much anonymous memory.
    pub memory: MemoryBudget,
    /// Bytes of it that the caller keeps for itself.
    pub reserved_bytes: u64,
}

/// Training under way, on one thread. Every function blocks while it computes; a
/// [`Control`] stops or pauses it within one tile of a matrix product.
pub struct Trainer<'a> {
    network: Network<'a>,
    // What the plan is made for.
    largest_pack: PackSize,
    largest_sample: PackSize,
    source: Box<dyn SampleSource + 'a>,
    // Log-probabilities of the replies of samples that come again, under the reference.
    references: Vec<Option<Vec<f64>>>,
    options: TrainerOptions,
    optimizer: Optimizer,
    gradient: Vec<f32>,
    history: Vec<StepReport>,
    // How many of them the checkpoint of a run holds.
    saved_steps: usize,
    limit: Option<KlLimit>,
    // What was measured of KL: after which step, and how much.
    measured: Vec<(u64, f64)>,
    // What the run began with: checkpoints of others are refused.
    origin: origin::Origin,
    // Buffers go from step to step within the plan.
    _recycling: Recycling,
}

impl<'a> Trainer<'a> {
    /// Checks options and what the source knows beforehand, and plans the memory.
    ///
    /// # Errors
    /// [`TrainError::Option`], [`TrainError::Sample`], [`TrainError::MemoryBudget`].
    pub fn new(training: Training<'a>) -> Result<Self, TrainError> {
        let Training {
            model,
            pool,
            frozen,
            lora,
            source,
            options,
            kl,
            memory,
            reserved_bytes,
        } = training;
        options.check()?;
        if let Some(limit) = &kl {
            limit.check()?;
        }
        source.check(&options.objectives, model.vocabulary())?;
        let packs = source.largest_packs();
        let parameters = lora.parameters().len();
        let compares_with_start =
            options.reference == ReferencePolicy::Initial && !lora.changes_nothing();
        let initial = compares_with_start.then(|| lora.clone());
        let adapter_bytes = |lora: &Lora| size_of_val(lora.parameters()) as u64;
        let still: u64 = frozen.iter().chain(&initial).map(adapter_bytes).sum();
        let probe_bytes = kl.as_ref().map_or(0, |limit| limit.probe.bytes(model));
        let plan = MemoryPlan::new(
            model,
            &PlanInputs {
                packs: &packs,
                parameters,
                first_layer: lora.first_layer(),
                state_per_parameter: options.optimizer.state_per_parameter(),
                dropout: options.dropout > 0.0,
                threads: pool.threads(),
                reserved_bytes: reserved_bytes + probe_bytes + still,
                compares_logits: kl.is_some() || options.objectives.anchor.is_some(),
                budget: memory,
            },
        )?;
        Ok(Self {
            origin: origin::Origin::new(frozen, &lora, &*source, &options, kl.as_ref()),
            _recycling: Recycling::up_to(
                usize::try_from(plan.activation_bytes).unwrap_or(usize::MAX),
            ),
            largest_pack: packs[plan.pack_samples - 1],
            largest_sample: packs[0],
            references: vec![None; source.kept_references()],
            optimizer: Optimizer::new(options.optimizer, parameters),
            gradient: vec![0.0; parameters],
            history: Vec::new(),
            saved_steps: 0,
            measured: Vec::new(),
            limit: kl,
            network: Network {
                model,
                pool,
                frozen,
                lora,
                initial,
                plan,
            },
            source,
            options,
        })
    }

    /// How memory is used.
    #[must_use]
    pub fn plan(&self) -> &MemoryPlan {
        &self.network.plan
    }

    /// The adapter as it is now.
    #[must_use]
    pub fn lora(&self) -> &Lora {
        &self.network.lora
    }

    /// Every step taken, those before a resumption included.
    #[must_use]
    pub fn history(&self) -> &[StepReport] {
        &self.history
    }

    /// KL(policy‖reference) as it was measured: after which step, and how much in nats a token.
    #[must_use]
    pub fn measured_kl(&self) -> &[(u64, f64)] {
        &self.measured
    }

    /// Ends training and returns the adapter.
    #[must_use]
    pub fn into_lora(self) -> Lora {
        self.network.lora
    }

    /// A digest of everything that the run begins with: equal for equal runs alone. Blocks the
    /// first time that the model is hashed.
    ///
    /// # Errors
    /// [`TrainError::Io`] when the model cannot be hashed.
    pub(crate) fn identity(&self) -> Result<Digest, TrainError> {
        let entries = self.origin.entries(self.network.model.digest()?);
        Ok(Digest::of_parts(entries.map(|(_, value, _)| value)))
    }

    /// About how long all steps take, from the speed of one product measured now. Blocks
    /// for some tenths of a second.
    #[must_use]
    pub fn estimate(&self) -> Duration {
        self.cost().duration(self.network.model, self.network.pool)
    }

    /// About what all steps cost.
    #[must_use]
    pub fn cost(&self) -> RunCost {
        let MeanBatch { samples, tokens } = self.source.mean();
        let steps = self.options.steps as f64;
        // Forward and backward; log-probabilities under the reference are made once a sample.
        let mut passes = 2.0 * steps * tokens;
        let objectives = &self.options.objectives;
        let mean = tokens / samples;
        if objectives.needs_reference() {
            passes += (steps * samples).min(self.references.len() as f64) * mean;
        }
        if objectives.needs_kl_estimate() {
            // Other replies to the same prompts, under policy and reference.
            passes += 2.0 * steps * tokens;
        }
        if let Some(anchor) = &objectives.anchor {
            // The reference's states are made anew at each step.
            passes += steps * anchor.samples as f64 * mean;
        }
        let Network { model, plan, .. } = &self.network;
        let trained_layers = model.layers() - self.network.lora.first_layer();
        let again = plan.detour_per_token(model, trained_layers, self.largest_pack.tokens);
        let weights = model.multiplied_weights() as f64;
        RunCost {
            multiplications: passes * weights + steps * tokens * again,
        }
    }

    /// One step over the next batch. After an error the adapter is as before.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], [`TrainError::Diverged`]; [`TrainError::Sample`] for one that
    /// cannot be learned from; what the source returns.
    pub fn step(
        &mut self,
        control: &Control,
        mut progress: impl FnMut(MicroStep),
    ) -> Result<StepReport, TrainError> {
        self.step_by(control, |trainer, batch, gradient| {
            trainer.batch_gradient(batch, gradient, control, &mut progress)
        })
    }

    /// One step whose gradient `compute` makes, which leaves the trainer as it is.
    fn step_by(
        &mut self,
        control: &Control,
        compute: impl FnOnce(&Self, &[Drawn], &mut [f32]) -> Result<BatchGradient, TrainError>,
    ) -> Result<StepReport, TrainError> {
        let batch = self.draw(control)?;
        // Taken out while the gradient grows, so that everything else can be shared.
        let mut gradient = std::mem::take(&mut self.gradient);
        let made = compute(self, &batch, &mut gradient);
        self.gradient = gradient;
        self.apply(made?)
    }

    /// The optimiser's step along the gradient.
    fn apply(&mut self, made: BatchGradient) -> Result<StepReport, TrainError> {
        let mut report = made.report;
        report.gradient_norm = clip(&mut self.gradient, self.options.clip);
        self.check_convergence(&report)?;
        self.optimizer.step(
            self.network.lora.parameters_mut(),
            &self.gradient,
            report.learning_rate,
        );
        for (kept, reference) in made.references {
            self.references[kept] = Some(reference);
        }
        self.history.push(report);
        Ok(report)
    }

    /// Detects divergence: values that are not finite, or wanted replies that stay many times less
    /// likely than at first. The loss alone says nothing: it need not fall, and may have no lower
    /// end.
    fn check_convergence(&self, report: &StepReport) -> Result<(), TrainError> {
        let diverged = |what, value| {
            let step = report.step;
            Err(TrainError::Diverged { step, what, value })
        };
        if !report.loss.is_finite() {
            return diverged("loss", report.loss);
        }
        if !report.gradient_norm.is_finite() {
            return diverged("gradient norm", report.gradient_norm);
        }
        let mut before = self.history.iter().filter_map(|step| step.wanted_nll);
        if let (Some(first), Some(now)) = (before.next(), report.wanted_nll) {
            let last = before.next_back().unwrap_or(first);
            if now.min(last) > DIVERGED * first.max(1.0) {
                return diverged("−log p of what is learned", now);
            }
        }
        Ok(())
    }
}

/// Replies that stay this many times less likely by token than at first (or than 1 nat), over
/// two steps, are not being learned.
const DIVERGED: f64 = 4.0;
