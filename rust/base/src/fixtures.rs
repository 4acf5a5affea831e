//! What opening must survive, for the tests of this and other crates.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far longer than opening a file takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a named pipe that nobody writes into.
///
/// # Panics
/// Where it cannot be made.
pub fn make_pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status();
    assert!(status.unwrap().success(), "mkfifo failed");
}

/// What `work` returns, if it returns.
///
/// # Panics
/// Where it hangs.
pub fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let _ = done.send(work());
    });
    result
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|error| panic!("it hangs or panicked: {error}"))
}
