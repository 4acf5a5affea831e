//! How long training steps took.

use std::time::{Duration, Instant};

use pocketune_train::StepReport;

/// Steps with their times.
#[derive(Debug)]
pub(crate) struct Steps {
    begun: Instant,
    taken: Vec<(Duration, StepReport)>,
}

impl Steps {
    /// The first step begins now.
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            taken: Vec::new(),
        }
    }

    /// A step has ended, and the next one begins.
    pub(crate) fn ended(&mut self, report: StepReport) {
        self.taken.push((self.begun.elapsed(), report));
        self.begun = Instant::now();
    }

    /// Leaves the first step out.
    pub(crate) fn warm(&self) -> Self {
        Self {
            begun: self.begun,
            taken: self.taken.get(1..).unwrap_or_default().to_vec(),
        }
    }

    pub(crate) fn first(&self) -> Option<&(Duration, StepReport)> {
        self.taken.first()
    }

    pub(crate) fn median_ms(&self) -> f64 {
        let mut times: Vec<Duration> = self.taken.iter().map(|step| step.0).collect();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        median.as_secs_f64() * 1e3
    }
}
