//! Tests and intervals. Those that end in nothing (an *e-process*, a *confidence
//! sequence*) hold at every look, whoever looks and whenever he stops; the others are for
//! one look at data of a size that was fixed before.
//!
//! An e-process is what a fair game would have made of one unit of money: if the null
//! hypothesis holds, the chance that it ever reaches 1/α is at most α (Ville's inequality).

mod beta_binomial;
mod effect;
mod empirical_bernstein;
mod fixed;
mod multiplicity;

pub use beta_binomial::log_multinomial_e;
pub use effect::{Arm, Design, EProcess, Observation, Side, confidence_interval};
pub use empirical_bernstein::EmpiricalBernstein;
pub(crate) use fixed::z;
pub use fixed::{McNemar, bootstrap_mean, mcnemar, picks_needed, rate_outcomes_needed, wilson};
pub use multiplicity::e_benjamini_hochberg;

use serde::{Deserialize, Serialize};

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}
