//! Exposures and outcomes, one after the other, and what cannot be among them.

use std::collections::{BTreeSet, HashMap};

use pocketune_base::check_seconds;

use super::cells::Graded;
use super::tally::is_run;
use super::{Arm, Definition, ExperimentError, Measure, Outcome, Tally};

/// Takes what happens in an experiment on one device. An error changes nothing.
#[derive(Debug, Clone)]
pub struct Recorder {
    definition: Definition,
    tally: Tally,
    units: HashMap<String, Unit>,
    /// Whether anything was taken, and be it only the line that begins a ledger.
    begun: bool,
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
            begun: false,
        })
    }

    /// As [`Recorder::new`], of a run with this id: made at random by whoever starts it, so
    /// that its counts are never added twice.
    ///
    /// # Errors
    /// [`ExperimentError::DefinitionInvalid`]; [`ExperimentError::RunInvalid`] for an id
    /// that is not 1 to 64 characters.
    pub fn for_run(definition: Definition, run: &str) -> Result<Self, ExperimentError> {
        let mut this = Self::new(definition)?;
        this.set_run(run)?;
        Ok(this)
    }

    /// The run that is recorded from here on, as the first line of a ledger says. A recorder
    /// that was made for this very run takes that line too.
    ///
    /// # Errors
    /// [`ExperimentError::OtherExperiment`], [`ExperimentError::RunInvalid`];
    /// [`ExperimentError::StartNotFirst`] after anything else, or for another run.
    pub(super) fn start(&mut self, experiment: &str, run: &str) -> Result<(), ExperimentError> {
        if experiment != self.tally.experiment {
            return Err(ExperimentError::OtherExperiment {
                found: experiment.to_owned(),
                expected: self.tally.experiment.clone(),
            });
        }
        let another = self.tally.runs.iter().any(|known| known != run);
        if self.begun || another {
            return Err(ExperimentError::StartNotFirst);
        }
        self.set_run(run)?;
        self.begun = true;
        Ok(())
    }

    fn set_run(&mut self, run: &str) -> Result<(), ExperimentError> {
        if !is_run(run) {
            return Err(ExperimentError::RunInvalid);
        }
        self.tally.runs.insert(run.to_owned());
        Ok(())
    }

    /// A unit saw an arm; side by side, both, this one's reply first.
    ///
    /// # Errors
    /// [`ExperimentError::DuplicateExposure`], [`ExperimentError::ClockWentBack`],
    /// [`ExperimentError::MomentNegative`], [`ExperimentError::NotSeconds`],
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
        self.took(at_s);
        Ok(())
    }

    /// What came of it, once a measure.
    ///
    /// # Errors
    /// [`ExperimentError::NotExposed`], [`ExperimentError::DuplicateOutcome`],
    /// [`ExperimentError::MeasureNotTaken`], [`ExperimentError::OutcomeForm`],
    /// [`ExperimentError::NotFinite`], [`ExperimentError::ClockWentBack`],
    /// [`ExperimentError::MomentNegative`], [`ExperimentError::NotSeconds`],
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
        let person_outcomes = self.definition.person_outcomes();
        self.tally.add(measure, graded, person_outcomes);
        self.took(at_s);
        Ok(())
    }

    /// Somebody ended it.
    ///
    /// # Errors
    /// [`ExperimentError::ClockWentBack`], [`ExperimentError::MomentNegative`],
    /// [`ExperimentError::NotSeconds`], [`ExperimentError::Ended`].
    pub fn end(&mut self, at_s: i64) -> Result<(), ExperimentError> {
        self.is_open_at(at_s)?;
        self.tally.ended = true;
        self.took(at_s);
        Ok(())
    }

    /// Whether somebody ended it.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.tally.ended
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

    fn took(&mut self, at_s: i64) {
        self.tally.last_at_s = Some(at_s);
        self.begun = true;
    }

    fn is_open_at(&self, at_s: i64) -> Result<(), ExperimentError> {
        if self.tally.ended {
            return Err(ExperimentError::Ended);
        }
        if at_s < 0 {
            return Err(ExperimentError::MomentNegative { at_s });
        }
        check_seconds(at_s)?;
        match self.tally.last_at_s {
            Some(last_s) if at_s < last_s => Err(ExperimentError::ClockWentBack { at_s, last_s }),
            _ => Ok(()),
        }
    }
}
