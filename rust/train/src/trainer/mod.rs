//! Steps: batches, accumulation, clipping, schedule, optimiser.

mod checkpoint;
mod options;
mod origin;
mod probe;
mod run;

use std::time::{Duration, Instant};

use pocketune_kernels::{Control, Panels, Recycling, ThreadPool, matmul_forward};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::lora::{Lora, Projection};
use crate::model::Model;
use crate::objective::dpo::BatchFacts;
use crate::objective::{Objective, PairMetrics, Reference};
use crate::optimizer::{Optimizer, clip};
use crate::pack::{Pack, Sample};
use crate::pass::{AdaptedModel, Adapters, Dropout, Pass, TargetWeights};
use crate::plan::{MemoryPlan, PackSize, PlanInputs};

pub use checkpoint::CheckpointDir;
pub use options::{MemoryLimit, TrainerOptions};
pub use probe::{HeldOut, KlProbe};
pub use run::{KlLimit, RunEnd, RunEvent};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: u64,
    /// The batch's loss before the step.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Tokens computed.
    pub tokens: u64,
    /// Means over the pairs of the batch, for preference objectives.
    pub pairs: Option<PairMetrics>,
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

/// Training under way, on one thread. Every function blocks while it computes; a
/// [`Control`] stops or pauses it within one tile of a matrix product.
pub struct Trainer<'a> {
    model: &'a Model,
    pool: &'a ThreadPool,
    frozen: &'a [Lora],
    lora: Lora,
    plan: MemoryPlan,
    // Tokens of the largest pack that the plan is made for.
    pack_tokens: usize,
    samples: Vec<Sample>,
    references: Vec<Option<Reference>>,
    options: TrainerOptions,
    optimizer: Optimizer,
    gradient: Vec<f32>,
    history: Vec<StepReport>,
    // What the run began with: checkpoints of others are refused.
    origin: origin::Origin,
    // Buffers go from step to step within the plan.
    _recycling: Recycling,
}

