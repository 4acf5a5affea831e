//! A few threads that do the same job on different parts of the data.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a thread looks for the next job, or for the end of this one, before
/// it sleeps or yields: some tens of microseconds, longer than what lies between
/// two kernels of one step.
const SPINS: usize = 4_000;

/// How often it yields before it sleeps for moments, which grow: some milliseconds, longer
/// than most kernels last. Another program has the core then, or the computation is paused.
const YIELDS: usize = 5_000;
const FIRST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(5);

/// Threads for the kernels, the calling one included. They sleep between
/// steps. [`ThreadPool::run`] may be called from one thread at a time.
#[derive(Debug)]
pub struct ThreadPool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    running: Mutex<()>,
}

type Job = *const (dyn Fn(usize) + Sync);

#[derive(Debug)]
struct Shared {
    // Written by `run` before `epoch` grows, read by workers after.
    job: UnsafeCell<Option<Job>>,
    epoch: AtomicUsize,
    unfinished: AtomicUsize,
    panicked: AtomicBool,
    closing: AtomicBool,
    sleepers: Mutex<usize>,
    wake: Condvar,
}

// SAFETY: `job` is written only while no worker runs (unfinished == 0) and read
// only after `epoch` was seen to grow, which orders both (release, acquire).
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` refers to something that is Sync and outlives the
// run (see `ThreadPool::run`).
unsafe impl Send for Shared {}

impl ThreadPool {
    /// `threads` of them, at least 1: the calling thread and `threads - 1` more.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            epoch: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
        });
        // A thread that the system refuses is done without.
        let workers = (1..threads.max(1))
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name("pocketune-kernel".to_owned())
                    .spawn(move || shared.work(index))
                    .ok()
            })
            .collect();
        Self {
            shared,
            workers,
            running: Mutex::new(()),
        }
    }

    /// As many threads as the machine has cores, less one when `leave_a_core`,
    /// and at most 4: slow cores hold up fast ones.
    #[must_use]
    pub fn for_this_machine(leave_a_core: bool) -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(threads_for(cores, leave_a_core))
    }

    /// Threads that take part, the caller's included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` with 0 to threads − 1, each on a thread of its own, and waits
    /// for all. A panic in any of them is passed on after the others ended.
    pub fn run(&self, job: impl Fn(usize) + Sync) {
        if self.workers.is_empty() {
            return job(0);
        }
        let _one_at_a_time = lock(&self.running);
        let shared = &self.shared;
        let borrowed: &(dyn Fn(usize) + Sync) = &job;
        // SAFETY: only the lifetime changes; `run` returns after every worker is
        // done with the job, and clears the pointer's meaning with `unfinished`.
        let pointer: Job =
            unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Job>(borrowed) };
        // SAFETY: no worker runs (unfinished is 0), so nobody reads the cell.
        unsafe { *shared.job.get() = Some(pointer) };
        shared
            .unfinished
            .store(self.workers.len(), Ordering::Relaxed);
        shared.epoch.fetch_add(1, Ordering::Release);
        if *lock(&shared.sleepers) > 0 {
            shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        let mut spins = 0;
        while shared.unfinished.load(Ordering::Acquire) > 0 {
            spins += 1;
            pause(spins);
        }
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        if shared.panicked.swap(false, Ordering::Relaxed) {
            resume_unwind(Box::new("a kernel thread panicked"));
        }
    }

    /// Like [`ThreadPool::run`], with `count` claims that the threads take one after
    /// the other: who is fast takes more.
    pub(crate) fn share(&self, count: usize, job: impl Fn(Claims<'_>) + Sync) {
        let next = AtomicUsize::new(0);
        self.run(|_| job(Claims { next: &next, count }));
    }
}

/// Numbers from 0 on, each given to one thread.
pub(crate) struct Claims<'a> {
    next: &'a AtomicUsize,
    count: usize,
}

impl Iterator for Claims<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let claim = self.next.fetch_add(1, Ordering::Relaxed);
        (claim < self.count).then_some(claim)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        // The lock orders this after a worker's last look at the epoch.
        drop(lock(&self.shared.sleepers));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // Workers catch the panics of their jobs.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn work(&self, index: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_epoch(seen);
            if self.closing.load(Ordering::Relaxed) {
                return;
            }
            // SAFETY: the epoch grew, so `run` wrote the job before and writes no
            // other until this worker counts itself as finished.
            let job = unsafe { *self.job.get() };
            if let Some(job) = job {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    // SAFETY: `run` keeps the job alive until all have finished.
                    let job = unsafe { &*job };
                    job(index);
                }));
                if outcome.is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            self.unfinished.fetch_sub(1, Ordering::Release);
        }
    }

    fn next_epoch(&self, seen: usize) -> usize {
        for _ in 0..SPINS {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch != seen {
                return epoch;
            }
            std::hint::spin_loop();
        }
        let mut sleepers = lock(&self.sleepers);
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch != seen {
                return epoch;
            }
            *sleepers += 1;
            sleepers = self
                .wake
                .wait(sleepers)
                .unwrap_or_else(PoisonError::into_inner);
            *sleepers -= 1;
        }
    }
}

fn threads_for(cores: usize, leave_a_core: bool) -> usize {
    (cores - usize::from(leave_a_core && cores > 1)).clamp(1, 4)
}

/// Spins at first; then lets others run, so that a busy neighbour costs no more
/// than its share; then sleeps, so that a pause costs nothing.
fn pause(spins: usize) {
    match spins.checked_sub(SPINS) {
        None => std::hint::spin_loop(),
        Some(yields) if yields < YIELDS => thread::yield_now(),
        Some(yields) => {
            let naps = u32::try_from(yields - YIELDS + 1).unwrap_or(u32::MAX);
            thread::sleep(FIRST_NAP.saturating_mul(naps).min(LONGEST_NAP));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::{ThreadPool, threads_for};

    #[test]
    fn every_index_runs_once() {
        for threads in 1..=4 {
            let pool = ThreadPool::new(threads);
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..200 {
                pool.run(|index| {
                    counts[index].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(
                counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == 200)
            );
        }
    }

    #[test]
    fn a_core_is_left_alone_where_there_are_two() {
        let threads = |cores| (threads_for(cores, false), threads_for(cores, true));
        assert_eq!(threads(1), (1, 1));
        assert_eq!(threads(2), (2, 1));
        assert_eq!(threads(4), (4, 3));
        assert_eq!(threads(12), (4, 4));
        assert!(ThreadPool::for_this_machine(true).threads() >= 1);
    }

    #[test]
    fn threads_that_slept_wake_up() {
        let pool = ThreadPool::new(3);
        let count = AtomicUsize::new(0);
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(5));
            pool.run(|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(count.load(Ordering::Relaxed), 15);
    }

    #[test]
    fn a_panic_is_passed_on_and_the_pool_stays_usable() {
        let pool = ThreadPool::new(2);
        for bad in 0..2 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(|index| assert_ne!(index, bad, "on purpose"));
            }));
            assert!(outcome.is_err());
            pool.run(|_| ());
        }
    }
}
