//! Steps: batches, accumulation, clipping, schedule, optimiser.

use pocketune_kernels::ThreadPool;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::error::TrainError;
use crate::lora::Lora;
use crate::model::Model;
use crate::objective::dpo::BatchFacts;
use crate::objective::{DpoOptions, Objective, PairMetrics, Reference};
use crate::optimizer::{Optimizer, OptimizerOptions, clip};
use crate::pack::{Pack, Sample};
use crate::pass::{Adapters, Pass};
use crate::plan::{MemoryPlan, PlanInputs};
use crate::schedule::Schedule;

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerOptions {
    /// What to make likelier.
    pub objective: Objective,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps in all.
    pub steps: u64,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Learning rate after it.
    pub schedule: Schedule,
    /// Samples a step.
    pub batch: usize,
    /// Longest gradient.
    pub clip: f32,
    /// Optimiser.
    pub optimizer: OptimizerOptions,
    /// Determines the order of the samples.
    pub seed: u64,
    /// Bytes of anonymous memory that may be used; no limit when `None`.
    pub memory_bytes: Option<u64>,
}

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

/// Training under way. Every function blocks while it computes.
pub struct Trainer<'a> {
    policy: Policy<'a>,
    samples: Vec<Sample>,
    references: Vec<Option<Reference>>,
    options: TrainerOptions,
    optimizer: Optimizer,
    gradient: Vec<f32>,
    step: u64,
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
    ) -> Result<Self, TrainError> {
        options.check(&samples)?;
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, model.vocabulary())?;
        }
        let parameters = lora.parameters().len();
        let plan = MemoryPlan::new(
            model,
            &PlanInputs {
                tokens: samples.iter().map(Sample::tokens).max().unwrap_or(0),
                parameters,
                state_per_parameter: options.optimizer.state_per_parameter(),
                threads: pool.threads(),
                budget_bytes: options.memory_bytes,
            },
        )?;
        Ok(Self {
            policy: Policy {
                model,
                pool,
                frozen,
                lora,
                plan,
            },
            references: vec![None; samples.len()],
            samples,
            optimizer: Optimizer::new(options.optimizer, parameters),
            gradient: vec![0.0; parameters],
            options,
            step: 0,
        })
    }

    /// How memory is used.
    #[must_use]
    pub fn plan(&self) -> &MemoryPlan {
        &self.policy.plan
    }

    /// The adapter as it is now.
    #[must_use]
    pub fn lora(&self) -> &Lora {
        &self.policy.lora
    }

    /// Ends training and returns the adapter.
    #[must_use]
    pub fn into_lora(self) -> Lora {
        self.policy.lora
    }

    /// One step over the next batch. After an error the adapter is as before.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], [`TrainError::Diverged`].
    pub fn step(&mut self, control: &Control) -> Result<StepReport, TrainError> {
        let batch = self.batch();
        self.gradient.fill(0.0);
        let mut report = match self.options.objective.clone() {
            Objective::Sft => self.sft(&batch, control)?,
            Objective::Dpo(options) => self.dpo(&options, &batch, control)?,
        };
        report.gradient_norm = clip(&mut self.gradient, self.options.clip);
        for (what, value) in [
            ("loss", report.loss),
            ("gradient norm", report.gradient_norm),
        ] {
            if !value.is_finite() {
                let step = report.step;
                return Err(TrainError::Diverged { step, what, value });
            }
        }
        let parameters = self.policy.lora.parameters_mut();
        self.optimizer
            .step(parameters, &self.gradient, report.learning_rate);
        self.step += 1;
        Ok(report)
    }

    /// Figures of a pair under the adapter as it is now.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], [`TrainError::Sample`] when it is no pair.
    pub fn judge(
        &self,
        options: &DpoOptions,
        index: usize,
        sample: &Sample,
        control: &Control,
    ) -> Result<PairMetrics, TrainError> {
        if !matches!(sample, Sample::Pair { .. }) {
            return Err(TrainError::Sample {
                index,
                reason: "it is no pair".to_owned(),
            });
        }
        sample.check(index, self.policy.model.vocabulary())?;
        let pack = Pack::new(sample);
        let reference = self.policy.reference(&pack, control)?;
        let pass = self.policy.infer(&pack, true, control)?;
        let sums = pack.sums(&pass.log_probabilities()?);
        let one = BatchFacts {
            pairs: 1,
            chosen_tokens: pack.first_targets,
        };
        Ok(options.pair(sums, reference, lengths(&pack), one).metrics)
    }

    fn sft(&mut self, batch: &[usize], control: &Control) -> Result<StepReport, TrainError> {
        let packs: Vec<Pack> = batch
            .iter()
            .map(|&index| Pack::new(&self.samples[index]))
            .collect();
        let count: usize = packs.iter().map(|pack| pack.targets.len()).sum();
        let weight = 1.0 / count as f32;
        let mut report = self.report();
        for pack in &packs {
            let weights = vec![weight; pack.targets.len()];
            let pass = self.policy.forward(pack, control)?;
            let log_probabilities = pass.backward(&weights, &mut self.gradient)?;
            let sum: f64 = log_probabilities.iter().map(|&logp| f64::from(logp)).sum();
            report.loss -= sum / count as f64;
            report.tokens += pack.tokens.len() as u64;
        }
        Ok(report)
    }

    fn dpo(
        &mut self,
        options: &DpoOptions,
        batch: &[usize],
        control: &Control,
    ) -> Result<StepReport, TrainError> {
        let packs: Vec<Pack> = batch
            .iter()
            .map(|&index| Pack::new(&self.samples[index]))
            .collect();
        let facts = BatchFacts {
            pairs: packs.len(),
            chosen_tokens: packs.iter().map(|pack| pack.first_targets).sum(),
        };
        let mut report = self.report();
        let mut means = PairMetrics::default();
        for (pack, &index) in packs.iter().zip(batch) {
            let reference = match self.references[index] {
                Some(reference) => reference,
                None => self.policy.reference(pack, control)?,
            };
            self.references[index] = Some(reference);
            let pass = self.policy.forward(pack, control)?;
            let sums = pack.sums(&pass.log_probabilities()?);
            let pair = options.pair(sums, reference, lengths(pack), facts);
            let (n_chosen, n_rejected) = lengths(pack);
            let mut weights = vec![pair.chosen_weight as f32; n_chosen];
            weights.extend(vec![pair.rejected_weight as f32; n_rejected]);
            pass.backward(&weights, &mut self.gradient)?;
            report.loss += pair.loss;
            report.tokens += pack.tokens.len() as u64;
            means.add(&pair.metrics, 1.0 / facts.pairs as f64);
        }
        report.pairs = Some(means);
        Ok(report)
    }

    fn report(&self) -> StepReport {
        let options = &self.options;
        let factor = options
            .schedule
            .factor(self.step, options.warm_up, options.steps);
        StepReport {
            step: self.step + 1,
            loss: 0.0,
            gradient_norm: 0.0,
            learning_rate: options.learning_rate * factor,
            tokens: 0,
            pairs: None,
        }
    }

    /// Samples of the next step: every epoch has an order of its own.
    fn batch(&self) -> Vec<usize> {
        let count = self.samples.len() as u64;
        let first = self.step * self.options.batch as u64;
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

/// Everything that answers, apart from the gradient that a step adds to.
struct Policy<'a> {
    model: &'a Model,
    pool: &'a ThreadPool,
    frozen: &'a [Lora],
    lora: Lora,
    plan: MemoryPlan,
}

