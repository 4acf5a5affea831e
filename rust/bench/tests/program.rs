//! The benchmarks' program from outside. That `pocketune` runs it is tested with that.

#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketune-bench"));
    command
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).expect("UTF-8 on standard output")
}

#[test]
fn both_commands_have_help() {
    for command in ["bench", "tune-bench"] {
        let help = run(&[command, "--help"]);
        assert!(help.status.success());
        let example = format!("\n  pocketune {command}");
        assert!(stdout(&help).contains(&example), "{command}");
    }
    let overview = run(&["--help"]);
    assert!(
        !stdout(&overview).contains("busy"),
        "the neighbour process is no command for people"
    );
}

#[test]
fn a_few_training_steps_are_measured() {
    let sizes = ["--steps", "1", "--sequence-tokens", "16", "--threads", "1"];
    let output = run(&[&["tune-bench", "--json"], &sizes[..]].concat());
    assert!(output.status.success());
    let figures: Value = serde_json::from_str(stdout(&output)).unwrap();
    for figure in ["tokens_per_s", "step_ms_median", "peak_anon_bytes"] {
        assert!(figures[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
}

#[test]
fn a_neighbour_ends_with_its_parent() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut neighbour = Command::new(env!("CARGO_BIN_EXE_pocketune-bench"))
        .arg("busy")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    assert!(neighbour.try_wait().unwrap().is_none());
    // A parent that dies closes the pipe just so.
    drop(neighbour.stdin.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = neighbour.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            neighbour.kill().unwrap();
            panic!("it did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
}
