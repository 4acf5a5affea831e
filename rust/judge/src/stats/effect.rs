//! The effect of an arm: mean outcome under the challenger less that under the incumbent,
//! each outcome in [0, 1]. Evidence on it by betting (Waudby-Smith and Ramdas, "Estimating
//! means of bounded random variables by betting", JRSS B 2024).
//!
//! Where both arms answer, an observation is a difference U in [−1, 1] whose mean is the
//! effect δ. Against the null hypothesis δ ≤ δ₀ we bet a fraction f of what we have on U
//! being above δ₀:
//!
//! ```text
//! wealth = ∏ (1 + λ (Uᵢ − δ₀)),   λ = f / (δ₀ + 1)
//! ```
//!
//! which is at least 0, and gains nothing on average while the hypothesis holds. The
//! e-process is the average over a fixed grid of bets. Where one arm answers, both arms'
//! means are bet on: see `two_means`. As no bet looks at earlier outcomes, the order of
//! observations is of no account: evidence follows from how often each value came. (Over
//! several devices a person is one difference: see [`crate::experiment::Pool`].)

use serde::{Deserialize, Serialize};

use super::two_means::{Excess, Sample};
use super::{FRACTIONS, Interval};

/// One of two variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// What is in use.
    Incumbent,
    /// What may take its place.
    Challenger,
}

impl Arm {
    /// The one that is not this.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Incumbent => Self::Challenger,
            Self::Challenger => Self::Incumbent,
        }
    }

    /// The one of these that is this arm's: incumbent, challenger.
    #[must_use]
    pub fn of<T>(self, [incumbent, challenger]: [T; 2]) -> T {
        match self {
            Self::Incumbent => incumbent,
            Self::Challenger => challenger,
        }
    }
}

/// How outcomes of the two arms come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Both arms answer each time.
    Paired,
    /// One of them answers, chosen at random. Evidence is given the arms: however often
    /// each is chosen, and however few of its exposures bring an outcome.
    Split,
}

/// One outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// The challenger's outcome less the incumbent's, in [−1, 1].
    Difference(f64),
    /// The outcome of one arm, in [0, 1].
    Outcome(Arm, f64),
}

/// What the evidence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The effect is above the null value.
    Above,
    /// The effect is below it.
    Below,
}

/// Evidence against an effect of at most (or at least) some value.
#[derive(Debug, Clone)]
pub struct EProcess {
    null: f64,
    side: Side,
    game: Game,
}

#[derive(Debug, Clone)]
enum Game {
    /// Logarithm of the wealth of each bet.
    Paired([f64; FRACTIONS.len()]),
    /// Outcomes of both arms: the bets follow from them.
    Split {
        incumbent: Sample,
        challenger: Sample,
    },
}

impl EProcess {
    /// Before any observation. `null` is in (−1, 1).
    #[must_use]
    pub fn new(design: Design, null: f64, side: Side) -> Self {
        let game = match design {
            Design::Paired => Game::Paired([0.0; FRACTIONS.len()]),
            Design::Split => Game::Split {
                incumbent: Sample::default(),
                challenger: Sample::default(),
            },
        };
        Self { null, side, game }
    }

    /// After all of these, each with how often it was made.
    #[must_use]
    pub fn of(design: Design, null: f64, side: Side, observations: &[(Observation, f64)]) -> Self {
        let mut this = Self::new(design, null, side);
        for &(observation, count) in observations {
            this.add(observation, count);
        }
        this
    }

    /// Adds an observation that was made `count` times. One of the other design says
    /// nothing here.
    pub fn add(&mut self, observation: Observation, count: f64) {
        match (&mut self.game, observation) {
            (Game::Paired(logs), Observation::Difference(difference)) => {
                let stake = match self.side {
                    Side::Above => 1.0 / (self.null + 1.0),
                    Side::Below => -1.0 / (1.0 - self.null),
                };
                let gain = stake * (difference - self.null);
                for (log, fraction) in logs.iter_mut().zip(FRACTIONS) {
                    *log += count * (fraction * gain).ln_1p();
                }
            }
            (Game::Split { incumbent, .. }, Observation::Outcome(Arm::Incumbent, outcome)) => {
                incumbent.add(outcome, count);
            }
            (Game::Split { challenger, .. }, Observation::Outcome(Arm::Challenger, outcome)) => {
                challenger.add(outcome, count);
            }
            (Game::Paired(_), Observation::Outcome(..))
            | (Game::Split { .. }, Observation::Difference(_)) => {}
        }
    }

    /// As if each observation had come so many times as often: for forecasts.
    #[must_use]
    pub fn scaled(&self, times: f64) -> Self {
        let mut this = self.clone();
        match &mut this.game {
            Game::Paired(logs) => logs.iter_mut().for_each(|log| *log *= times),
            Game::Split {
                incumbent,
                challenger,
            } => {
                incumbent.scale(times);
                challenger.scale(times);
            }
        }
        this
    }

    /// Natural logarithm of the e-value.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        match &self.game {
            Game::Paired(logs) => {
                let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
                most + (sum / logs.len() as f64).ln()
            }
            Game::Split {
                incumbent,
                challenger,
            } => self.excess(incumbent, challenger).log_e(),
        }
    }

    /// Whether [`Self::log_e`] is at least so much; quicker than that where it is not.
    #[must_use]
    pub fn reaches(&self, log: f64) -> bool {
        match &self.game {
            Game::Paired(_) => self.log_e() >= log,
            Game::Split {
                incumbent,
                challenger,
            } => self.excess(incumbent, challenger).reaches(log),
        }
    }

    /// A challenger that is worse is an incumbent that is better.
    fn excess<'a>(&self, incumbent: &'a Sample, challenger: &'a Sample) -> Excess<'a> {
        match self.side {
            Side::Above => Excess {
                a: challenger,
                b: incumbent,
                null: self.null,
            },
            Side::Below => Excess {
                a: incumbent,
                b: challenger,
                null: -self.null,
            },
        }
    }
}

/// Interval for the effect, at every look at once: it lies below the lower end with a
/// chance of at most `alpha[0]`, and above the upper one with at most `alpha[1]`. [−1, 1]
/// before any observation; the ends never cross.
#[must_use]
pub fn confidence_interval(
    design: Design,
    [lower, upper]: [f64; 2],
    observations: &[(Observation, f64)],
) -> Interval {
    let refuted = |null: f64, side: Side, alpha: f64| {
        EProcess::of(design, null, side, observations).reaches(-alpha.ln())
    };
    // Each bet against "at most δ₀" gains less as δ₀ rises, so one end parts the values.
    Interval {
        low: last(-1.0, 1.0, |null| refuted(null, Side::Above, lower)),
        high: last(1.0, -1.0, |null| refuted(null, Side::Below, upper)),
    }
}

/// Where `holds` ends, going from one value, at which it is taken to hold, to the other:
/// to a millionth, on the side where it holds.
fn last(mut from: f64, mut to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    const STEPS: usize = 24;
    for _ in 0..STEPS {
        let middle = f64::midpoint(from, to);
        if holds(middle) {
            from = middle;
        } else {
            to = middle;
        }
    }
    from
}