impl<'a> Trainer<'a> {
    /// Checks samples and options, and plans the memory.
    ///
    /// # Errors
    /// [`TrainError::Sample`], [`TrainError::Option`], [`TrainError::MemoryBudget`].
    pub fn new(
        model: &'a Model,
        pool: &'a ThreadPool,
        frozen: &'a [Lora],
        lora: Lora,
        samples: Vec<Sample>,
        options: TrainerOptions,
        memory: MemoryLimit,
    ) -> Result<Self, TrainError> {
        options.check(&samples)?;
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, model.vocabulary())?;
        }
        let parameters = lora.parameters().len();
        let packs = pack_sizes(&samples, options.batch);
        let plan = MemoryPlan::new(
            model,
            &PlanInputs {
                packs: &packs,
                parameters,
                state_per_parameter: options.optimizer.state_per_parameter(),
                dropout: options.dropout > 0.0,
                threads: pool.threads(),
                reserved_bytes: memory.reserved_bytes,
                budget_bytes: memory.budget_bytes,
            },
        )?;
        Ok(Self {
            origin: origin::Origin::new(frozen, &lora, &samples, &options),
            _recycling: Recycling::up_to(
                usize::try_from(plan.activation_bytes).unwrap_or(usize::MAX),
            ),
            pack_tokens: packs[plan.pack_samples - 1].tokens,
            references: vec![None; samples.len()],
            optimizer: Optimizer::new(options.optimizer, parameters),
            gradient: vec![0.0; parameters],
            history: Vec::new(),
            model,
            pool,
            frozen,
            lora,
            plan,
            samples,
            options,
        })
    }

    /// How memory is used.
    #[must_use]
    pub fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// The adapter as it is now.
    #[must_use]
    pub fn lora(&self) -> &Lora {
        &self.lora
    }

    /// Every step taken, those before a resumption included.
    #[must_use]
    pub fn history(&self) -> &[StepReport] {
        &self.history
    }

    /// Ends training and returns the adapter.
    #[must_use]
    pub fn into_lora(self) -> Lora {
        self.lora
    }

    /// About how long all steps take, from the speed of one product measured now. Blocks
    /// for some tenths of a second.
    #[must_use]
    pub fn estimate(&self) -> Duration {
        self.cost().duration(self.model, self.pool)
    }

    /// About what all steps cost.
    #[must_use]
    pub fn cost(&self) -> RunCost {
        let tokens = self.samples.iter().map(Sample::tokens).sum::<usize>() as f64;
        let mean = tokens / self.samples.len() as f64;
        let samples = self.options.steps as f64 * self.options.batch as f64;
        // Forward and backward; reference log-probabilities are made once a sample.
        let mut passes = 2.0 * samples * mean;
        if matches!(self.options.objective, Objective::Dpo(_)) {
            passes += samples.min(self.samples.len() as f64) * mean;
        }
        let again = self.plan.detour_per_token(self.model, self.pack_tokens);
        let weights = self.model.multiplied_weights() as f64;
        RunCost {
            multiplications: passes * weights + samples * mean * again,
        }
    }

    /// Ends training and returns the adapter, as [`Trainer::into_lora`] does, and the samples:
    /// what a run that was only planned would have begun with.
    #[must_use]
    pub fn into_parts(self) -> (Lora, Vec<Sample>) {
        (self.lora, self.samples)
    }

    /// One step over the next batch. After an error the adapter is as before.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], [`TrainError::Diverged`].
    pub fn step(
        &mut self,
        control: &Control,
        mut progress: impl FnMut(MicroStep),
    ) -> Result<StepReport, TrainError> {
        let batch = self.batch();
        self.gradient.fill(0.0);
        // Taken out while the gradient grows, so that everything else can be shared.
        let mut gradient = std::mem::take(&mut self.gradient);
        let outcome = self.accumulate(&batch, &mut gradient, control, &mut progress);
        self.gradient = gradient;
        let mut report = outcome?;
        report.gradient_norm = clip(&mut self.gradient, self.options.clip);
        self.check_convergence(&report)?;
        self.optimizer.step(
            self.lora.parameters_mut(),
            &self.gradient,
            report.learning_rate,
        );
        self.history.push(report);
        Ok(report)
    }

    /// The batch's loss and gradient, pack by pack.
    fn accumulate(
        &mut self,
        batch: &[usize],
        gradient: &mut [f32],
        control: &Control,
        progress: &mut dyn FnMut(MicroStep),
    ) -> Result<StepReport, TrainError> {
        let samples = || batch.iter().map(|&index| &self.samples[index]);
        let facts = BatchFacts {
            pairs: batch.len(),
            chosen_tokens: samples().map(Sample::first_reply).sum(),
            tokens: samples().map(Sample::targets).sum(),
        };
        let mut report = self.report();
        let mut pairs = Vec::new();
        let mut done = 0;
        for (number, group) in batch.chunks(self.plan.pack_samples).enumerate() {
            let samples: Vec<&Sample> = group.iter().map(|&index| &self.samples[index]).collect();
            let pack = Pack::of(&samples);
            let mut adapted = self.adapted(true, control);
            adapted.dropout = self.dropout(number);
            match &self.options.objective {
                Objective::Sft => {
                    let weights = vec![1.0 / facts.tokens as f32; pack.targets().len()];
                    let pass = Pass::forward(adapted, &pack)?;
                    let logps = pass.backward(TargetWeights::Known(&weights), gradient)?;
                    let sum: f64 = logps.iter().map(|&logp| f64::from(logp)).sum();
                    report.loss -= sum / facts.tokens as f64;
                }
                Objective::Dpo(options) => {
                    let references = self.references_of(group, control)?;
                    let mut weigh = |logps: &[f32]| {
                        let (weights, losses) = options.weigh(&pack, logps, &references, facts);
                        report.loss += losses.iter().map(|pair| pair.loss).sum::<f64>();
                        pairs.extend(losses.iter().map(|pair| pair.metrics));
                        weights
                    };
                    let pass = Pass::forward(adapted, &pack)?;
                    pass.backward(TargetWeights::From(&mut weigh), gradient)?;
                    for (&index, reference) in group.iter().zip(references) {
                        self.references[index] = Some(reference);
                    }
                }
            }
            report.tokens += pack.tokens().len() as u64;
            done += group.len();
            progress(MicroStep {
                step: report.step,
                samples: done,
                batch: batch.len(),
            });
        }
        report.pairs = PairMetrics::mean(&pairs);
        Ok(report)
    }

    /// Log-probabilities of the pairs' replies with the trained adapter off.
    fn references_of(
        &self,
        group: &[usize],
        control: &Control,
    ) -> Result<Vec<Reference>, TrainError> {
        let cached: Option<Vec<Reference>> =
            group.iter().map(|&index| self.references[index]).collect();
        if let Some(references) = cached {
            return Ok(references);
        }
        let samples: Vec<&Sample> = group.iter().map(|&index| &self.samples[index]).collect();
        self.score(&Pack::of(&samples), false, control)
    }

    /// Log-probabilities of both replies of each pair.
    fn score(
        &self,
        pack: &Pack,
        trained: bool,
        control: &Control,
    ) -> Result<Vec<Reference>, TrainError> {
        let logps = Pass::infer(self.adapted(trained, control), pack)?.log_probabilities()?;
        let sums = pack.sums(&logps);
        let pairs = sums.chunks_exact(2).map(|pair| Reference {
            chosen: pair[0],
            rejected: pair[1],
        });
        Ok(pairs.collect())
    }

    fn adapted<'p>(&'p self, trained: bool, control: &'p Control) -> AdaptedModel<'p> {
        AdaptedModel {
            model: self.model,
            pool: self.pool,
            adapters: Adapters {
                frozen: self.frozen,
                trained: trained.then_some(&self.lora),
            },
            plan: &self.plan,
            control,
            dropout: None,
        }
    }

    fn dropout(&self, group: usize) -> Option<Dropout> {
        let mut random = ChaCha8Rng::seed_from_u64(self.options.seed);
        random.set_stream(u64::MAX - ((self.history.len() as u64) << 16 | group as u64));
        (self.options.dropout > 0.0).then(|| Dropout {
            rate: self.options.dropout,
            seed: random.next_u64(),
        })
    }

    fn report(&self) -> StepReport {
        let options = &self.options;
        let step = self.history.len() as u64;
        let factor = options
            .schedule
            .factor(step, options.warm_up, options.steps);
        StepReport {
            step: step + 1,
            loss: 0.0,
            gradient_norm: 0.0,
            learning_rate: options.learning_rate * factor,
            tokens: 0,
            pairs: None,
        }
    }

    /// Refuses infinities, and a loss that has grown out of all proportion.
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
        let first = self.history.first().map_or(report.loss, |step| step.loss);
        let before = self.history.last().map_or(report.loss, |step| step.loss);
        if report.loss.min(before) > DIVERGED * first.max(1.0) {
            return diverged("loss", report.loss);
        }
        Ok(())
    }

    /// Samples of the next step: every epoch has an order of its own.
    fn batch(&self) -> Vec<usize> {
        let count = self.samples.len() as u64;
        let first = self.history.len() as u64 * self.options.batch as u64;
        let mut epoch = (u64::MAX, Vec::new());
        (first..first + self.options.batch as u64)
            .map(|position| {
                let number = position / count;
                if epoch.0 != number {
                    epoch = (number, order(self.samples.len(), self.options.seed, number));
                }
                epoch.1[(position % count) as usize]
            })
            .collect()
    }
}

