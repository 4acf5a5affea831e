//! The mean of something in [0, 1] that comes one value at a time.

use super::Interval;

/// Largest bet: below 1, where ψ is infinite.
const LAMBDA_MAX: f64 = 0.5;

/// Predictable plug-in empirical-Bernstein confidence sequence (Waudby-Smith and Ramdas
/// 2024, theorem 2): after each value an interval for the mean, all of which hold at once
/// with probability 1 − α, half of α for each end. It takes values in their order, unlike
/// [`super::confidence_interval`], and needs no more memory for more of them.
#[derive(Debug, Clone)]
pub struct EmpiricalBernstein {
    low: LowerBound,
    /// Of one less the value.
    high: LowerBound,
}

impl EmpiricalBernstein {
    /// Before the first value.
    #[must_use]
    pub fn new(alpha: f64) -> Self {
        let bound = LowerBound {
            log_1_over_alpha: (2.0 / alpha).ln(),
            ..LowerBound::default()
        };
        Self {
            low: bound.clone(),
            high: bound,
        }
    }

    /// One more value, in [0, 1].
    pub fn add(&mut self, value: f64) {
        self.low.add(value);
        self.high.add(1.0 - value);
    }

    /// Where the mean is, within [0, 1].
    #[must_use]
    pub fn interval(&self) -> Interval {
        Interval {
            low: self.low.bound(),
            high: 1.0 - self.high.bound(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct LowerBound {
    log_1_over_alpha: f64,
    seen: f64,
    sum: f64,
    /// Of squared distances from the means up to each.
    squares: f64,
    lambdas: f64,
    weighted: f64,
    slack: f64,
}

impl LowerBound {
    fn add(&mut self, value: f64) {
        let mean_before = self.sum / self.seen.max(1.0);
        // As if a value of one half, with a variance of a quarter, stood before the first.
        let variance_before = (0.25 + self.squares) / (self.seen + 1.0);
        self.seen += 1.0;
        let t = self.seen;
        let lambda = 2.0 * self.log_1_over_alpha / (t * t.ln_1p() * variance_before);
        let lambda = lambda.sqrt().min(LAMBDA_MAX);
        // ψ of the paper, times 4 as its v has a factor of 4.
        let psi = -(-lambda).ln_1p() - lambda;
        self.slack += psi * (value - mean_before).powi(2);
        self.lambdas += lambda;
        self.weighted += lambda * value;
        self.sum += value;
        let mean = (0.5 + self.sum) / (t + 1.0);
        self.squares += (value - mean).powi(2);
    }

    fn bound(&self) -> f64 {
        if self.lambdas == 0.0 {
            return 0.0;
        }
        ((self.weighted - self.log_1_over_alpha - self.slack) / self.lambdas).max(0.0)
    }
}
