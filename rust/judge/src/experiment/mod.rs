//! A/B tests whose verdict may be looked at after every outcome.
//!
//! A [`Definition`] says what is compared, by which measures and when it ends.
//! [`assign`] says who sees which arm. A [`Recorder`] takes exposures and outcomes and
//! refuses what cannot be; its [`Tally`] is nothing but counts, so that several devices'
//! add up and no text leaves any. [`decide`] says what they prove.

pub mod assign;
mod decide;
mod definition;
mod error;
mod evidence;
mod forecast;
mod ledger;
mod measure;
mod recorder;
mod sentence;
mod simulate;
mod tally;

pub use crate::stats::Arm;
pub use decide::{Decision, MeasureEvidence, Reason, Verdict, decide};
pub use definition::{
    ArmDefinition, Arms, Definition, DesignKind, Goal, Limits, Metric, Namespace, Role,
};
pub use error::ExperimentError;
pub use evidence::{AlphaPlan, Monitor, proves};
pub use forecast::Forecast;
pub use ledger::{Event, read_ledger};
pub use measure::{Measure, Outcome, Pick};
pub use recorder::Recorder;
pub use sentence::signed_points;
pub use simulate::{Happening, Outcomes, Rollout, World, simulate, simulate_showing};
pub use tally::{Cells, Tally};
