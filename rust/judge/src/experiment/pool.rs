//! Verdicts about people, from what several devices counted. A person counts once.
//!
//! What is claimed is about the mean, over people, of a person's difference between the arms.
//! Each person enters as one outcome in [−1, 1], bet on once, by the fixed bets of
//! [`crate::stats`]: their product over people is fair while that mean is what the null
//! hypothesis says, whatever people are like and however much they differ.
//!
//! That holds at every look because a person's outcome never changes once it counts. It is
//! the mean of the first outcomes of each arm, as many as the definition says; a device with
//! fewer does not count yet, and what comes later adds nothing. (The mean so far would be a
//! new draw at each look: with enough phones that go on, some look finds all of them high.)
//! As no bet looks at others, evidence is a function of the set of people: neither the order
//! of summaries matters nor how often a device sends one. What does matter: whether and when
//! a device's summary comes must not hang on what is in it.
//!
//! A device that showed one arm alone says nothing of a difference, and does not count.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{check_now, days, looked_at_together, once_each};
use super::evidence::AlphaPlan;
use super::forecast::more_people;
use super::sentence::sentence;
use super::{
    Decision, Definition, ExperimentError, Forecast, Measure, MeasureEvidence, Monitor, People,
    PersonMean, Reason, Tally, Verdict,
};

/// What the devices of several people counted.
#[derive(Debug, Clone)]
pub struct Pool {
    definition: Definition,
    summaries: BTreeMap<Who, Vec<Tally>>,
}

/// What tells people apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Who signs with one key.
    Signer(String),
    /// A run of the experiment on some device.
    Run(String),
    /// Nothing does: the summary names no run.
    Unknown(usize),
}

impl Pool {
    /// Before any summary.
    ///
    /// # Errors
    /// [`ExperimentError::DefinitionInvalid`].
    pub fn new(definition: Definition) -> Result<Self, ExperimentError> {
        definition.check()?;
        Ok(Self {
            definition,
            summaries: BTreeMap::new(),
        })
    }

    /// Adds the summary of one more person: whoever started its run.
    ///
    /// # Errors
    /// [`ExperimentError::DuplicateRun`]; [`ExperimentError::SeveralRuns`] for a sum of runs,
    /// in which people cannot be told apart; for one that cannot be, those of
    /// [`Tally::parse`]. Then nothing was added.
    pub fn add(&mut self, summary: Tally) -> Result<(), ExperimentError> {
        let run = self.run_of(&summary)?;
        let who = match run {
            Some(run) => Who::Run(run),
            None => Who::Unknown(self.summaries.len()),
        };
        if let Who::Run(run) = &who
            && self.summaries.contains_key(&who)
        {
            return Err(ExperimentError::DuplicateRun { run: run.clone() });
        }
        self.summaries.insert(who, vec![summary]);
        Ok(())
    }

    /// Adds a summary that the owner of a key signed: one person, however many summaries of
    /// however many runs come with it. The earliest that has enough outcomes counts, and goes
    /// on to whatever comes later.
    ///
    /// # Errors
    /// Those of [`Pool::add`], but a run may come again.
    pub fn add_signed(&mut self, key: &str, summary: Tally) -> Result<(), ExperimentError> {
        self.run_of(&summary)?;
        let who = Who::Signer(key.to_owned());
        self.summaries.entry(who).or_default().push(summary);
        Ok(())
    }

    fn run_of(&self, summary: &Tally) -> Result<Option<String>, ExperimentError> {
        summary.check(&self.definition)?;
        match summary.runs.len() {
            0 | 1 => Ok(summary.runs.first().cloned()),
            _ => Err(ExperimentError::SeveralRuns),
        }
    }

    /// Runs that several keys signed. At most one of them can be right and nobody knows
    /// which, so that none counts.
    #[must_use]
    pub fn contested_runs(&self) -> BTreeSet<String> {
        let mut signers: BTreeMap<&String, BTreeSet<&Who>> = BTreeMap::new();
        for (who, summaries) in &self.summaries {
            for run in summaries.iter().flat_map(|summary| &summary.runs) {
                signers.entry(run).or_default().insert(who);
            }
        }
        let contested = signers.into_iter().filter(|(_, who)| who.len() > 1);
        contested.map(|(run, _)| run.clone()).collect()
    }

    /// The first exposure and the latest event on any device.
    #[must_use]
    pub fn span(&self) -> [Option<i64>; 2] {
        let all = || self.summaries.values().flatten();
        [
            all().filter_map(|it| it.started_at_s).min(),
            all().filter_map(|it| it.last_at_s).max(),
        ]
    }

