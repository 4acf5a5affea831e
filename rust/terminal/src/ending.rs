//! How a run ends: SIGINT and SIGTERM, what must not be left behind then, and that standard
//! output holds one JSON object whatever happens.

use std::fs;
use std::io::{self, Write as _};
use std::thread;

use pocketune_core::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::error::RunError;
use crate::output::error_object;
use crate::state::{EXIT_OF_SIGNAL, run};
pub use crate::state::{finish, make_temporary, on_signal};

/// Catches signals from now on. A first one is told to who listens, and is passed over
/// while results take their places; any other ends the process at once.
pub fn catch_signals(json: bool) -> Result<(), RunError> {
    run().json = json;
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(RunError::Signals)?;
    let wait = move || signals.forever().for_each(heed);
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop).map_err(RunError::Signals)
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