impl Policy<'_> {
    fn forward<'p>(&'p self, pack: &'p Pack, control: &'p Control) -> Result<Pass<'p>, TrainError> {
        let adapters = self.adapters(true);
        Pass::forward(self.model, self.pool, adapters, pack, &self.plan, control)
    }

    fn infer<'p>(
        &'p self,
        pack: &'p Pack,
        trained: bool,
        control: &'p Control,
    ) -> Result<Pass<'p>, TrainError> {
        let adapters = self.adapters(trained);
        Pass::infer(self.model, self.pool, adapters, pack, &self.plan, control)
    }

    fn adapters(&self, trained: bool) -> Adapters<'_> {
        Adapters {
            frozen: self.frozen,
            trained: trained.then_some(&self.lora),
        }
    }

    /// Log-probabilities of both replies with the trained adapter off.
    fn reference(&self, pack: &Pack, control: &Control) -> Result<Reference, TrainError> {
        let pass = self.infer(pack, false, control)?;
        let (chosen, rejected) = pack.sums(&pass.log_probabilities()?);
        Ok(Reference { chosen, rejected })
    }
}

impl TrainerOptions {
    fn check(&self, samples: &[Sample]) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| {
            Err(TrainError::Option {
                option,
                reason: reason.to_owned(),
            })
        };
        if samples.is_empty() {
            return refuse("data", "holds no sample");
        }
        if self.batch == 0 || self.steps == 0 {
            return refuse("batch and steps", "must be at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", "must be above 0");
        }
        if self.clip.is_nan() || self.clip <= 0.0 {
            return refuse("clip", "must be above 0");
        }
        if let Objective::Dpo(options) = &self.objective {
            if !(options.beta.is_finite() && options.beta > 0.0) {
                return refuse("beta", "must be above 0");
            }
            if !(0.0..0.5).contains(&options.label_smoothing) {
                return refuse("label_smoothing", "must be from 0 to below 0.5");
            }
        }
        let pairs = matches!(self.objective, Objective::Dpo(_));
        let wrong = |sample: &Sample| matches!(sample, Sample::Pair { .. }) != pairs;
        if let Some(index) = samples.iter().position(wrong) {
            let reason = if pairs {
                "it is no pair"
            } else {
                "it is a pair, not a text"
            };
            return Err(TrainError::Sample {
                index,
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }
}

impl PairMetrics {
    /// Adds `share` of another's figures: towards a mean.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.reward_chosen += share * other.reward_chosen;
        self.reward_rejected += share * other.reward_rejected;
        self.margin += share * other.margin;
        self.accuracy += share * other.accuracy;
        self.logp_chosen += share * other.logp_chosen;
        self.logp_rejected += share * other.logp_rejected;
    }
}

fn lengths(pack: &Pack) -> (usize, usize) {
    (pack.first_targets, pack.targets.len() - pack.first_targets)
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
