//! Experiments on made-up users, to see how often the procedure is wrong and how long it
//! takes.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use super::tally::Graded;
use super::{
    Arm, Definition, DesignKind, ExperimentError, Measure, Monitor, Outcome, Pick, Reason, Verdict,
};
use crate::random::{below, uniform};

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

/// What happens in a simulated experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Happening {
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
    mut each: impl FnMut(u64, Happening),
) -> Result<Rollout, ExperimentError> {
    definition.check()?;
    world.check()?;
    let mut monitor = Monitor::new(definition).ok_or(ExperimentError::DefinitionInvalid {
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
        let arm = match uniform(&mut random) < world.challenger_share {
            true => Arm::Challenger,
            false => Arm::Incumbent,
        };
        monitor.expose(arm, 1);
        each(exposures, Happening::Exposure(arm));
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
                each(exposures, Happening::Outcome(measure, outcome));
            }
        }
    }
}

impl World {
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
