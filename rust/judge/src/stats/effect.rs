//! The effect of an arm: mean outcome under the challenger less that under the incumbent,
//! each outcome in [0, 1]. Evidence on it by betting (Waudby-Smith and Ramdas, "Estimating
//! means of bounded random variables by betting", JRSS B 2024).
//!
//! An observation gives a score U whose mean is the effect δ. Against the null hypothesis
//! δ ≤ δ₀ we bet a fraction f of what we have on U being above δ₀:
//!
//! ```text
//! wealth = ∏ (1 + λ (Uᵢ − δ₀)),   λ = f / (δ₀ − lo),   lo ≤ U ≤ hi
//! ```
//!
//! which is at least 0, and gains nothing on average while the hypothesis holds. The
//! e-process is the average over a fixed grid of bets. As no bet looks at earlier outcomes,
//! the order of observations is of no account: evidence follows from how often each value
//! came, and the counts of several devices add up.

use serde::{Deserialize, Serialize};

use super::Interval;

/// Fractions of the wealth that are put at stake.
const FRACTIONS: [f64; 9] = [0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8, 0.97];

/// What outcomes are measured from where each unit sees one arm.
const CENTRES: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Design {
    /// Both arms answer each time. U is the difference of their outcomes, in [−1, 1].
    Paired,
    /// One of them answers, chosen at random. With outcome Y, centre c and share π of the
    /// challenger, U is (Y − c) / π for the challenger and −(Y − c) / (1 − π) for the
    /// incumbent (inverse propensity weights): its mean is the effect whatever c.
    Split {
        /// Share of the challenger, in (0, 1).
        challenger_share: f64,
    },
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
    design: Design,
    null: f64,
    bets: Vec<Bet>,
}

#[derive(Debug, Clone)]
struct Bet {
    centre: f64,
    /// Stake a unit of score, signed by the side.
    lambda: f64,
    log_wealth: f64,
}

impl EProcess {
    /// Before any observation. `null` is in (−1, 1).
    #[must_use]
    pub fn new(design: Design, null: f64, side: Side) -> Self {
        let centres: &[f64] = match design {
            Design::Paired => &[0.0],
            Design::Split { .. } => &CENTRES,
        };
        let bets = centres.iter().flat_map(|&centre| {
            let (low, high) = design.score_bounds(centre);
            FRACTIONS.iter().map(move |fraction| Bet {
                centre,
                lambda: match side {
                    Side::Above => fraction / (null - low),
                    Side::Below => -fraction / (high - null),
                },
                log_wealth: 0.0,
            })
        });
        Self {
            design,
            null,
            bets: bets.collect(),
        }
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

    /// Adds an observation that was made `count` times; parts of a time are for forecasts.
    pub fn add(&mut self, observation: Observation, count: f64) {
        for bet in &mut self.bets {
            let score = self.design.score(observation, bet.centre);
            let gain = bet.lambda * (score - self.null);
            bet.log_wealth += count * gain.ln_1p();
        }
    }

    /// Natural logarithm of the e-value.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        let logs = || self.bets.iter().map(|bet| bet.log_wealth);
        let most = logs().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs().map(|log| (log - most).exp()).sum();
        most + (sum / self.bets.len() as f64).ln()
    }
}

/// Interval that holds the effect at every look at once with probability 1 − `alpha`.
/// Half of `alpha` is for each end. [−1, 1] before any observation.
#[must_use]
pub fn confidence_interval(
    design: Design,
    alpha: f64,
    observations: &[(Observation, f64)],
) -> Interval {
    let needed = (2.0 / alpha).ln();
    let refuted =
        |null: f64, side: Side| EProcess::of(design, null, side, observations).log_e() >= needed;
    // Each bet against "at most δ₀" gains less as δ₀ rises, so one end parts the values.
    Interval {
        low: last(-1.0, 1.0, |null| refuted(null, Side::Above)),
        high: last(1.0, -1.0, |null| refuted(null, Side::Below)),
    }
}

/// Where `holds` ends, going from one value, at which it is taken to hold, to the other.
fn last(mut from: f64, mut to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    const STEPS: usize = 40;
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

impl Design {
    fn score(self, observation: Observation, centre: f64) -> f64 {
        match (self, observation) {
            (_, Observation::Difference(difference)) => difference,
            (Self::Split { challenger_share }, Observation::Outcome(Arm::Challenger, y)) => {
                (y - centre) / challenger_share
            }
            (Self::Split { challenger_share }, Observation::Outcome(Arm::Incumbent, y)) => {
                (centre - y) / (1.0 - challenger_share)
            }
            // One arm's outcome says nothing about a difference.
            (Self::Paired, Observation::Outcome(..)) => 0.0,
        }
    }

    /// Lowest and highest score.
    fn score_bounds(self, centre: f64) -> (f64, f64) {
        match self {
            Self::Paired => (-1.0, 1.0),
            Self::Split { challenger_share } => {
                let (share, rest) = (challenger_share, 1.0 - challenger_share);
                let low = (centre / share).max((1.0 - centre) / rest);
                let high = ((1.0 - centre) / share).max(centre / rest);
                (-low, high)
            }
        }
    }
}
