//! From samples and options to a run that can begin.

use std::time::Duration;

use pocketune_adapter::CandidateAdapter;
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Dataset, HeldOut, KlLimit, KlProbe, Lora, MemoryBudget, MemoryPlan, Precision, Recipe, RunCost,
    Sample, Trainer, Training,
};

use super::model::TunableModel;
use crate::error::Error;
use crate::process::ProcessMemory;
use crate::threads::default_threads;

/// Everything to learn from and to measure by, as an [`super::Encoder`] makes it.
#[derive(Debug, Clone, Default)]
pub struct TuningData {
    /// What is learned from, at least one.
    pub samples: Vec<Sample>,
    /// Samples that training does not see, to judge it by.
    pub heldout: Vec<Sample>,
    /// Ordinary prompts with the model's own replies, which measure how far training moves
    /// the model where nobody asked it to. Without any, no bound on KL can be kept.
    pub ordinary: Vec<Sample>,
    /// The reference's own replies that an anchor keeps as they are; not those of `ordinary`, which
    /// must not be trained on.
    pub anchors: Vec<Sample>,
    /// What was learned from before, to be seen again beside what is new.
    pub replay: Vec<Sample>,
}

/// How to tune.
#[derive(Debug, Clone, Default)]
pub struct TuningOptions {
    /// What determines the adapter.
    pub recipe: Recipe,
    /// How its parameters are written.
    pub precision: Precision,
    /// Anonymous memory that training may use.
    pub memory: MemoryBudget,
    /// Threads that compute; [`default_threads`] when `None`.
    pub threads: Option<usize>,
    /// The adapter to go on from, in place of a new one of the recipe's shape.
    pub initial: Option<CandidateAdapter>,
    /// Adapters below it, which stay as they are and belong to the reference.
    pub frozen: Vec<CandidateAdapter>,
}

/// A run that was checked and has not begun.
#[derive(Debug)]
pub struct Tuning {
    pub(super) model: TunableModel,
    pub(super) pool: ThreadPool,
    pub(super) frozen: Vec<Lora>,
    pub(super) lora: Lora,
    pub(super) learned: Learned,
    pub(super) heldout: Option<HeldOut>,
    pub(super) kl: KlLimit,
    pub(super) recipe: Recipe,
    pub(super) precision: Precision,
    pub(super) memory: MemoryBudget,
    /// Before anything was allocated for it.
    pub(super) memory_before: Option<ProcessMemory>,
    plan: TuningPlan,
    cost: RunCost,
}

/// What a run will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TuningPlan {
    /// How memory is used.
    pub memory: MemoryPlan,
    /// Parameters of the adapter.
    pub trained_parameters: usize,
}

/// Everything that is trained on.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) samples: Vec<Sample>,
    replay: Vec<Sample>,
    anchors: Vec<Sample>,
}

impl Learned {
    /// Batches of `samples`, which may be a part of all, with what goes beside them.
    pub(super) fn source(&self, recipe: &Recipe, samples: Vec<Sample>) -> Dataset {
        let training = &recipe.training;
        let anchors = training
            .objectives
            .anchor
            .map_or(0, |anchor| anchor.samples);
        Dataset::new(samples, recipe.batch, training.seed)
            .beside(self.replay.clone(), recipe.replay_samples)
            .beside(self.anchors.clone(), anchors)
    }
}

impl Tuning {
    /// Checks data and options, and plans the memory: what cannot be done is refused here.
    /// Blocks for some milliseconds; starts the threads that will compute.
    ///
    /// # Errors
    /// [`Error::Tuning`], with what is wrong with options, samples, adapters or budget;
    /// [`Error::InvalidOption`] for held-out pairs where there are no preferences;
    /// [`Error::AdapterInvalid`] for adapters of another model.
    pub fn prepare(
        model: &TunableModel,
        data: TuningData,
        options: TuningOptions,
    ) -> Result<Self, Error> {
        let memory_before = ProcessMemory::now();
        let weights = model.weights();
        let TuningOptions {
            recipe,
            precision,
            memory,
            threads,
            initial,
            frozen,
        } = options;
        let frozen = frozen.iter().map(|adapter| model.lora(adapter));
        let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
        let lora = match &initial {
            Some(adapter) => model.lora(adapter)?,
            None => Lora::new(weights, recipe.lora.clone(), recipe.training.seed)?,
        };
        let kl = KlLimit {
            probe: KlProbe::new(weights, data.ordinary)?,
            bound: recipe.kl_bound.unwrap_or(f64::INFINITY),
            every: recipe.kl_every,
        };
        let heldout = match data.heldout.is_empty() {
            true => None,
            false => {
                let objectives = &recipe.training.objectives;
                Some(HeldOut::new(weights, objectives, data.heldout)?)
            }
        };
        let pool = ThreadPool::new(threads.unwrap_or(default_threads() as usize));
        let learned = Learned {
            samples: data.samples,
            replay: data.replay,
            anchors: data.anchors,
        };
        let lora_bytes = size_of_val(lora.parameters()) as u64;
        let trainer = Trainer::new(Training {
            model: weights,
            pool: &pool,
            frozen: &frozen,
            lora,
            source: Box::new(learned.source(&recipe, learned.samples.clone())),
            options: recipe.training.clone(),
            kl: Some(kl.clone()),
            memory,
            reserved_bytes: reserved_bytes(&recipe, lora_bytes),
        })?;
        let plan = TuningPlan {
            memory: *trainer.plan(),
            trained_parameters: trainer.lora().parameters().len(),
        };
        // Each fold takes as many steps as the run that follows.
        let folds = recipe.cross_validation.map_or(0, |plan| plan.folds);
        let cost = trainer.cost().times(folds + 1);
        let lora = trainer.into_lora();
        Ok(Self {
            model: model.clone(),
            pool,
            frozen,
            lora,
            learned,
            heldout,
            kl,
            recipe,
            precision,
            memory,
            memory_before,
            plan,
            cost,
        })
    }

    /// What it will take.
    #[must_use]
    pub fn plan(&self) -> &TuningPlan {
        &self.plan
    }

    /// About how long all steps take, from the speed of one product measured now. Blocks
    /// for some tenths of a second.
    #[must_use]
    pub fn estimate(&self) -> Duration {
        self.cost.duration(self.model.weights(), &self.pool)
    }
}

/// What a run keeps beside its trainer: cross-validation trains copies of the adapter.
pub(super) fn reserved_bytes(recipe: &Recipe, lora_bytes: u64) -> u64 {
    match recipe.cross_validation {
        Some(_) => lora_bytes,
        None => 0,
    }
}
