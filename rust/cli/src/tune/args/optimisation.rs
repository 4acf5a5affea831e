//! How steps are taken.

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::tuning::{CrossValidation, OptimizerOptions, Schedule};

use super::default_recipe;

const OPTIMISATION: &str = "Optimisation";

#[derive(Debug, Args)]
pub(crate) struct OptimisationArgs {
    /// Optimiser steps
    #[arg(long, default_value_t = default_recipe().training.steps, value_name = "N", help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    pub(crate) steps: u64,
    /// Choose the number of steps by cross-validation with so many folds, each trained once
    /// before; for data too few to hold some out
    #[arg(long, value_name = "FOLDS", help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=20))]
    cross_validate: Option<usize>,
    /// Steps between measurements of held-out loss in cross-validation
    #[arg(long, default_value_t = 5, value_name = "N", requires = "cross_validate",
          help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    cross_validate_every: u64,
    /// Batch size: samples per step
    #[arg(long, default_value_t = default_recipe().batch, value_name = "N", help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(super) batch: usize,
    /// Peak learning rate
    #[arg(long, default_value_t = default_recipe().training.learning_rate, value_name = "RATE",
          help_heading = OPTIMISATION)]
    pub(super) learning_rate: f64,
    /// Warm-up steps
    #[arg(long, default_value_t = default_recipe().training.warm_up, value_name = "N",
          help_heading = OPTIMISATION)]
    warm_up: u64,
    /// Learning rate schedule after warm-up
    #[arg(long, value_enum, default_value_t = default_recipe().training.schedule.into(),
          help_heading = OPTIMISATION)]
    schedule: ScheduleKind,
    /// Optimiser
    #[arg(long, value_enum, default_value_t = default_recipe().training.optimizer.into(),
          help_heading = OPTIMISATION)]
    optimizer: OptimizerKind,
    /// Momentum factor (sgd)
    #[arg(long, default_value_t = default_momentum(), value_name = "M", help_heading = OPTIMISATION)]
    momentum: f32,
    /// Weight decay (adamw)
    #[arg(long, default_value_t = default_weight_decay(), value_name = "W", help_heading = OPTIMISATION)]
    weight_decay: f32,
    /// Maximum gradient norm
    #[arg(long, default_value_t = default_recipe().training.clip, value_name = "NORM",
          help_heading = OPTIMISATION)]
    pub(super) clip: f32,
    /// Random seed of initial weights, sample order and dropout
    #[arg(long, default_value_t = default_recipe().training.seed, value_name = "N",
          help_heading = OPTIMISATION)]
    pub(super) seed: u64,
}

fn default_momentum() -> f32 {
    match OptimizerOptions::SGD {
        OptimizerOptions::Sgd { momentum } => momentum,
        OptimizerOptions::AdamW { .. } => 0.0,
    }
}

fn default_weight_decay() -> f32 {
    match OptimizerOptions::default() {
        OptimizerOptions::AdamW { weight_decay, .. } => weight_decay,
        OptimizerOptions::Sgd { .. } => 0.0,
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OptimizerKind {
    /// Adam with decoupled weight decay
    #[value(name = "adamw")]
    AdamW,
    /// SGD with momentum: half the optimiser state
    Sgd,
}

impl From<OptimizerOptions> for OptimizerKind {
    fn from(options: OptimizerOptions) -> Self {
        match options {
            OptimizerOptions::AdamW { .. } => Self::AdamW,
            OptimizerOptions::Sgd { .. } => Self::Sgd,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScheduleKind {
    /// Decays to 0 along a half cosine
    Cosine,
    /// Stays at its peak
    Constant,
}

impl From<Schedule> for ScheduleKind {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Cosine => Self::Cosine,
            Schedule::Constant => Self::Constant,
        }
    }
}

impl OptimisationArgs {
    pub(super) fn cross_validation(&self) -> Option<CrossValidation> {
        self.cross_validate.map(|folds| CrossValidation {
            folds,
            every: self.cross_validate_every,
        })
    }

    pub(super) fn warm_up(&self) -> u64 {
        self.warm_up.min(self.steps)
    }

    pub(super) fn schedule(&self) -> Schedule {
        match self.schedule {
            ScheduleKind::Cosine => Schedule::Cosine,
            ScheduleKind::Constant => Schedule::Constant,
        }
    }

    pub(super) fn optimizer(&self) -> OptimizerOptions {
        match self.optimizer {
            OptimizerKind::AdamW => {
                let mut options = OptimizerOptions::default();
                if let OptimizerOptions::AdamW { weight_decay, .. } = &mut options {
                    *weight_decay = self.weight_decay;
                }
                options
            }
            OptimizerKind::Sgd => OptimizerOptions::Sgd {
                momentum: self.momentum,
            },
        }
    }
}