    /// What is proven about people at `now_s`, in seconds since 1970.
    ///
    /// Limits are those of each device: where nothing is proven, it ends once every device
    /// that took part has reached one, so that no single device ends it for all.
    ///
    /// # Errors
    /// [`ExperimentError::NotSeconds`].
    pub fn decide(&self, now_s: i64) -> Result<Decision, ExperimentError> {
        check_now(now_s)?;
        let definition = &self.definition;
        let people = self.people();
        let no_primary = ExperimentError::DefinitionInvalid {
            field: "metrics",
            reason: "no metric is primary",
        };
        let mut monitor = Monitor::of_people(definition).ok_or(no_primary)?;
        for person in &people {
            monitor.expose_person([0, 0], person.exposures);
            for (measure, mean) in &person.means {
                monitor.count_person(*measure, mean);
            }
        }
        let (mut verdict, mut reason) = monitor.verdict();
        if verdict == Verdict::KeepGoing
            && let Some(limit) = end(definition, &people, now_s)
        {
            (verdict, reason) = (Verdict::Inconclusive, limit);
        }
        let metrics = definition.metrics.iter().map(|metric| {
            MeasureEvidence::of_people(definition, metric, &counted(&people, metric.measure))
        });
        let metrics = looked_at_together(definition, metrics.collect());
        Ok(Decision {
            verdict,
            reason,
            sentence: sentence(definition, &metrics, verdict, reason),
            experiment: definition.sha256(),
            alpha: AlphaPlan::of(definition),
            exposures: people.iter().fold([0, 0], |sum, it| add(sum, it.exposures)),
            log_e_sample_ratio: monitor.log_e_sample_ratio(),
            forecast: Forecast::Unknown,
            metrics,
            people: Some(rests_on(definition, &people)),
        })
    }

    fn people(&self) -> Vec<Person<'_>> {
        let contested = self.contested_runs();
        let sound = |it: &&Tally| it.runs.is_disjoint(&contested);
        let people = self.summaries.values().map(|summaries| {
            let summaries = summaries.iter().filter(sound).collect();
            Person::of(&self.definition, summaries)
        });
        people.flatten().collect()
    }
}

/// One person, who counts once.
struct Person<'s> {
    /// What counts, by the measures by which there is enough.
    means: BTreeMap<Measure, PersonMean>,
    /// In all runs.
    exposures: [u64; 2],
    /// The latest summary.
    last: &'s Tally,
}

impl<'s> Person<'s> {
    fn of(definition: &Definition, mut summaries: Vec<&'s Tally>) -> Option<Self> {
        // Of equal moments, the one with more in it is the later one; beyond that any order
        // will do that is the same again.
        summaries.sort_by_cached_key(|it| {
            let exposures: u64 = it.exposures.iter().sum();
            let outcomes: u64 = it.outcomes.keys().map(|&measure| it.count(measure)).sum();
            let all = serde_json::to_string(it).unwrap_or_default();
            (it.last_at_s, exposures, outcomes, all)
        });
        let mut means = BTreeMap::new();
        let mut exposures_of_runs = BTreeMap::new();
        for summary in &summaries {
            for metric in &definition.metrics {
                if let Some(mean) = summary.person(definition, metric.measure) {
                    means.entry(metric.measure).or_insert(mean);
                }
            }
            exposures_of_runs.insert(summary.runs.first(), summary.exposures);
        }
        Some(Self {
            means,
            exposures: exposures_of_runs.into_values().fold([0, 0], add),
            last: summaries.pop()?,
        })
    }

    /// The limit that its device has reached.
    fn limit(&self, definition: &Definition, now_s: i64) -> Option<Reason> {
        let limits = definition.limits;
        let primary = definition.primary()?;
        if self.last.count(primary.measure) >= limits.max_outcomes {
            Some(Reason::OutcomeLimit)
        } else if days(self.last, now_s) >= i64::from(limits.max_days) {
            Some(Reason::DayLimit)
        } else {
            self.last.ended.then_some(Reason::EndedByHand)
        }
    }
}

/// Those who count by a measure.
fn counted(people: &[Person<'_>], measure: Measure) -> Vec<PersonMean> {
    let means = people.iter().filter_map(|it| it.means.get(&measure));
    means.copied().collect()
}

/// Why nothing more is to come, if every device that took part has reached a limit: the one
/// that most have.
fn end(definition: &Definition, people: &[Person<'_>], now_s: i64) -> Option<Reason> {
    let took_part = people.iter().filter(|it| it.exposures != [0, 0]);
    let limits = took_part.map(|it| it.limit(definition, now_s));
    let limits: Vec<Reason> = limits.collect::<Option<_>>()?;
    let times = |reason: &Reason| limits.iter().filter(|it| *it == reason).count();
    let reasons = [Reason::EndedByHand, Reason::DayLimit, Reason::OutcomeLimit];
    let most = reasons.into_iter().max_by_key(times);
    most.filter(|_| !limits.is_empty())
}

fn rests_on(definition: &Definition, people: &[Person<'_>]) -> People {
    let primary = definition.primary().map(|metric| metric.measure);
    let means = primary.map(|measure| counted(people, measure));
    let means = means.unwrap_or_default();
    let count = means.len() as u64;
    People {
        counted: count,
        waiting: people.len() as u64 - count,
        outcomes_each: definition.person_outcomes(),
        unordered: means.iter().filter(|it| !it.first).count() as u64,
        more: more_people(definition, count, |measure| {
            once_each(&counted(people, measure))
        }),
    }
}

fn add(sum: [u64; 2], more: [u64; 2]) -> [u64; 2] {
    let [incumbent, challenger] = sum;
    let [of_incumbent, of_challenger] = more;
    [
        incumbent.saturating_add(of_incumbent),
        challenger.saturating_add(of_challenger),
    ]
}
