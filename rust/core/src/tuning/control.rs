//! Pausing, resuming and cancelling, with the time that was not paused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pocketune_train::Control;

/// Pauses, resumes or cancels a run from any thread. Clones act on the same run. No function
/// blocks; each takes effect within some milliseconds, one tile of a matrix product.
#[derive(Debug, Clone)]
pub struct TuningControl {
    control: Control,
    clock: Arc<Mutex<Clock>>,
}

#[derive(Debug)]
struct Clock {
    begun: Instant,
    paused: Duration,
    paused_since: Option<Instant>,
}

impl TuningControl {
    pub(super) fn new() -> Self {
        Self {
            control: Control::new(),
            clock: Arc::new(Mutex::new(Clock {
                begun: Instant::now(),
                paused: Duration::ZERO,
                paused_since: None,
            })),
        }
    }

    /// Holds the run: no thread of it computes, and no event comes beyond one that was under
    /// way. Its memory stays.
    pub fn pause(&self) {
        let mut clock = lock(&self.clock);
        clock.paused_since.get_or_insert_with(Instant::now);
        self.control.pause();
    }

    /// Lets a paused run go on.
    pub fn resume(&self) {
        let mut clock = lock(&self.clock);
        if let Some(since) = clock.paused_since.take() {
            clock.paused += since.elapsed();
        }
        self.control.resume();
    }

    /// Ends the run for good, a paused one too. Its last event is
    /// [`crate::Error::Cancelled`]; with a checkpoint the same run goes on later.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    pub(super) fn kernels(&self) -> &Control {
        &self.control
    }

    /// Waits while paused; whether to go on.
    pub(super) fn goes_on(&self) -> bool {
        self.control.goes_on()
    }

    /// Time since this was made, without pauses.
    pub(super) fn active(&self) -> Duration {
        let clock = lock(&self.clock);
        let until = clock.paused_since.unwrap_or_else(Instant::now);
        let passed = until.saturating_duration_since(clock.begun);
        passed.saturating_sub(clock.paused)
    }
}

fn lock(clock: &Mutex<Clock>) -> MutexGuard<'_, Clock> {
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::TuningControl;

    #[test]
    fn time_that_was_paused_does_not_count() {
        let control = TuningControl::new();
        control.pause();
        let before = control.active();
        sleep(Duration::from_millis(20));
        control.pause();
        assert_eq!(control.active(), before);
        control.resume();
        control.resume();
        sleep(Duration::from_millis(5));
        assert!(control.active() >= before + Duration::from_millis(5));
    }
}
