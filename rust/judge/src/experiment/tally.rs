//! Counts of outcomes: all that evidence needs, and nothing that tells who or what.

use std::collections::{BTreeMap, BTreeSet};

use pocketune_base::{check_seconds, json};
use serde::{Deserialize, Serialize};

use super::cells::{Cells, Graded};
use super::{Arm, Definition, DesignKind, ExperimentError, Measure};
use crate::stats::Observation;

/// Most exposures of one tally: what is beyond is a mistake.
pub(super) const COUNT_MAX: u64 = 1 << 40;

/// Most characters of a run's id.
const RUN_CHARS_MAX: usize = 64;

/// What one device, or several, saw of an experiment. Only counts: summaries of devices
/// merge, and hold neither texts nor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tally {
    /// SHA-256 of the definition.
    pub experiment: String,
    /// Which runs these counts are of, so that none is added twice: each an id of 1 to 64
    /// characters, made at random by the device. Empty where none was given.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub runs: BTreeSet<String>,
    /// Whether somebody ended it, on any of the devices.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// Exposures by assigned arm: incumbent, challenger.
    pub exposures: [u64; 2],
    /// The first exposure, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at_s: Option<i64>,
    /// The latest event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at_s: Option<i64>,
    /// Outcomes by measure.
    pub outcomes: BTreeMap<Measure, Cells>,
    /// Those of them that count for the person over several devices: the first of each arm,
    /// as many as the definition says. They stay the same however long the device goes on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first: BTreeMap<Measure, Cells>,
}

/// What one person brings by one measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PersonMean {
    /// Mean outcome of each arm as a share of the range, 1 for the good end: incumbent,
    /// challenger.
    pub means: [f64; 2],
    /// Of how many outcomes.
    pub outcomes: u64,
    /// Whether these are the first ones. If not, the summary does not say which came first:
    /// all that it holds were taken.
    pub first: bool,
}

impl PersonMean {
    /// The challenger's mean less the incumbent's, in [−1, 1].
    #[must_use]
    pub fn difference(&self) -> f64 {
        let [incumbent, challenger] = self.means;
        (challenger - incumbent).clamp(-1.0, 1.0)
    }
}

impl Tally {
    /// Of an experiment before its first exposure.
    #[must_use]
    pub fn new(definition: &Definition) -> Self {
        Self {
            experiment: definition.sha256(),
            runs: BTreeSet::new(),
            ended: false,
            exposures: [0, 0],
            started_at_s: None,
            last_at_s: None,
            outcomes: BTreeMap::new(),
            first: BTreeMap::new(),
        }
    }

    /// Reads a summary that a device gave out, and checks it against the experiment.
    ///
    /// # Errors
    /// [`ExperimentError::SummaryMalformed`], [`ExperimentError::OtherExperiment`],
    /// [`ExperimentError::MeasureNotTaken`], [`ExperimentError::OutcomeForm`],
    /// [`ExperimentError::NotSeconds`].
    pub fn parse(json: &[u8], definition: &Definition) -> Result<Self, ExperimentError> {
        let read = json::read(json);
        let this: Self = read.map_err(|error| malformed(&error.to_string()))?;
        this.check(definition)?;
        Ok(this)
    }

    /// Adds what another run saw of the same person. Counts of several people are never
    /// added: see [`super::Pool`]. Which outcomes were first is not known of a sum.
    ///
    /// # Errors
    /// [`ExperimentError::OtherExperiment`], [`ExperimentError::DuplicateRun`],
    /// [`ExperimentError::OutcomeForm`]; this tally is then as it was. The same counts twice
    /// are told only by their runs.
    pub fn merge(&mut self, other: &Self) -> Result<(), ExperimentError> {
        if other.experiment != self.experiment {
            return Err(ExperimentError::OtherExperiment {
                found: other.experiment.clone(),
                expected: self.experiment.clone(),
            });
        }
        if let Some(run) = self.runs.intersection(&other.runs).next() {
            return Err(ExperimentError::DuplicateRun { run: run.clone() });
        }
        let mut outcomes = self.outcomes.clone();
        for (measure, cells) in &other.outcomes {
            let Some(ours) = outcomes.get_mut(measure) else {
                outcomes.insert(*measure, cells.clone());
                continue;
            };
            if !ours.merge(cells) {
                return Err(ExperimentError::OutcomeForm { measure: *measure });
            }
        }
        if self.outcomes.is_empty() {
            self.first.clone_from(&other.first);
        } else if !other.outcomes.is_empty() {
            self.first.clear();
        }
        self.outcomes = outcomes;
        self.runs.extend(other.runs.iter().cloned());
        self.ended |= other.ended;
        for (ours, theirs) in self.exposures.iter_mut().zip(other.exposures) {
            *ours = ours.saturating_add(theirs);
        }
        let starts = self.started_at_s.into_iter().chain(other.started_at_s);
        self.started_at_s = starts.min();
        self.last_at_s = self.last_at_s.max(other.last_at_s);
        Ok(())
    }

