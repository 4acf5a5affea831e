//! Busy neighbours: processes that keep a core each from resting, as other apps do.

use std::io::{self, Read};
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::{env, thread};

use crate::error::BenchError;

/// Processes that compute nothing, as hard as they can. They end when this is
/// dropped, and when this process ends in any way: their standard input is a
/// pipe that closes then.
#[derive(Debug)]
pub(crate) struct Neighbours(Vec<Child>);

impl Neighbours {
    /// Starts `count` of them.
    pub(crate) fn start(count: u32) -> Result<Self, BenchError> {
        let program = env::current_exe().map_err(BenchError::Neighbour)?;
        let mut neighbours = Self(Vec::new());
        for _ in 0..count {
            let child = Command::new(&program)
                .arg("busy")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(BenchError::Neighbour)?;
            neighbours.0.push(child);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
            // Already gone is as good; waiting only collects the exit code.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Is such a process: keeps one core busy until standard input ends.
pub(crate) fn be_busy() -> ExitCode {
    thread::spawn(|| {
        let mut nothing = Vec::new();
        let _ = io::stdin().read_to_end(&mut nothing);
        process::exit(0);
    });
    let mut number = 1u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    }
}
