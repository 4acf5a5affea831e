//! What is wrong with an experiment's data. No verdict is given from such.

use pocketune_base::json::JsonError;
use pocketune_base::{LineError, LineFault, NotSeconds};
use thiserror::Error;

use super::Measure;

/// Why a definition, an event or a summary is refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The definition is no JSON of the form.
    #[error("the definition is malformed: {reason}")]
    DefinitionMalformed {
        /// What is wrong with it.
        reason: JsonError,
    },
    /// The definition asks for something that cannot be.
    #[error("the definition cannot be: {reason}")]
    DefinitionInvalid {
        /// The field of the definition, as files name it.
        field: &'static str,
        /// What.
        reason: &'static str,
    },
    /// A line of a ledger is no event.
    #[error("line {line}: {reason}")]
    LineMalformed {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: LineFault,
    },
    /// A line of a ledger contradicts what stands before it.
    #[error("line {line}: {source}")]
    Line {
        /// From 1.
        line: usize,
        /// How.
        source: Box<ExperimentError>,
    },
    /// An arm that the experiment does not have.
    #[error("no arm is called {arm:?}")]
    UnknownArm {
        /// Its name.
        arm: String,
    },
    /// A unit that was exposed before.
    #[error("unit {unit:?} was exposed before")]
    DuplicateExposure {
        /// The unit.
        unit: String,
    },
    /// An outcome of a unit that was not exposed.
    #[error("unit {unit:?} has an outcome and no exposure")]
    NotExposed {
        /// The unit.
        unit: String,
    },
    /// A second outcome of one unit by one measure.
    #[error("unit {unit:?} has an outcome by {measure} already")]
    DuplicateOutcome {
        /// The unit.
        unit: String,
        /// The measure.
        measure: Measure,
    },
    /// A measure that the experiment does not take.
    #[error("the experiment does not take {measure}")]
    MeasureNotTaken {
        /// The measure.
        measure: Measure,
    },
    /// An outcome of a form that the design or the measure does not have.
    #[error("{measure} has no outcome of this form in this design")]
    OutcomeForm {
        /// The measure.
        measure: Measure,
    },
    /// A value that is no number, or infinite.
    #[error("unit {unit:?}: the outcome by {measure} is no finite number")]
    NotFinite {
        /// The unit.
        unit: String,
        /// The measure.
        measure: Measure,
    },
    /// A moment before one that was recorded.
    #[error("the clock went back: {at_s} s after {last_s} s")]
    ClockWentBack {
        /// The moment, in seconds since 1970.
        at_s: i64,
        /// The latest before it.
        last_s: i64,
    },
    /// A moment before 1970.
    #[error("the moment {at_s} s is before 1970")]
    MomentNegative {
        /// The moment, in seconds since 1970.
        at_s: i64,
    },
    /// A moment in milliseconds, or finer.
    #[error("the moment {0}")]
    NotSeconds(#[from] NotSeconds),
    /// A line that begins a ledger, elsewhere than at its beginning.
    #[error("a run begins where other events stand before it")]
    StartNotFirst,
    /// The id of a run that is empty or longer than 64 characters.
    #[error("a run's id is not 1 to 64 characters")]
    RunInvalid,
    /// Counts of one run for the second time.
    #[error("the run {run:?} is counted already")]
    DuplicateRun {
        /// Its id.
        run: String,
    },
    /// A sum of several runs where one of each person is needed.
    #[error("the summary is a sum of several runs, in which people cannot be told apart")]
    SeveralRuns,
    /// Something after the end.
    #[error("the experiment has ended")]
    Ended,
    /// A summary is no JSON of the form, or its counts cannot be.
    #[error("the summary is malformed: {reason}")]
    SummaryMalformed {
        /// What the parser says.
        reason: String,
    },
    /// Summaries of different experiments.
    #[error("the summary is of the experiment {found}, not of {expected}")]
    OtherExperiment {
        /// SHA-256 of the definition it is of.
        found: String,
        /// SHA-256 of the definition at hand.
        expected: String,
    },
    /// Parameters of a simulation that mean nothing.
    #[error("the simulation cannot be: {reason}")]
    SimulationInvalid {
        /// Why.
        reason: &'static str,
    },
}

impl From<LineError> for ExperimentError {
    fn from(LineError { line, fault }: LineError) -> Self {
        Self::LineMalformed {
            line,
            reason: fault,
        }
    }
}
