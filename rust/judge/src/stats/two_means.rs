//! The means of two arms of which one answers at a time, each outcome in [0, 1].
//!
//! The null hypothesis "the mean of `a` is above that of `b` by at most δ₀" says nothing
//! of where the two means are. For each mean m that `b` may have, two bets of one sample
//! (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
//! JRSS B 2024) are held against it, and the worst m counts:
//!
//! ```text
//! E(δ₀) = min over m of  E_a(mean ≤ m + δ₀) · E_b(mean ≥ m)
//! E_a(mean ≤ c) = average over f of ∏ (1 + f (y / c − 1)),    E_b by 1 − y and 1 − m
//! ```
//!
//! The idea to take the product of one e-variable an arm and the least favourable nuisance
//! is that of two-sample e-tests (Turner, Ly and Grünwald, "Generic E-variables for exact
//! sequential k-sample tests that allow for optional stopping", JSPI 2024); they optimise
//! the pair, where we keep fixed bets so that counts are enough.
//!
//! At the true m each factor gains nothing on average whatever arm comes next, so neither
//! the share of an arm matters nor how many of its exposures bring an outcome, nor when
//! arms report. What does matter: an outcome's value must not decide whether and when it
//! is reported.
//!
//! Each logarithm is convex in m (that of 1 − f + f y / c is convex in c, and sums and
//! log-means of exponentials keep that), so tangents bound the minimum from below, and that
//! bound is what is given out.

use super::FRACTIONS;

/// Outcomes are counted at this many steps of [0, 1]. One between two steps is split among
/// them so that its mean stays: log wealth is concave in the outcome, so that this only
/// lowers the evidence (Jensen), by next to nothing, and the work stays bounded.
const STEPS: f64 = 200.0;

/// How far the bound may lie below the minimum, in nats.
const TOLERANCE: f64 = 1e-7;

/// The bound holds after however few; it converges in about ten.
const POINTS_MAX: usize = 80;

/// How often each outcome came in one arm.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Step and count, by step.
    cells: Vec<(u16, f64)>,
}

impl Sample {
    pub(super) fn add(&mut self, outcome: f64, count: f64) {
        let place = outcome.clamp(0.0, 1.0) * STEPS;
        let whole = place.round();
        if (place - whole).abs() < 1e-9 {
            return self.add_at(whole as u16, count);
        }
        let (below, part) = (place.floor(), place.fract());
        self.add_at(below as u16, count * (1.0 - part));
        self.add_at(below as u16 + 1, count * part);
    }

    fn add_at(&mut self, step: u16, count: f64) {
        match self.cells.binary_search_by_key(&step, |&(step, _)| step) {
            Ok(at) => {
                if let Some((_, there)) = self.cells.get_mut(at) {
                    *there += count;
                }
            }
            Err(at) => self.cells.insert(at, (step, count)),
        }
    }

    pub(super) fn scale(&mut self, times: f64) {
        for (_, count) in &mut self.cells {
            *count *= times;
        }
    }

    /// Outcomes, and their sum.
    fn sums(&self) -> (f64, f64) {
        let add = |(all, sum), &(step, count): &(u16, f64)| {
            (all + count, sum + count * f64::from(step) / STEPS)
        };
        self.cells.iter().fold((0.0, 0.0), add)
    }

