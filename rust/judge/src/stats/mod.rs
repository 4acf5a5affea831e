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
mod shares_of_people;
mod tango;
mod two_means;

pub use beta_binomial::log_multinomial_e;
pub use effect::{Arm, Design, EProcess, Observation, Side, confidence_interval};
pub use empirical_bernstein::EmpiricalBernstein;
pub(crate) use fixed::z;
pub use fixed::{McNemar, bootstrap_mean, mcnemar, picks_needed, rate_outcomes_needed, wilson};
pub use multiplicity::e_benjamini_hochberg;
pub(crate) use shares_of_people::SharesOfPeople;
pub use tango::PairedCounts;

use serde::{Deserialize, Serialize};

/// Fractions of the wealth that bets put at stake; an e-process is their average.
const FRACTIONS: [f64; 9] = [0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8, 0.97];

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}
