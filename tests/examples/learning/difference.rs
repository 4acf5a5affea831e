//! How two arms differ on the same items.

use pocketune_tests::measures::interval;

/// A mean of paired differences with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Difference {
    /// Second minus first, item by item.
    pub(crate) fn of<T>(first: &[T], second: &[T], value: impl Fn(&T) -> f64) -> Self {
        let pairs = first.iter().zip(second);
        let differences: Vec<f64> = pairs.map(|(a, b)| value(b) - value(a)).collect();
        let (mean, half) = interval(&differences);
        Self {
            mean,
            low: mean - half,
            high: mean + half,
        }
    }

    pub(crate) fn interval(self) -> [f64; 2] {
        [self.low, self.high]
    }
}
