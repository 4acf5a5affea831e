//! What this process occupies, now and at its peak. Linux and Android only.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pocketune_llama::available_memory_bytes;

use crate::error::Error;

/// Resident memory of this process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessMemory {
    /// All resident pages, mapped files included.
    pub rss_bytes: u64,
    /// Resident anonymous pages, and those of shared memory.
    pub anonymous_bytes: u64,
}

/// Changed pages of mapped files that are still to be written back; `None` on other
/// systems than Linux and Android.
#[must_use]
pub fn dirty_file_bytes() -> Option<u64> {
    let maps = fs::read_to_string("/proc/self/smaps").ok()?;
    let (mut total, mut of_file) = (0, false);
    for line in maps.lines() {
        let Some((key, value)) = line.split_once(':').filter(|(key, _)| !key.contains(' ')) else {
            // A mapping's own line; its path comes last.
            of_file = line.contains(" /");
            continue;
        };
        let bytes = || -> Option<u64> {
            let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kib.checked_mul(1024)
        };
        match key {
            "Shared_Dirty" | "Private_Dirty" if of_file => total += bytes()?,
            // Private copies count as anonymous memory.
            "Anonymous" if of_file => total = total.saturating_sub(bytes()?),
            _ => {}
        }
    }
    Some(total)
}

impl ProcessMemory {
    /// Reads `/proc/self/status`; `None` on other systems.
    #[must_use]
    pub fn now() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let bytes = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kib.checked_mul(1024)
        };
        Some(Self {
            rss_bytes: bytes("VmRSS:")?,
            anonymous_bytes: bytes("RssAnon:")? + bytes("RssShmem:")?,
        })
    }
}

/// Whether so much is free, as far as the system says.
pub(crate) fn check_free(required_bytes: u64) -> Result<(), Error> {
    match available_memory_bytes() {
        Some(available_bytes) if required_bytes > available_bytes => Err(Error::OutOfMemory {
            required_bytes,
            available_bytes,
        }),
        _ => Ok(()),
    }
}

/// Watches the process's memory from a thread of its own, every 5 ms.
#[derive(Debug)]
pub struct PeakMemory {
    peaks: Arc<Peaks>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Peaks {
    stop: AtomicBool,
    rss: AtomicU64,
    anonymous: AtomicU64,
}

impl Peaks {
    fn sample(&self) {
        if let Some(now) = ProcessMemory::now() {
            self.rss.fetch_max(now.rss_bytes, Ordering::Relaxed);
            self.anonymous
                .fetch_max(now.anonymous_bytes, Ordering::Relaxed);
        }
    }
}

impl PeakMemory {
    /// Starts watching.
    #[must_use]
    pub fn watch() -> Self {
        let (peaks, thread) = Self::spawn(|| true);
        Self { peaks, thread }
    }

    /// Starts watching, and neither looks nor wakes up while `goes_on` waits.
    pub(crate) fn watch_while(goes_on: impl Fn() -> bool + Send + 'static) -> Self {
        // Its thread may wait for long: it ends by itself.
        let (peaks, _) = Self::spawn(goes_on);
        let thread = None;
        Self { peaks, thread }
    }

    fn spawn(goes_on: impl Fn() -> bool + Send + 'static) -> (Arc<Peaks>, Option<JoinHandle<()>>) {
        let peaks = Arc::new(Peaks::default());
        let watched = Arc::clone(&peaks);
        let thread = thread::Builder::new()
            .name("pocketune-memory".to_owned())
            .spawn(move || {
                while goes_on() && !watched.stop.load(Ordering::Relaxed) {
                    watched.sample();
                    thread::sleep(Duration::from_millis(5));
                }
            });
        (peaks, thread.ok())
    }

    /// The largest values seen since [`PeakMemory::watch`].
    #[must_use]
    pub fn peak(&self) -> ProcessMemory {
        self.peaks.sample();
        ProcessMemory {
            rss_bytes: self.peaks.rss.load(Ordering::Relaxed),
            anonymous_bytes: self.peaks.anonymous.load(Ordering::Relaxed),
        }
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.peaks.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The watcher cannot panic; nothing to report.
            let _ = thread.join();
        }
    }
}
