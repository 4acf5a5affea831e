//! How a run ends: SIGINT and SIGTERM, what must not be left behind then, and that standard
//! output holds one JSON object whatever happens.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use pocketune_core::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::error::RunError;
use crate::output::error_object;

/// What a shell adds to a signal's number where that ended a program.
const EXIT_OF_SIGNAL: u8 = 128;

/// Signals concern the process, and so does this.
static RUN: Mutex<Run> = Mutex::new(Run {
    json: false,
    object_begun: false,
    finishing: false,
    signal: None,
    listener: None,
    temporaries: Vec::new(),
});

struct Run {
    /// Whether standard output is to hold an object.
    json: bool,
    /// Whether the object was printed, or is being printed.
    object_begun: bool,
    /// Whether results take their places: the work is done, and is not thrown away.
    finishing: bool,
    /// The latest signal.
    signal: Option<i32>,
    listener: Option<Listener>,
    /// Files that only this run knows, as far as they still exist.
    temporaries: Vec<PathBuf>,
}

/// Ends work in its own way; false where it was asked before.
type Listener = Arc<dyn Fn() -> bool + Send + Sync>;

/// Catches signals from now on. A first one is told to who listens, and is passed over
/// while results take their places; any other ends the process at once.
pub fn catch_signals(json: bool) -> Result<(), RunError> {
    run().json = json;
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(RunError::Signals)?;
    let wait = move || signals.forever().for_each(heed);
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop).map_err(RunError::Signals)
}

/// Lets `listener` end the work when a signal comes. It returns false where it was asked
/// before: the process then ends at once.
pub fn on_signal(listener: impl Fn() -> bool + Send + Sync + 'static) {
    run().listener = Some(Arc::new(listener));
}

/// From here on results take their places.
pub fn finish() {
    run().finishing = true;
}

/// Whether the one object may be printed now: once.
pub fn begin_object() -> bool {
    let mut run = run();
    run.finishing = true;
    !std::mem::replace(&mut run.object_begun, true)
}

/// Makes a file that is removed if a signal ends the process. No signal does between its
/// making and that it is known.
pub fn make_temporary<T>(
    make: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> PathBuf,
) -> io::Result<T> {
    let mut run = run();
    let made = make()?;
    run.temporaries.push(path(&made));
    Ok(made)
}

/// The exit code of a run that was cancelled.
pub fn exit_of_signal() -> u8 {
    let signal = run().signal.unwrap_or(SIGINT);
    EXIT_OF_SIGNAL.saturating_add(u8::try_from(signal).unwrap_or_default())
}

fn heed(signal: i32) {
    let (finishing, listener) = {
        let mut run = run();
        let is_first = run.signal.replace(signal).is_none();
        (run.finishing && is_first, run.listener.clone())
    };
    // Never under the lock: it wakes who may want it.
    let ends_by_itself = finishing || listener.is_some_and(|listener| listener());
    if !ends_by_itself {
        end_now();
    }
}

/// Ends the process as it is. Everything else has to wait, so that nothing is made or
/// printed meanwhile.
fn end_now() {
    let mut run = run();
    for path in &run.temporaries {
        // It may have got its name, or be gone.
        let _ = fs::remove_file(path);
    }
    let cancelled = RunError::Core(Error::Cancelled);
    let _ = writeln!(io::stderr(), "error: {cancelled}");
    if run.json && !std::mem::replace(&mut run.object_begun, true) {
        let mut out = io::stdout();
        let _ = writeln!(out, "{}", error_object(&cancelled)).and_then(|()| out.flush());
    }
    let signal = run.signal.unwrap_or(SIGINT);
    // No destructors: threads that compute use what those would destroy.
    low_level::exit(i32::from(EXIT_OF_SIGNAL) + signal);
}

fn run() -> MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}
