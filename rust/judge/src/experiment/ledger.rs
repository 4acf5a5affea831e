//! Events as lines of JSON: what a device keeps, and what is analysed elsewhere with
//! consent.

use serde::{Deserialize, Serialize};

use super::{Arm, Definition, ExperimentError, Measure, Outcome, Recorder};

const INCUMBENT: &str = "incumbent";
const CHALLENGER: &str = "challenger";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
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

/// Takes the events of a ledger in their order, and shows the recorder after each.
///
/// # Errors
/// [`ExperimentError::LineMalformed`] and [`ExperimentError::Line`], with the line;
/// [`ExperimentError::DefinitionInvalid`].
pub fn read_ledger(
    definition: &Definition,
    lines: &str,
    mut each: impl FnMut(&Recorder),
) -> Result<Recorder, ExperimentError> {
    let mut recorder = Recorder::new(definition.clone())?;
    for (index, text) in lines.lines().enumerate() {
        let line = index + 1;
        if text.trim().is_empty() {
            continue;
        }
        let event = Event::parse(text, line)?;
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
        serde_json::from_str(text).map_err(|error| ExperimentError::LineMalformed {
            line,
            reason: error.to_string(),
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
