//! A/B tests whose verdict may be looked at after every outcome.
//!
//! A [`Definition`] says what is compared, by which measures and when it ends.
//! [`assign`] says who sees which arm. A [`Recorder`] takes exposures and outcomes and
//! refuses what cannot be; its [`Tally`] is nothing but counts, so that no text leaves a
//! device. [`decide`] says what they prove of the person who uses it, and a [`Pool`] of
//! several devices' what they prove of people.

pub mod assign;
mod cells;
mod decide;
mod definition;
mod error;
mod evidence;
mod forecast;
mod ledger;
mod measure;
mod pool;
mod recorder;
mod sentence;
mod simulate;
mod tally;

pub use crate::stats::Arm;
pub use cells::Cells;
pub use decide::{Decision, MeasureEvidence, People, Reason, Verdict, decide, decide_on_summary};
pub use definition::{
    ArmDefinition, Arms, Definition, DesignKind, Goal, Limits, Metric, Namespace, Role,
};
pub use error::ExperimentError;
pub use evidence::{AlphaPlan, Monitor, proves};
pub use forecast::Forecast;
pub use ledger::{Event, read_ledger};
pub use measure::{Measure, Outcome, Pick};
pub use pool::Pool;
pub use recorder::Recorder;
pub use sentence::signed_points;
pub use simulate::{
    Crowd, CrowdRollout, Outcomes, Rollout, SimulatedEvent, World, simulate, simulate_people,
    simulate_showing,
};
pub use tally::{PersonMean, Tally};
