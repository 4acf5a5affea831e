//! From log-probabilities to a loss and the weights of its gradient, as TRL 1.16
//! defines them.

pub(crate) mod dpo;

use serde::{Deserialize, Serialize};

pub use dpo::{DpoLoss, DpoOptions, PairMetrics, Reference};

/// What training makes likelier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "lowercase")]
pub enum Objective {
    /// Mean negative log-likelihood of the tokens that count, over a step's batch.
    Sft,
    /// Direct preference optimisation.
    Dpo(DpoOptions),
}
