//! Experiments on this device: who sees which arm, what came of it, what it proves.

mod asked;
mod auto;
mod chat;
mod side_by_side;
mod started;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pocketune_adapter::{Digest, Timestamp};
use pocketune_judge::experiment::{
    Arm, ArmDefinition, Decision, Definition, Event, Measure, Outcome, Recorder, Tally, Verdict,
    decide,
};
use pocketune_store::{Appended, StoredRun};

use crate::adapters::Adapters;
use crate::error::Error;

pub use asked::{Asked, AskedPart, Choice, Shown};
pub use chat::ArmChat;
pub use side_by_side::SideBySideChat;
pub use started::Experiments;

/// An experiment on this device. What happens in it is a ledger in the app's store: each
/// call that returns has written what it did, and two processes may record at once.
///
/// Thread-safe. Functions block for the disk, some milliseconds.
#[derive(Debug)]
pub struct Experiment {
    adapters: Adapters,
    definition: Definition,
    sha256: String,
    /// This start of it: what was forgotten and started again is another one.
    run: String,
    seen: Mutex<Seen>,
}

/// The ledger as far as it was read.
struct Seen {
    recorder: Recorder,
    place: i64,
}

impl Experiment {
    pub(crate) fn open(
        adapters: Adapters,
        definition: Definition,
        run: String,
    ) -> Result<Self, Error> {
        let this = Self {
            adapters,
            sha256: definition.sha256(),
            seen: Mutex::new(Seen::nothing(&definition, &run)?),
            run,
            definition,
        };
        drop(this.caught_up()?);
        Ok(this)
    }

    /// What is compared, and by what rules.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// SHA-256 of the definition's canonical form: the experiment's name in summaries.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// An arm of it.
    #[must_use]
    pub fn arm(&self, arm: Arm) -> &ArmDefinition {
        let arms = &self.definition.arms;
        match arm {
            Arm::Incumbent => &arms.incumbent,
            Arm::Challenger => &arms.challenger,
        }
    }