    /// Logarithm of the wealth against "the mean is at most `c`", with its slope in `c`;
    /// of 1 − outcome where `flipped`.
    fn against(&self, c: f64, flipped: bool) -> Line {
        let mut logs = [0.0; FRACTIONS.len()];
        let mut slopes = [0.0; FRACTIONS.len()];
        for &(step, count) in &self.cells {
            let outcome = f64::from(step) / STEPS;
            let y = if flipped { 1.0 - outcome } else { outcome };
            if c <= 0.0 && y > 0.0 {
                return Line {
                    value: f64::INFINITY,
                    slope: f64::NEG_INFINITY,
                };
            }
            let ratio = if y > 0.0 { y / c } else { 0.0 };
            let bets = logs.iter_mut().zip(&mut slopes).zip(FRACTIONS);
            for ((log, slope), fraction) in bets {
                let wealth = 1.0 + fraction * (ratio - 1.0);
                *log += count * wealth.ln();
                if y > 0.0 {
                    *slope -= count * fraction * ratio / (c * wealth);
                }
            }
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares = logs.map(|log| (log - most).exp());
        let sum: f64 = shares.iter().sum();
        let steepness: f64 = shares
            .iter()
            .zip(slopes)
            .map(|(share, it)| share * it)
            .sum();
        Line {
            value: most + (sum / FRACTIONS.len() as f64).ln(),
            slope: steepness / sum,
        }
    }
}

/// A value with the slope there.
#[derive(Clone, Copy)]
struct Line {
    value: f64,
    slope: f64,
}

/// Evidence that the mean of `a` is above that of `b` by more than `null`.
pub(super) struct Excess<'a> {
    pub(super) a: &'a Sample,
    pub(super) b: &'a Sample,
    /// In (−1, 1).
    pub(super) null: f64,
}

impl Excess<'_> {
    /// Natural logarithm of the e-value.
    pub(super) fn log_e(&self) -> f64 {
        let (mut low, mut high) = self.range();
        let [mut left, mut right] = [None; 2];
        let mut point = self.likely();
        let mut bound = f64::NEG_INFINITY;
        for _ in 0..POINTS_MAX {
            let at = self.at(point);
            if at.slope < 0.0 {
                low = point;
                left = at.value.is_finite().then_some(at);
            } else {
                high = point;
                right = at.value.is_finite().then_some(at);
            }
            let (next, below) = under(left, right, low, high);
            bound = bound.max(below);
            // A bound that is next to the value here can rise no more.
            if at.value - bound <= TOLERANCE || high - low <= f64::EPSILON {
                break;
            }
            let edge = 0.05 * (high - low);
            point = next.clamp(low + edge, high - edge);
        }
        bound
    }

    /// Whether the logarithm of the e-value is so much, mostly without looking for the
    /// minimum: one m with less is enough.
    pub(super) fn reaches(&self, log: f64) -> bool {
        self.at(self.likely()).value >= log && self.log_e() >= log
    }

    /// The means that `b` may have.
    fn range(&self) -> (f64, f64) {
        ((-self.null).max(0.0), (1.0 - self.null).min(1.0))
    }

    /// About the likeliest mean of `b` if the null hypothesis holds with equality.
    fn likely(&self) -> f64 {
        let (low, high) = self.range();
        let ((of_a, sum_a), (of_b, sum_b)) = (self.a.sums(), self.b.sums());
        // As if each arm had one more outcome in the middle of the range.
        let middle = f64::midpoint(low, high);
        let sum = sum_a - of_a * self.null + sum_b + 2.0 * middle;
        let edge = 1e-3 * (high - low);
        (sum / (of_a + of_b + 2.0)).clamp(low + edge, high - edge)
    }

    fn at(&self, mean: f64) -> Line {
        let a = self.a.against(mean + self.null, false);
        let b = self.b.against(1.0 - mean, true);
        // Both are infinite for no mean that is looked at but by rounding.
        if b.value == f64::INFINITY {
            return Line {
                value: b.value,
                slope: f64::INFINITY,
            };
        }
        Line {
            value: a.value + b.value,
            slope: a.slope - b.slope,
        }
    }
}

/// Where tangents at `low` (falling) and `high` (rising) have their lowest common point
/// between these two, and the value there; where one is missing, where the other ends.
fn under(left: Option<Line>, right: Option<Line>, low: f64, high: f64) -> (f64, f64) {
    let width = high - low;
    match (left, right) {
        (Some(left), Some(right)) => {
            let rise = right.slope - left.slope;
            if rise <= 0.0 {
                return (low, left.value.min(right.value));
            }
            let over = (left.value - right.value + right.slope * width) / rise;
            let over = over.clamp(0.0, width);
            (low + over, left.value + left.slope * over)
        }
        (Some(left), None) => (high, left.value + left.slope * width),
        (None, Some(right)) => (low, right.value - right.slope * width),
        (None, None) => (f64::midpoint(low, high), f64::NEG_INFINITY),
    }
}
