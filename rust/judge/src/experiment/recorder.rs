//! Exposures and outcomes, one after the other, and what cannot be among them.

use std::collections::{BTreeSet, HashMap};

use super::tally::Graded;
use super::{Arm, Definition, ExperimentError, Measure, Outcome, Tally};

/// Takes what happens in an experiment on one device. An error changes nothing.
#[derive(Debug, Clone)]
pub struct Recorder {
    definition: Definition,
    tally: Tally,
    units: HashMap<String, Unit>,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Unit {
    arm: Arm,
    measured: BTreeSet<Measure>,
}

impl Recorder {
    /// Before the first exposure.
    ///
    /// # Errors
    /// [`ExperimentError::DefinitionInvalid`].
    pub fn new(definition: Definition) -> Result<Self, ExperimentError> {
        definition.check()?;
        Ok(Self {
            tally: Tally::new(&definition),
            definition,
            units: HashMap::new(),
            ended: false,
        })
    }

    /// A unit saw an arm; side by side, both, this one's reply first.
    ///
    /// # Errors
    /// [`ExperimentError::DuplicateExposure`], [`ExperimentError::ClockWentBack`],
    /// [`ExperimentError::Ended`].
    pub fn expose(&mut self, unit: &str, arm: Arm, at_s: i64) -> Result<(), ExperimentError> {
        self.is_open_at(at_s)?;
        if self.units.contains_key(unit) {
            return Err(ExperimentError::DuplicateExposure {
                unit: unit.to_owned(),
            });
        }
        let seen = Unit {
            arm,
            measured: BTreeSet::new(),
        };
        self.units.insert(unit.to_owned(), seen);
        self.tally.expose(arm, at_s);
        self.tally.last_at_s = Some(at_s);
        Ok(())
    }

    /// What came of it, once a measure.
    ///
    /// # Errors
    /// [`ExperimentError::NotExposed`], [`ExperimentError::DuplicateOutcome`],
    /// [`ExperimentError::MeasureNotTaken`], [`ExperimentError::OutcomeForm`],
    /// [`ExperimentError::NotFinite`], [`ExperimentError::ClockWentBack`],
    /// [`ExperimentError::Ended`].
    pub fn record(
        &mut self,
        unit: &str,
        measure: Measure,
        outcome: Outcome,
        at_s: i64,
    ) -> Result<(), ExperimentError> {
        self.is_open_at(at_s)?;
        let metric = self.definition.metric(measure);
        let metric = metric.ok_or(ExperimentError::MeasureNotTaken { measure })?;
        let seen = self.units.get_mut(unit);
        let seen = seen.ok_or_else(|| ExperimentError::NotExposed {
            unit: unit.to_owned(),
        })?;
        let graded = Graded::of(metric, self.definition.design, seen.arm, outcome)?;
        let graded = graded.ok_or_else(|| ExperimentError::NotFinite {
            unit: unit.to_owned(),
            measure,
        })?;
        if !seen.measured.insert(measure) {
            return Err(ExperimentError::DuplicateOutcome {
                unit: unit.to_owned(),
                measure,
            });
        }
        self.tally.add(measure, graded);
        self.tally.last_at_s = Some(at_s);
        Ok(())
    }

    /// Somebody ended it.
    ///
    /// # Errors
    /// [`ExperimentError::ClockWentBack`], [`ExperimentError::Ended`].
    pub fn end(&mut self, at_s: i64) -> Result<(), ExperimentError> {
        self.is_open_at(at_s)?;
        self.ended = true;
        self.tally.last_at_s = Some(at_s);
        Ok(())
    }

    /// Whether somebody ended it.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The arm that a unit was assigned to.
    #[must_use]
    pub fn arm_of(&self, unit: &str) -> Option<Arm> {
        self.units.get(unit).map(|seen| seen.arm)
    }

    /// What it is an experiment of.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn is_open_at(&self, at_s: i64) -> Result<(), ExperimentError> {
        if self.ended {
            return Err(ExperimentError::Ended);
        }
        match self.tally.last_at_s {
            Some(last_s) if at_s < last_s => Err(ExperimentError::ClockWentBack { at_s, last_s }),
            _ => Ok(()),
        }
    }
}
