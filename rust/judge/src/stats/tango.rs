//! How much two shares of the same items differ, at least.

use super::z;

/// What the score statistic is compared with moves the counts by this much: without it the
/// test of a margin is wrong more often than it says where items are few.
const CONTINUITY: f64 = 0.5;

/// Items of which each of two arms got some right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedCounts {
    /// All items.
    pub all: u64,
    /// Items that only the incumbent got right.
    pub only_incumbent: u64,
    /// Items that only the challenger got right.
    pub only_challenger: u64,
}

impl PairedCounts {
    /// Lower end of the score interval (Tango, Statistics in Medicine 1998) at two-sided
    /// level 1 − `alpha`, with a continuity correction of half an item, for the share that
    /// the challenger gets right less that of the incumbent.
    ///
    /// It does not collapse where few items or none are of one arm only: its variance is
    /// that of the likeliest shares under the difference that is tested, not under the one
    /// that was seen. −1 for no items.
    #[must_use]
    pub fn difference_at_least(&self, alpha: f64) -> f64 {
        let needed = z(1.0 - alpha / 2.0);
        let [all, down, up] =
            [self.all, self.only_incumbent, self.only_challenger].map(|count| count as f64);
        let (mut refuted, mut kept) = (-1.0, (up - down) / all.max(1.0));
        // The statistic falls as the difference that is tested rises.
        for _ in 0..50 {
            let middle = f64::midpoint(refuted, kept);
            if score([all, down, up], middle) >= needed {
                refuted = middle;
            } else {
                kept = middle;
            }
        }
        refuted
    }
}

/// By how many standard deviations the difference seen is above `tested`, in (−1, 1).
fn score([all, down, up]: [f64; 3], tested: f64) -> f64 {
    // Likeliest share of items that only the incumbent gets right.
    let linear = (2.0 * all - up + down) * tested - up - down;
    let constant = -down * tested * (1.0 - tested);
    let root = (linear * linear - 8.0 * all * constant).max(0.0).sqrt();
    let share = (root - linear) / (4.0 * all);
    let variance = all * (2.0 * share + tested * (1.0 - tested));
    (up - down - all * tested - CONTINUITY) / variance.sqrt()
}
