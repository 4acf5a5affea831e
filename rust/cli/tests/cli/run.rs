//! Runs the binary and reads what it printed.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The command, with nothing of the caller's terminal.
pub(crate) fn pocketune(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketune"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    pocketune(arguments).output().expect("the binary starts")
}

/// Runs it to its end with `input` on standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = pocketune(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(input.as_bytes())
        .expect("the binary reads its input");
    drop(stdin);
    child.wait_with_output().expect("the binary ends")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 on standard output")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on standard error")
}

/// The one JSON object on standard output; anything beside it fails the test.
pub(crate) fn json(output: &Output) -> Value {
    let text = stdout(output);
    let value: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error} in {text:?}, stderr: {}", stderr(output)));
    assert!(value.is_object(), "{text}");
    value
}

/// Runs a command that must succeed, with `--json`.
pub(crate) fn json_of(arguments: &[&str]) -> Value {
    assert_model();
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    json(&output)
}

/// Fails the test where the default model was not fetched: nothing is skipped.
pub(crate) fn assert_model() {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let models = set("POCKETUNE_MODELS")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("pocketune/models")))
        .or_else(|| Some(set("HOME")?.join(".cache/pocketune/models")))
        .expect("HOME is set");
    let model = models.join("smollm2-135m-instruct-q4_1.gguf");
    assert!(
        model.is_file(),
        "this test needs the model; run scripts/fetch-model.sh first"
    );
}