    /// The arm of a unit, by hash: a conversation, or side by side one question, whose arm
    /// is then the one whose reply comes first. The first time it is written down as an
    /// exposure, so call it where the unit is about to see the arm. From then on the unit
    /// keeps its arm. `None` where the unit takes no part, or the experiment has ended
    /// without it.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn assign(&self, unit: &str, now: Timestamp) -> Result<Option<Arm>, Error> {
        self.take_part(unit, &[], now)
    }

    /// As [`Experiment::assign`]; the first time these outcomes are written with it, all or
    /// none.
    pub(crate) fn take_part(
        &self,
        unit: &str,
        outcomes: &[(Measure, Outcome)],
        now: Timestamp,
    ) -> Result<Option<Arm>, Error> {
        let mut assigned = None;
        self.append(now, |recorder, at_s| {
            let before = recorder.arm_of(unit);
            assigned = before;
            if before.is_some() || recorder.ended() {
                return Vec::new();
            }
            assigned = self.definition.assign(unit, None);
            let exposure = assigned.map(|arm| Event::exposure(unit, arm, at_s));
            let outcomes = outcomes.iter().map(|it| outcome(unit, it, at_s));
            let events = exposure.into_iter();
            events
                .flat_map(|it| std::iter::once(it).chain(outcomes.clone()))
                .collect()
        })?;
        Ok(assigned)
    }

    /// The arm that a unit was assigned to, where it was.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn arm_of(&self, unit: &str) -> Result<Option<Arm>, Error> {
        Ok(self.caught_up()?.recorder.arm_of(unit))
    }

    /// Writes down what came of a unit, once a measure. Where the clock went back, as at the
    /// time of the event before.
    ///
    /// # Errors
    /// [`Error::Experiment`] for a unit that was not assigned, a second outcome by one
    /// measure, a measure that the experiment does not take, a form or number that cannot
    /// be, and after the end; [`Error::Store`], [`Error::LedgerDamaged`]. Then nothing was
    /// written.
    pub fn record(
        &self,
        unit: &str,
        measure: Measure,
        value: Outcome,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.append(now, |_, at_s| vec![outcome(unit, &(measure, value), at_s)])
    }

    /// What is proven now: may be asked after every outcome. Does not change anything; see
    /// [`Experiment::conclude`].
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn verdict(&self, now: Timestamp) -> Result<Decision, Error> {
        self.decided(&self.caught_up()?.recorder, now)
    }

    fn decided(&self, recorder: &Recorder, now: Timestamp) -> Result<Decision, Error> {
        let now_s = now.unix_seconds();
        let decided = decide(&self.definition, recorder.tally(), now_s, recorder.ended());
        decided.map_err(Error::LedgerDamaged)
    }

    /// Ends it by hand: nothing more is recorded.
    ///
    /// # Errors
    /// [`Error::Experiment`] when it has ended before; [`Error::Store`],
    /// [`Error::LedgerDamaged`].
    pub fn end(&self, now: Timestamp) -> Result<(), Error> {
        self.append(now, |_, at_s| vec![Event::End { at_s }])
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn ended(&self) -> Result<bool, Error> {
        Ok(self.caught_up()?.recorder.ended())
    }

    /// Does what the verdict says and ends the experiment, both or neither: a promotion makes
    /// the challenger's adapters the active ones, anything else those of the incumbent.
    /// Returns the verdict. Where it has ended before, nothing else: what was chosen since
    /// then stays.
    ///
    /// # Errors
    /// [`Error::NotNow`] while nothing is proven; [`Error::LedgerDamaged`]; those of
    /// [`Adapters::activate`].
    pub fn conclude(&self, now: Timestamp) -> Result<Decision, Error> {
        loop {
            let mut seen = self.caught_up()?;
            let decision = self.decided(&seen.recorder, now)?;
            if seen.recorder.ended() {
                return Ok(decision);
            }
            let stays = match decision.verdict {
                Verdict::Promote => Arm::Challenger,
                Verdict::RollBack | Verdict::Inconclusive => Arm::Incumbent,
                Verdict::KeepGoing => {
                    return Err(Error::NotNow {
                        reason: "nothing is proven yet",
                    });
                }
            };
            let at_s = seen.time(now);
            let end = Event::End { at_s };
            let run = self.read_to(seen.place);
            let wanted = self.wanted(stays);
            match self.adapters.conclude(&run, &[end.line()], &wanted, now)? {
                Appended::At(place, ()) => {
                    seen.recorder.take(&end)?;
                    seen.place = place;
                    return Ok(decision);
                }
                Appended::Behind => {}
            }
        }
    }

    /// Counts alone, without unit or text: what may leave the device, and counts as one
    /// person's beside those of others.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn summary(&self) -> Result<Tally, Error> {
        Ok(self.caught_up()?.recorder.tally().clone())
    }

    /// The summary as JSON.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerDamaged`].
    pub fn summary_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.summary()?).map_err(|error| Error::Io(error.into()))
    }

    /// All events, as lines of JSON behind one that names the experiment and this run of it,
    /// with the units' names and without any text.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn ledger(&self) -> Result<String, Error> {
        let start = Event::Start {
            experiment: self.sha256.clone(),
            run: self.run.clone(),
        };
        let events = self.adapters.folder().events(&self.read_to(0))?;
        let lines = events.into_iter().map(|event| event.line);
        let lines = std::iter::once(start.line()).chain(lines);
        Ok(lines.map(|line| line + "\n").collect())
    }

    /// The arm's adapters with their scales.
    fn wanted(&self, arm: Arm) -> Vec<(Digest, f32)> {
        let digests = self.arm(arm).adapters.iter();
        let digests = digests.filter_map(|text| Digest::from_hex(text));
        digests.map(|digest| (digest, 1.0)).collect()
    }

    /// Reads what was written since.
    fn caught_up(&self) -> Result<MutexGuard<'_, Seen>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for stored in self.adapters.folder().events(&self.read_to(seen.place))? {
            let number = usize::try_from(stored.place).unwrap_or(usize::MAX);
            let event = Event::parse(&stored.line, number);
            let taken = event.and_then(|event| seen.recorder.take(&event));
            taken.map_err(Error::LedgerDamaged)?;
            seen.place = stored.place;
        }
        Ok(seen)
    }

    /// This run, read to a place.
    fn read_to(&self, last: i64) -> StoredRun<'_> {
        StoredRun {
            experiment: &self.sha256,
            run: &self.run,
            last,
        }
    }

    /// Writes the events that `make` finds, given their time, right after all that was
    /// written before.
    fn append(
        &self,
        now: Timestamp,
        mut make: impl FnMut(&Recorder, i64) -> Vec<Event>,
    ) -> Result<(), Error> {
        loop {
            let mut seen = self.caught_up()?;
            let at_s = seen.time(now);
            let events = make(&seen.recorder, at_s);
            if events.is_empty() {
                return Ok(());
            }
            let written = self.write(&mut seen, &events);
            if !matches!(written, Ok(Appended::At(..))) {
                // Some may have been taken that were not written.
                *seen = Seen::nothing(&self.definition, &self.run)?;
            }
            if let Appended::At(place, ()) = written? {
                seen.place = place;
                return Ok(());
            }
        }
    }

    fn write(&self, seen: &mut Seen, events: &[Event]) -> Result<Appended, Error> {
        for event in events {
            seen.recorder.take(event)?;
        }
        let lines: Vec<String> = events.iter().map(Event::line).collect();
        Ok(self
            .adapters
            .folder()
            .append_events(&self.read_to(seen.place), &lines)?)
    }
}

impl Seen {
    fn nothing(definition: &Definition, run: &str) -> Result<Self, Error> {
        Ok(Self {
            recorder: Recorder::for_run(definition.clone(), run)?,
            place: 0,
        })
    }

    /// What the clock says, or the time of the latest event where it went back since: an
    /// outcome is not lost for that.
    fn time(&self, now: Timestamp) -> i64 {
        let latest = self.recorder.tally().last_at_s;
        now.unix_seconds().max(latest.unwrap_or(i64::MIN))
    }
}

fn outcome(unit: &str, &(measure, outcome): &(Measure, Outcome), at_s: i64) -> Event {
    Event::Outcome {
        unit: unit.to_owned(),
        measure,
        outcome,
        at_s,
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
