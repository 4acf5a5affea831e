//! Events as lines of JSON: what a device keeps, and what is analysed elsewhere with
//! consent.

use pocketune_base::json::{self, JsonError, Nulls};
use pocketune_base::{Line, LineError, lines};
use serde::{Deserialize, Serialize};

use super::{Arm, Definition, ExperimentError, Measure, Outcome, Recorder};

const INCUMBENT: &str = "incumbent";
const CHALLENGER: &str = "challenger";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run of the experiment begins: the first line, where there is one such.
    Start {
        /// SHA-256 of the definition.
        experiment: String,
        /// The run's id: 1 to 64 characters, made at random.
        run: String,
    },
    /// A unit saw an arm; side by side, both, this one's reply first.
    Exposure {
        /// What is exposed: a conversation, or one question of it.
        unit: String,
        /// `incumbent` or `challenger`.
        arm: String,
        /// Seconds since 1970.
        at_s: i64,
    },
    /// What came of it.
    Outcome {
        /// The unit.
        unit: String,
        /// By which measure.
        measure: Measure,
        /// What.
        outcome: Outcome,
        /// Seconds since 1970.
        at_s: i64,
    },
    /// Somebody ended the experiment.
    End {
        /// Seconds since 1970.
        at_s: i64,
    },
}

const EVENTS: [&str; 4] = ["start", "exposure", "outcome", "end"];

/// Fields of an event, which a reader of [`Event`] derived by its tag would not name.
macro_rules! fields {
    ($($name:ident as $event:ident { $($field:ident: $kind:ty),* })*) => {
        $(
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct $name {
                $($field: $kind),*
            }

            impl From<$name> for Event {
                fn from(read: $name) -> Self {
                    Self::$event { $($field: read.$field),* }
                }
            }
        )*
    };
}

fields! {
    Start as Start { experiment: String, run: String }
    Exposure as Exposure { unit: String, arm: String, at_s: i64 }
    Measured as Outcome { unit: String, measure: Measure, outcome: Outcome, at_s: i64 }
    End as End { at_s: i64 }
}

/// Takes the events of a ledger in their order, and shows the recorder after each.
///
/// # Errors
/// [`ExperimentError::LineMalformed`] and [`ExperimentError::Line`], with the line;
/// [`ExperimentError::DefinitionInvalid`].
pub fn read_ledger(
    definition: &Definition,
    ledger: &str,
    mut each: impl FnMut(&Recorder),
) -> Result<Recorder, ExperimentError> {
    let mut recorder = Recorder::new(definition.clone())?;
    for line in lines(ledger.as_bytes()) {
        let line = line?;
        let event = Event::read(&line)?;
        let line = line.number;
        let taken = recorder.take(&event);
        taken.map_err(|source| ExperimentError::Line {
            line,
            source: Box::new(source),
        })?;
        each(&recorder);
    }
    Ok(recorder)
}

impl Event {
    /// Reads the line of this number, from 1.
    ///
    /// # Errors
    /// [`ExperimentError::LineMalformed`].
    pub fn parse(text: &str, line: usize) -> Result<Self, ExperimentError> {
        let event = match lines(text.as_bytes()).next() {
            Some(found) => found.and_then(|found| Self::read(&found)),
            None => Err(LineError {
                line,
                fault: JsonError::Empty.into(),
            }),
        };
        event.map_err(|error| LineError { line, ..error }.into())
    }

    /// By `event` first, so that what is wrong with a field is said with its name.
    fn read(line: &Line<'_>) -> Result<Self, LineError> {
        let mut value = line.value()?;
        let event = json::tag(&mut value, "event", &EVENTS);
        let nulls = Nulls::Refused;
        Ok(match event.map_err(|error| line.error(error.into()))? {
            "start" => line.shaped::<Start>(&value, nulls)?.into(),
            "exposure" => line.shaped::<Exposure>(&value, nulls)?.into(),
            "outcome" => line.shaped::<Measured>(&value, nulls)?.into(),
            _ => line.shaped::<End>(&value, nulls)?.into(),
        })
    }

    /// That a unit saw an arm.
    #[must_use]
    pub fn exposure(unit: &str, arm: Arm, at_s: i64) -> Self {
        let arm = match arm {
            Arm::Incumbent => INCUMBENT,
            Arm::Challenger => CHALLENGER,
        };
        Self::Exposure {
            unit: unit.to_owned(),
            arm: arm.to_owned(),
            at_s,
        }
    }

    /// As a line of a ledger, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        // Events have neither maps nor numbers that JSON lacks: outcomes are checked first.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Recorder {
    /// Takes one event.
    ///
    /// # Errors
    /// [`ExperimentError::UnknownArm`], and those of [`Recorder::expose`],
    /// [`Recorder::record`] and [`Recorder::end`]. For the start of a run
    /// [`ExperimentError::StartNotFirst`], [`ExperimentError::OtherExperiment`] and
    /// [`ExperimentError::RunInvalid`].
    pub fn take(&mut self, event: &Event) -> Result<(), ExperimentError> {
        match event {
            Event::Start { experiment, run } => self.start(experiment, run),
            Event::Exposure { unit, arm, at_s } => self.expose(unit, arm_called(arm)?, *at_s),
            Event::Outcome {
                unit,
                measure,
                outcome,
                at_s,
            } => self.record(unit, *measure, *outcome, *at_s),
            Event::End { at_s } => self.end(*at_s),
        }
    }
}

fn arm_called(name: &str) -> Result<Arm, ExperimentError> {
    match name {
        INCUMBENT => Ok(Arm::Incumbent),
        CHALLENGER => Ok(Arm::Challenger),
        _ => Err(ExperimentError::UnknownArm {
            arm: name.to_owned(),
        }),
    }
}
