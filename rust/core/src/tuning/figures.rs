//! What a run found out about itself.

use std::time::Duration;

use pocketune_adapter::CandidateAdapter;
use pocketune_train::{CheckpointDir, HeldOutCurve, HeldOutFigures, RunEnd, StepReport};

use crate::error::Error;
use crate::process::{PeakMemory, ProcessMemory};

/// What a run made.
#[derive(Debug)]
pub struct Tuned {
    /// The adapter, for which nobody vouches yet.
    pub adapter: CandidateAdapter,
    /// How it came about.
    pub figures: TuningFigures,
    pub(super) checkpoint: Option<CheckpointDir>,
}

impl Tuned {
    /// Removes the run's checkpoint: once the adapter is stored, it is of no use. Until
    /// then the run can be repeated from it in no time. Does nothing without one.
    ///
    /// # Errors
    /// [`Error::Tuning`] when it cannot be removed.
    pub fn remove_checkpoint(&self) -> Result<(), Error> {
        match &self.checkpoint {
            Some(checkpoint) => Ok(checkpoint.clear()?),
            None => Ok(()),
        }
    }
}

/// The figures of a run. Times are without pauses, and of this session where the run was
/// resumed.
#[derive(Debug, Clone, PartialEq)]
pub struct TuningFigures {
    /// What they were learned by, such as `dpo+kto`.
    pub objective: String,
    /// Samples learned from.
    pub samples: usize,
    /// Held-out losses of a cross-validation, where there was one: it chose the last step.
    pub cross_validation: Option<HeldOutCurve>,
    /// Parameters of the adapter.
    pub trained_parameters: usize,
    /// Every step, those before a resumption included.
    pub steps: Vec<StepReport>,
    /// How it ended.
    pub end: RunEnd,
    /// Tokens a second over all steps; 0 without any.
    pub tokens_per_s: f64,
    /// The median step.
    pub step_median: Duration,
    /// Steps, references, checkpoints and measurements of KL together.
    pub tuning: Duration,
    /// Exact KL(policy‖reference) in nats a token, mean over replies to ordinary prompts.
    pub kl_per_token: f64,
    /// Peak of anonymous memory above what the process had before, sampled every 5 ms;
    /// `None` where the system does not tell (it is Linux and Android that do).
    pub peak_bytes: Option<u64>,
    /// What the plan said.
    pub planned_bytes: u64,
    /// Held-out samples, where there are any.
    pub heldout: Option<BeforeAndAfter>,
}

/// What held-out samples came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeforeAndAfter {
    /// Under the adapter that training began with.
    pub before: HeldOutFigures,
    /// Under the one it made.
    pub after: HeldOutFigures,
}

/// Steps with their times.
#[derive(Debug, Default)]
pub(super) struct StepTimes {
    begun: Duration,
    taken: Vec<(Duration, u64)>,
}

impl StepTimes {
    /// The first step, or the next one, begins now.
    pub(super) fn begin(&mut self, now: Duration) {
        self.begun = now;
    }

    /// A step of so many tokens has ended. What follows until [`StepTimes::begin`] belongs
    /// to none.
    pub(super) fn ended(&mut self, now: Duration, tokens: u64) -> Duration {
        let took = now.saturating_sub(self.begun);
        self.taken.push((took, tokens));
        self.begun = now;
        took
    }

    pub(super) fn tokens_per_s(&self) -> f64 {
        let tokens: u64 = self.taken.iter().map(|step| step.1).sum();
        let time: Duration = self.taken.iter().map(|step| step.0).sum();
        match time.is_zero() {
            true => 0.0,
            false => tokens as f64 / time.as_secs_f64(),
        }
    }

    pub(super) fn median(&self) -> Duration {
        let mut times: Vec<Duration> = self.taken.iter().map(|step| step.0).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

/// Memory beyond what the process had, as far as the system tells.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    baseline_bytes: Option<u64>,
    peak: PeakMemory,
}

impl MemoryWatch {
    /// From now on, except while `goes_on` waits.
    pub(super) fn begin(
        now: Option<ProcessMemory>,
        goes_on: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Self {
            baseline_bytes: now.map(|memory| memory.anonymous_bytes),
            peak: PeakMemory::watch_while(goes_on),
        }
    }

    pub(super) fn peak_bytes(&self) -> Option<u64> {
        let peak = self.peak.peak().anonymous_bytes;
        Some(peak.saturating_sub(self.baseline_bytes?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MemoryWatch, StepTimes};

    #[test]
    fn what_lies_between_steps_belongs_to_none() {
        let ms = Duration::from_millis;
        let mut times = StepTimes::default();
        assert_eq!((times.tokens_per_s(), times.median()), (0.0, ms(0)));
        times.begin(ms(100));
        assert_eq!(times.ended(ms(150), 10), ms(50));
        assert_eq!(times.ended(ms(250), 30), ms(100));
        times.begin(ms(1_000));
        assert_eq!(times.ended(ms(1_050), 20), ms(50));
        assert_eq!((times.tokens_per_s(), times.median()), (300.0, ms(50)));
    }

    #[test]
    fn a_system_that_does_not_tell_gives_no_figure() {
        assert_eq!(MemoryWatch::begin(None, || true).peak_bytes(), None);
    }
}
