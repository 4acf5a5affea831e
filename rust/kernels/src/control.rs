//! Stopping and pausing from another thread.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::pool::ThreadPool;

/// Stops or pauses a running computation from any thread. Clones act on the same
/// one. Matrix products and attention look at it before each tile.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicU8,
    paused: Mutex<()>,
    changed: Condvar,
}

const RUNNING: u8 = 0;
const PAUSED: u8 = 1;
const CANCELLED: u8 = 2;

impl Control {
    /// Neither cancelled nor paused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the computation after the tiles that are under way, for good. Does not block.
    pub fn cancel(&self) {
        self.set(|_| CANCELLED);
    }

    /// Holds the computation after the tiles that are under way; its memory stays.
    /// Does not block.
    pub fn pause(&self) {
        self.set(|state| if state == RUNNING { PAUSED } else { state });
    }

    /// Lets a paused computation go on. Does not block.
    pub fn resume(&self) {
        self.set(|state| if state == PAUSED { RUNNING } else { state });
    }

    /// Waits while paused; whether to go on. Results of what was under way when this
    /// became false are unfinished.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        match self.0.state.load(Ordering::Relaxed) {
            RUNNING => true,
            CANCELLED => false,
            _ => {
                let mut guard = lock(&self.0.paused);
                while self.0.state.load(Ordering::Relaxed) == PAUSED {
                    let waited = self.0.changed.wait(guard);
                    guard = waited.unwrap_or_else(PoisonError::into_inner);
                }
                self.0.state.load(Ordering::Relaxed) == RUNNING
            }
        }
    }

    /// Waits until the computation is paused, and returns true; false once it is cancelled, or
    /// `done` is true and somebody called [`Control::wake`]. For what is to happen while a
    /// computation rests.
    #[must_use]
    pub fn paused_before(&self, done: &AtomicBool) -> bool {
        let mut guard = lock(&self.0.paused);
        loop {
            match self.0.state.load(Ordering::Relaxed) {
                PAUSED => return true,
                RUNNING if !done.load(Ordering::Relaxed) => {
                    let waited = self.0.changed.wait(guard);
                    guard = waited.unwrap_or_else(PoisonError::into_inner);
                }
                _ => return false,
            }
        }
    }

    /// Wakes [`Control::paused_before`], so that it looks at `done` again.
    pub fn wake(&self) {
        drop(lock(&self.0.paused));
        self.0.changed.notify_all();
    }

    fn set(&self, next: impl Fn(u8) -> u8) {
        let guard = lock(&self.0.paused);
        let state = next(self.0.state.load(Ordering::Relaxed));
        self.0.state.store(state, Ordering::Relaxed);
        drop(guard);
        self.0.changed.notify_all();
    }
}

/// Threads, and what may stop them.
#[derive(Debug, Clone, Copy)]
pub struct Workers<'a> {
    pub(crate) pool: &'a ThreadPool,
    control: Option<&'a Control>,
}

impl<'a> Workers<'a> {
    /// Threads that `control` stops: what they were to write is then unfinished.
    #[must_use]
    pub fn stopped_by(pool: &'a ThreadPool, control: &'a Control) -> Self {
        Self {
            pool,
            control: Some(control),
        }
    }

    /// Hands `count` claims to the threads, one after the other: who is fast takes more.
    pub(crate) fn share(self, count: usize, job: impl Fn(&mut dyn Iterator<Item = usize>) + Sync) {
        self.pool.share(count, |claims| {
            let goes_on = |_: &usize| self.control.is_none_or(Control::goes_on);
            job(&mut claims.take_while(goes_on));
        });
    }
}

impl<'a> From<&'a ThreadPool> for Workers<'a> {
    fn from(pool: &'a ThreadPool) -> Self {
        Self {
            pool,
            control: None,
        }
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::Control;

    #[test]
    fn a_paused_computation_waits_until_it_is_resumed_or_cancelled() {
        let control = Control::new();
        assert!(control.goes_on());
        control.pause();
        let waiting = {
            let control = control.clone();
            thread::spawn(move || control.goes_on())
        };
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        control.resume();
        assert!(waiting.join().unwrap());
        control.pause();
        control.cancel();
        assert!(!control.goes_on());
        control.resume();
        assert!(!control.goes_on(), "cancelled for good");
    }

    #[test]
    fn whoever_waits_for_a_pause_hears_of_it_or_of_the_end() {
        for (end, paused) in [("pause", true), ("cancel", false), ("done", false)] {
            let control = Control::new();
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                let waiting = scope.spawn(|| control.paused_before(&done));
                thread::sleep(Duration::from_millis(10));
                assert!(!waiting.is_finished());
                match end {
                    "pause" => control.pause(),
                    "cancel" => control.cancel(),
                    _ => {
                        done.store(true, Ordering::Relaxed);
                        control.wake();
                    }
                }
                assert_eq!(waiting.join().unwrap(), paused, "{end}");
            });
        }
    }
}