/// What steps cost, whatever computes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunCost {
    /// Multiplications with weights.
    pub multiplications: f64,
}

impl RunCost {
    /// About how long it takes, from the speed of one product measured now. Blocks for some
    /// tenths of a second.
    #[must_use]
    pub fn duration(self, model: &Model, pool: &ThreadPool) -> Duration {
        // What is no product of weights takes about a fifth of the time.
        let seconds = 1.25 * self.multiplications / products_per_second(model, pool);
        Duration::from_secs_f64(seconds)
    }
}

/// A loss that stays above this many times the first one (or 1) is no longer learning.
const DIVERGED: f64 = 4.0;

/// Multiplications with weights that the machine does a second, as it is now.
fn products_per_second(model: &Model, pool: &ThreadPool) -> f64 {
    const TOKENS: usize = 128;
    let weight = model.projection(0, Projection::Gate);
    let x = Panels::new(TOKENS, weight.columns());
    let mut y = Panels::new(TOKENS, weight.rows());
    let mut rate = 0.0f64;
    for _ in 0..5 {
        let started = Instant::now();
        matmul_forward(pool, &weight, &x, &mut y, &[]);
        let done = (weight.rows() * weight.columns() * TOKENS) as f64;
        rate = rate.max(done / started.elapsed().as_secs_f64());
    }
    rate
}

/// The largest pack of one sample, of two, and so on up to `most`.
fn pack_sizes(samples: &[Sample], most: usize) -> Vec<PackSize> {
    let shared = Sample::shared_prompt(samples);
    let largest = |size: fn(&Sample) -> usize| {
        let mut sizes: Vec<usize> = samples.iter().map(size).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    };
    let (tokens, targets) = (largest(Sample::tokens), largest(Sample::targets));
    (1..=most.min(samples.len()))
        .map(|count| PackSize {
            tokens: tokens[..count].iter().sum::<usize>() - (count - 1) * shared,
            targets: targets[..count].iter().sum(),
        })
        .collect()
}

/// A shuffle (Fisher and Yates) that seed and epoch determine.
fn order(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(epoch + 1);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // The bias of a remainder of 64 bits is far below what anyone could see.
        let other = random.next_u64() % (last as u64 + 1);
        order.swap(last, other as usize);
    }
    order
}
