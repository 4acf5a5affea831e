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

    /// A step has ended. What follows until [`Steps::go_on`] belongs to none.
    pub(crate) fn ended(&mut self, report: StepReport) -> Duration {
        let took = self.begun.elapsed();
        self.taken.push((took, report));
        self.begun = Instant::now();
        took
    }

    /// The next step begins now.
    pub(crate) fn go_on(&mut self) {
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

    pub(crate) fn tokens_per_s(&self) -> f64 {
        let tokens: u64 = self.taken.iter().map(|step| step.1.tokens).sum();
        tokens as f64 / self.seconds()
    }

    pub(crate) fn seconds(&self) -> f64 {
        let time: Duration = self.taken.iter().map(|step| step.0).sum();
        time.as_secs_f64()
    }

    pub(crate) fn median_ms(&self) -> f64 {
        let mut times: Vec<Duration> = self.taken.iter().map(|step| step.0).collect();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        median.as_secs_f64() * 1e3
    }
}
