//! What is known of the run that every part of the program has to heed: whether it was
//! cancelled, whether its results take their places, what must not be left behind.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::SIGINT;

/// What a shell adds to a signal's number where that ended a program.
pub(crate) const EXIT_OF_SIGNAL: u8 = 128;

/// Signals concern the process, and so does this.
static RUN: Mutex<Run> = Mutex::new(Run {
    json: false,
    object_begun: false,
    finishing: false,
    signal: None,
    listener: None,
    temporaries: Vec::new(),
});

pub(crate) struct Run {
    /// Whether standard output is to hold an object.
    pub(crate) json: bool,
    /// Whether the object was printed, or is being printed.
    pub(crate) object_begun: bool,
    /// Whether results take their places: the work is done, and is not thrown away.
    pub(crate) finishing: bool,
    /// The latest signal.
    pub(crate) signal: Option<i32>,
    pub(crate) listener: Option<Listener>,
    /// Files that only this run knows, as far as they still exist.
    pub(crate) temporaries: Vec<PathBuf>,
}

/// Ends work in its own way; false where it was asked before.
pub(crate) type Listener = Arc<dyn Fn() -> bool + Send + Sync>;

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
pub(crate) fn begin_object() -> bool {
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
pub(crate) fn exit_of_signal() -> u8 {
    let signal = run().signal.unwrap_or(SIGINT);
    EXIT_OF_SIGNAL.saturating_add(u8::try_from(signal).unwrap_or_default())
}

pub(crate) fn run() -> MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}
