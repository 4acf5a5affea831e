//! Ctrl-C, a reader that leaves, a parent that dies.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::run::{assert_model, pocketune};

/// Goes on for hundreds of lines unless somebody stops it.
const ENDLESS: [&str; 9] = [
    "chat",
    "--raw",
    "--greedy",
    "--prompt",
    "1\n2\n3\n4\n",
    "--max-tokens",
    "2000",
    "--context",
    "2048",
];

/// Far longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn ctrl_c_stops_a_reply_after_what_was_printed() {
    let (mut child, mut stdout) = start_endless();
    // By now the reply runs.
    let mut line = String::new();
    stdout.read_line(&mut line).expect("the reply is streamed");
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.is_ok_and(|status| status.success()));
    let mut rest = String::new();
    stdout
        .read_to_string(&mut rest)
        .expect("what was printed is UTF-8");
    assert_eq!(end_of(&mut child).code(), Some(130));
    assert_eq!(errors(&mut child), "error: cancelled\n");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (mut child, stdout) = start_endless();
    drop(stdout);
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(errors(&mut child), "");
}

fn start_endless() -> (Child, BufReader<std::process::ChildStdout>) {
    assert_model();
    let mut child = pocketune(&ENDLESS)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("stdout is piped");
    (child, BufReader::new(stdout))
}

/// Waits for the end, but not for ever.
fn end_of(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process is ours") {
            return status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().expect("the process is ours");
            panic!("it did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn errors(child: &mut Child) -> String {
    let mut text = String::new();
    let mut stderr = child.stderr.take().expect("stderr is piped");
    stderr
        .read_to_string(&mut text)
        .expect("UTF-8 on standard error");
    text
}