    /// Outcomes by this measure.
    #[must_use]
    pub fn count(&self, measure: Measure) -> u64 {
        self.outcomes.get(&measure).map_or(0, Cells::count)
    }

    /// All observations by this measure, with how often each came.
    #[must_use]
    pub fn observations(&self, measure: Measure) -> Vec<(Observation, f64)> {
        let cells = self.outcomes.get(&measure);
        cells.map(Cells::observations).unwrap_or_default()
    }

    pub(crate) fn expose(&mut self, arm: Arm, at_s: i64) {
        *arm.of(self.exposures.each_mut()) += 1;
        self.started_at_s.get_or_insert(at_s);
    }

    /// Adds an outcome; the first `person_outcomes` of each arm count for the person.
    pub(crate) fn add(&mut self, measure: Measure, graded: Graded, person_outcomes: u32) {
        let none = || Cells::none_of(graded);
        self.outcomes
            .entry(measure)
            .or_insert_with(none)
            .add(graded);
        let first = self.first.entry(measure).or_insert_with(none);
        if first.count_beside(graded) < u64::from(person_outcomes) {
            first.add(graded);
        }
    }

    /// What its person brings by this measure, once both arms have enough outcomes. The same
    /// from then on for a summary that says which outcomes were first.
    #[must_use]
    pub fn person(&self, definition: &Definition, measure: Measure) -> Option<PersonMean> {
        let first = !self.first.is_empty();
        let cells = if first { &self.first } else { &self.outcomes };
        let cells = cells.get(&measure)?;
        let enough = u64::from(definition.person_outcomes());
        if cells.counts().into_iter().flatten().any(|it| it < enough) {
            return None;
        }
        let [incumbent, challenger] = cells.means();
        Some(PersonMean {
            means: [incumbent?, challenger?],
            outcomes: cells.count(),
            first,
        })
    }

    /// Whether there can be such a tally of this experiment.
    pub(crate) fn check(&self, definition: &Definition) -> Result<(), ExperimentError> {
        let expected = definition.sha256();
        if self.experiment != expected {
            return Err(ExperimentError::OtherExperiment {
                found: self.experiment.clone(),
                expected,
            });
        }
        if self.exposures.iter().any(|&count| count > COUNT_MAX) {
            return Err(malformed("a count is too large"));
        }
        if !self.runs.iter().all(|run| is_run(run)) {
            return Err(malformed("a run's id is not 1 to 64 characters"));
        }
        self.check_moments()?;
        let [incumbent, challenger] = self.exposures;
        for (&measure, cells) in self.outcomes.iter().chain(&self.first) {
            if definition.metric(measure).is_none() {
                return Err(ExperimentError::MeasureNotTaken { measure });
            }
            let paired = matches!(cells, Cells::Paired { .. });
            if paired != (definition.design == DesignKind::SideBySide) {
                return Err(ExperimentError::OutcomeForm { measure });
            }
            if !cells.can_be(measure) {
                return Err(malformed("a grade or a count is out of range"));
            }
        }
        for cells in self.outcomes.values() {
            let fits = match cells.counts() {
                [both, None] => both.unwrap_or_default() <= incumbent + challenger,
                [of_incumbent, of_challenger] => {
                    of_incumbent.unwrap_or_default() <= incumbent
                        && of_challenger.unwrap_or_default() <= challenger
                }
            };
            if !fits {
                return Err(malformed("there are more outcomes than exposures"));
            }
        }
        self.check_first(u64::from(definition.person_outcomes()))
    }

    /// Whether the first outcomes are as many as there must be, and among all.
    fn check_first(&self, person_outcomes: u64) -> Result<(), ExperimentError> {
        let same = self.first.keys().eq(self.outcomes.keys());
        let mut pairs = self.first.values().zip(self.outcomes.values());
        let among = pairs.all(|(first, all)| first.is_beginning_of(all, person_outcomes));
        match self.first.is_empty() || same && among {
            true => Ok(()),
            false => Err(malformed("the first outcomes are not those of all")),
        }
    }

    fn check_moments(&self) -> Result<(), ExperimentError> {
        for at_s in self.started_at_s.into_iter().chain(self.last_at_s) {
            if at_s < 0 {
                return Err(malformed("a moment is before 1970"));
            }
            check_seconds(at_s)?;
        }
        match (self.started_at_s, self.last_at_s) {
            (Some(start_s), Some(last_s)) if start_s > last_s => {
                Err(malformed("it starts after its end"))
            }
            // Without a start its days would never end.
            (None, _) if self.exposures != [0, 0] => {
                Err(malformed("there are exposures and no start"))
            }
            _ => Ok(()),
        }
    }
}

fn malformed(reason: &str) -> ExperimentError {
    ExperimentError::SummaryMalformed {
        reason: reason.to_owned(),
    }
}

/// Whether it can be the id of a run.
pub(super) fn is_run(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= RUN_CHARS_MAX
}
