//! Experiments on made-up users, to see how often the procedure is wrong and how long it
//! takes.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use super::cells::Graded;
use super::{
    Arm, Definition, DesignKind, ExperimentError, Measure, Monitor, Outcome, Pick, Reason, Role,
    Tally, Verdict,
};
use crate::random::{below, uniform};

/// More people are not simulated.
const CROWD_MAX: u64 = 1_000_000;

/// What is true of the arms.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// What outcomes come from.
    pub outcomes: Outcomes,
    /// The share of exposures that go to the challenger (or show it first) in fact.
    pub challenger_share: f64,
}

/// What outcomes come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcomes {
    /// Each measure is 1 so often: incumbent, challenger. Of picks, the share that picks
    /// each; the rest are ties.
    Rates(BTreeMap<Measure, [f64; 2]>),
    /// Each exposure meets one of these items, each as likely, and has its outcomes.
    Items(Vec<BTreeMap<Measure, Outcome>>),
}

/// How one experiment ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The last verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Exposures until then.
    pub exposures: u64,
}

/// People who take part in one experiment, each on a device of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crowd {
    /// How many.
    pub people: u64,
    /// Exposures on each device.
    pub exposures_each: u64,
    /// The share of people who see it the other way round: for them the arms have changed
    /// places.
    pub reversed: f64,
}

/// How one experiment with several people ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdRollout {
    /// The last verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// How many people counted by the primary metric until then.
    pub people: u64,
    /// Exposures on all devices.
    pub exposures: u64,
}

/// What happens in a simulated experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SimulatedEvent {
    /// A unit sees an arm.
    Exposure(Arm),
    /// What comes of it.
    Outcome(Measure, Outcome),
}

/// Runs one experiment, looked at after every exposure, until a verdict or so many
/// exposures. The same seed gives the same.
///
/// # Errors
/// [`ExperimentError::DefinitionInvalid`], [`ExperimentError::SimulationInvalid`], and
/// [`ExperimentError::OutcomeForm`] for items whose outcomes do not fit.
pub fn simulate(
    definition: &Definition,
    world: &World,
    exposures_max: u64,
    seed: u64,
) -> Result<Rollout, ExperimentError> {
    simulate_showing(definition, world, exposures_max, seed, |_, _| ())
}

/// As [`simulate`], and shows what happens, with the number of the exposure from 1.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_showing(
    definition: &Definition,
    world: &World,
    exposures_max: u64,
    seed: u64,
    mut each: impl FnMut(u64, SimulatedEvent),
) -> Result<Rollout, ExperimentError> {
    definition.check()?;
    world.check()?;
    let mut monitor = Monitor::new(definition).ok_or(ExperimentError::DefinitionInvalid {
        field: "metrics",
        reason: "no metric is primary",
    })?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut exposures = 0;
    loop {
        let (verdict, reason) = monitor.verdict();
        if verdict != Verdict::KeepGoing || exposures >= exposures_max {
            return Ok(Rollout {
                verdict,
                reason,
                exposures,
            });
        }
        exposures += 1;
        let arm = world.arm(&mut random);
        monitor.expose(arm, 1);
        each(exposures, SimulatedEvent::Exposure(arm));
        let item = world.outcomes.draw(&mut random);
        for metric in &definition.metrics {
            let measure = metric.measure;
            let outcome =
                world
                    .outcomes
                    .outcome(item, measure, definition.design, arm, &mut random);
            let Some(outcome) = outcome else { continue };
            if let Some(graded) = Graded::of(metric, definition.design, arm, outcome)? {
                monitor.observe(measure, graded.observation(), 1.0);
                each(exposures, SimulatedEvent::Outcome(measure, outcome));
            }
        }
    }
}

/// Runs one experiment with several people, looked at after every exposure on any device,
/// until a verdict or until all exposures have been. Whose is next is drawn each time. The
/// same seed gives the same.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_people(
    definition: &Definition,
    world: &World,
    crowd: Crowd,
    seed: u64,
) -> Result<CrowdRollout, ExperimentError> {
    definition.check()?;
    world.check()?;
    crowd.check()?;
    let mut monitor = Monitor::of_people(definition).ok_or(ExperimentError::DefinitionInvalid {
        field: "metrics",
        reason: "no metric is primary",
    })?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let nothing = Tally::new(definition);
    let device = |_| Device {
        reversed: uniform(&mut random) < crowd.reversed,
        tally: nothing.clone(),
        counted: BTreeSet::new(),
    };
    let mut devices: Vec<Device> = (0..crowd.people).map(device).collect();
    let (mut people, mut exposures) = (0, 0);
    loop {
        let (verdict, reason) = monitor.verdict();
        let next = below(&mut random, devices.len());
        let device = devices.get_mut(next);
        let Some(device) = device.filter(|_| verdict == Verdict::KeepGoing) else {
            return Ok(CrowdRollout {
                verdict,
                reason,
                people,
                exposures,
            });
        };
        exposures += 1;
        people += u64::from(device.go_on(definition, world, &mut monitor, &mut random)?);
        if device.tally.exposures.iter().sum::<u64>() >= crowd.exposures_each {
            devices.swap_remove(next);
        }
    }
}

/// One of several simulated devices.
struct Device {
    reversed: bool,
    tally: Tally,
    /// The measures by which its person counts.
    counted: BTreeSet<Measure>,
}

