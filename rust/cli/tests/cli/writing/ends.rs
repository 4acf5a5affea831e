//! Runs that end early: signals, and readers that leave.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use super::desk::Desk;
use crate::run::{assert_model, json, pocketune, stderr, stdout};

/// Signals with their numbers.
const SIGNALS: [(&str, i32); 2] = [("INT", 2), ("TERM", 15)];

/// Waits until signals are caught, and sends one.
fn signal(child: &Child, name: &str) {
    let status = format!("/proc/{}/status", child.id());
    let caught = || {
        let status = fs::read_to_string(&status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
    };
    let all = SIGNALS
        .iter()
        .fold(0, |mask, (_, number)| mask | 1 << (number - 1));
    while caught() & all != all {
        thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn signalled(mut command: Command, name: &str) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    signal(&child, name);
    child.wait_with_output().unwrap()
}

#[test]
fn a_signal_ends_work_with_one_object_and_leaves_older_files() {
    let desk = Desk::new();
    let [older, definition] = ["older", "definition.json"].map(|name| desk.path(name));
    fs::write(&older, "something good").unwrap();
    let before = desk.everything();
    let simulate = ["experiment", "simulate", "--definition", &definition];
    let endless = ["--rate", "pick=0.5:0.5", "--experiments", "100000000"];
    let endless = [&simulate[..], &endless, &["--ledger-out", &older]].concat();
    for (name, number) in SIGNALS {
        let output = signalled(pocketune(&[&endless[..], &["--json"]].concat()), name);
        assert_eq!(output.status.code(), Some(128 + number), "{name}");
        assert_eq!(json(&output)["error"]["kind"], "cancelled");
        assert_eq!(stderr(&output), "error: cancelled\n");
        let output = signalled(pocketune(&endless), name);
        assert_eq!(output.status.code(), Some(128 + number), "{name}");
        assert_eq!(stdout(&output), "");
        desk.assert_unchanged(&before, name);
    }
}

#[test]
fn a_signal_ends_a_reply_with_one_object_and_saves_nothing() {
    assert_model();
    let desk = Desk::new();
    let older = desk.path("older");
    fs::write(&older, "something good").unwrap();
    let before = desk.everything();
    let count = [
        "chat",
        "--greedy",
        "--prompt",
        "Count from 1 to 1000, in words.",
    ];
    let endless = ["--max-tokens", "4000", "--save", &older, "--json"];
    for (name, number) in SIGNALS {
        let output = signalled(pocketune(&[&count[..], &endless].concat()), name);
        assert_eq!(output.status.code(), Some(128 + number), "{name}");
        assert_eq!(json(&output)["error"]["kind"], "cancelled");
        desk.assert_unchanged(&before, name);
    }
}

#[test]
fn a_signal_ends_training_with_one_object_and_writes_no_adapter() {
    let desk = Desk::new();
    let [model, pairs, ordinary, out] =
        ["model.gguf", "pairs.jsonl", "ordinary.jsonl", "older"].map(|name| desk.path(name));
    fs::write(&out, "something good").unwrap();
    let before = desk.everything();
    let tune = [
        "tune",
        "--objective",
        "dpo",
        "--model",
        &model,
        "--data",
        &pairs,
    ];
    let endless = [
        "--ordinary",
        &ordinary,
        "--steps",
        "1000000",
        "--max-kl",
        "0",
    ];
    let to = ["--out", &out, "--json"];
    let output = signalled(pocketune(&[&tune[..], &endless, &to].concat()), "TERM");
    assert_eq!(output.status.code(), Some(143));
    assert_eq!(json(&output)["error"]["kind"], "cancelled");
    desk.assert_unchanged(&before, "TERM");
}

/// Runs it with a standard output that nobody reads.
fn unread(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    pocketune(arguments).stdout(writer).output().unwrap()
}

#[test]
fn a_conversation_without_a_reader_is_saved() {
    let desk = Desk::new();
    let [model, saved] = ["model.gguf", "saved"].map(|name| desk.path(name));
    let chat = [
        "chat",
        "--model",
        &model,
        "--context",
        "128",
        "--max-tokens",
        "4",
    ];
    let said = ["--prompt", "a", "--prompt", "b", "--save", &saved];
    for json in [&[][..], &["--json"]] {
        let output = unread(&[&chat[..], &said, json].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
        assert!(fs::read(&saved).unwrap().starts_with(b"PTCHAT"));
        fs::remove_file(&saved).unwrap();
    }
}

#[test]
fn a_conversation_goes_on_in_its_own_file() {
    let desk = Desk::new();
    let [model, saved] = ["model.gguf", "saved"].map(|name| desk.path(name));
    let chat = [
        "chat",
        "--model",
        &model,
        "--context",
        "128",
        "--max-tokens",
        "2",
    ];
    let said = ["--prompt", "a", "--save", &saved];
    desk.done(&[&chat[..], &said].concat());
    let first = fs::read(&saved).unwrap();
    desk.done(&[&chat[..], &said, &["--restore", &saved]].concat());
    assert!(fs::read(&saved).unwrap().len() > first.len());
}

#[test]
fn a_refusal_without_a_reader_is_no_success() {
    let desk = Desk::new();
    let [model, adapter, policy] =
        ["model.gguf", "adapter.gguf", "policy.json"].map(|name| desk.path(name));
    let verify = [
        "adapter", "verify", &adapter, "--model", &model, "--policy", &policy,
    ];
    for json in [&[][..], &["--json"]] {
        let output = unread(&[&verify[..], json].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    }
}