impl Device {
    /// One exposure with its outcomes. Whether the person counts by the primary metric now
    /// and did not before.
    fn go_on(
        &mut self,
        definition: &Definition,
        world: &World,
        monitor: &mut Monitor,
        random: &mut ChaCha8Rng,
    ) -> Result<bool, ExperimentError> {
        let arm = world.arm(random);
        let before = self.tally.exposures;
        self.tally.expose(arm, 0);
        monitor.expose_person(before, self.tally.exposures);
        let item = world.outcomes.draw(random);
        let mut counts = false;
        for metric in &definition.metrics {
            let (measure, design) = (metric.measure, definition.design);
            let as_of = if self.reversed { arm.other() } else { arm };
            let outcome = world.outcomes.outcome(item, measure, design, as_of, random);
            let Some(outcome) = outcome else { continue };
            let outcome = if self.reversed {
                reversed(outcome)
            } else {
                outcome
            };
            let Some(graded) = Graded::of(metric, design, arm, outcome)? else {
                continue;
            };
            if self.counted.contains(&measure) {
                continue;
            }
            self.tally
                .add(measure, graded, definition.person_outcomes());
            if let Some(mean) = self.tally.person(definition, measure) {
                monitor.count_person(measure, &mean);
                self.counted.insert(measure);
                counts |= metric.role == Role::Primary;
            }
        }
        Ok(counts)
    }
}

/// The outcome where the arms have changed places.
fn reversed(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Pick(Pick::Incumbent) => Outcome::Pick(Pick::Challenger),
        Outcome::Pick(Pick::Challenger) => Outcome::Pick(Pick::Incumbent),
        Outcome::Pair {
            incumbent,
            challenger,
        } => Outcome::Pair {
            incumbent: challenger,
            challenger: incumbent,
        },
        same @ (Outcome::Pick(Pick::Tie) | Outcome::Value(_)) => same,
    }
}

impl Crowd {
    fn check(&self) -> Result<(), ExperimentError> {
        if self.people == 0 || self.people > CROWD_MAX {
            return Err(invalid("there are not 1 to 1,000,000 people"));
        }
        if self.exposures_each == 0 {
            return Err(invalid("nobody is exposed"));
        }
        match (0.0..=1.0).contains(&self.reversed) {
            true => Ok(()),
            false => Err(invalid("a share is not in [0, 1]")),
        }
    }
}

impl World {
    /// The arm of the next exposure.
    fn arm(&self, random: &mut ChaCha8Rng) -> Arm {
        match uniform(random) < self.challenger_share {
            true => Arm::Challenger,
            false => Arm::Incumbent,
        }
    }

    fn check(&self) -> Result<(), ExperimentError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !share(self.challenger_share) {
            return Err(invalid("a share is not in [0, 1]"));
        }
        match &self.outcomes {
            Outcomes::Items(items) if items.is_empty() => Err(invalid("there are no items")),
            Outcomes::Items(_) => Ok(()),
            Outcomes::Rates(rates) => {
                if !rates.values().flatten().all(|&rate| share(rate)) {
                    return Err(invalid("a rate is not in [0, 1]"));
                }
                let picks = rates.get(&Measure::Pick);
                match picks.map(|picks| picks.iter().sum::<f64>()) {
                    Some(all) if all > 1.0 + 1e-9 => {
                        Err(invalid("shares of picks sum to more than 1"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

fn invalid(reason: &'static str) -> ExperimentError {
    ExperimentError::SimulationInvalid { reason }
}

impl Outcomes {
    /// The item that an exposure meets.
    fn draw(&self, random: &mut ChaCha8Rng) -> usize {
        match self {
            Self::Rates(_) => 0,
            Self::Items(items) => below(random, items.len()),
        }
    }

    fn outcome(
        &self,
        item: usize,
        measure: Measure,
        design: DesignKind,
        arm: Arm,
        random: &mut ChaCha8Rng,
    ) -> Option<Outcome> {
        match self {
            Self::Items(items) => {
                let outcome = items.get(item)?.get(&measure)?;
                Some(seen(*outcome, design, arm))
            }
            Self::Rates(rates) => {
                let rates = *rates.get(&measure)?;
                Some(drawn(rates, measure, design, arm, random))
            }
        }
    }
}

/// What a design sees of an outcome of both arms.
fn seen(outcome: Outcome, design: DesignKind, arm: Arm) -> Outcome {
    match (design, outcome) {
        (
            DesignKind::ByConversation,
            Outcome::Pair {
                incumbent,
                challenger,
            },
        ) => Outcome::Value(arm.of([incumbent, challenger])),
        (_, outcome) => outcome,
    }
}

fn drawn(
    rates: [f64; 2],
    measure: Measure,
    design: DesignKind,
    arm: Arm,
    random: &mut ChaCha8Rng,
) -> Outcome {
    let [incumbent, challenger] = rates;
    let mut happens = |rate: f64| f64::from(u8::from(uniform(random) < rate));
    match (design, measure) {
        (DesignKind::SideBySide, Measure::Pick) => {
            let place = uniform(random);
            Outcome::Pick(if place < challenger {
                Pick::Challenger
            } else if place < challenger + incumbent {
                Pick::Incumbent
            } else {
                Pick::Tie
            })
        }
        (DesignKind::SideBySide, _) => Outcome::Pair {
            incumbent: happens(incumbent),
            challenger: happens(challenger),
        },
        (DesignKind::ByConversation, _) => Outcome::Value(happens(arm.of(rates))),
    }
}
