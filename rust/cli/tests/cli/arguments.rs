//! What needs no model: help, usage errors, refusals.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::run::{json, pocketune, run, run_with_input, stderr, stdout};

const COMMANDS: [&str; 11] = [
    "chat",
    "bench",
    "fit",
    "inspect",
    "score",
    "embed",
    "tokenize",
    "tune",
    "tune-bench",
    "evaluate",
    "experiment",
];

#[test]
fn every_command_has_help_with_examples() {
    let overview = stdout(&run(&["--help"]));
    for command in COMMANDS {
        assert!(overview.contains(command), "{command} is missing in --help");
        let help = run(&[command, "--help"]);
        assert!(help.status.success());
        let example = format!("\n  pocketune {command}");
        assert!(
            stdout(&help).contains(&example),
            "{command} --help has no example"
        );
    }
}

#[test]
fn a_missing_program_of_benchmarks_is_named() {
    let alone = directory("alone").join("pocketune");
    fs::copy(env!("CARGO_BIN_EXE_pocketune"), &alone).expect("the directory is writable");
    let output = Command::new(&alone)
        .args(["bench", "--json"])
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"]["kind"], "no_bench_program");
    let said = stderr(&output);
    assert!(said.contains("pocketune-bench"), "{said}");
    assert!(said.contains("cargo build --release --workspace"), "{said}");
}

#[test]
fn options_before_a_benchmark_are_passed_on() {
    let output = run(&["--json", "bench", "--model", "/nowhere", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"]["kind"], "model_unreadable");
}

#[test]
fn senseless_command_lines_exit_with_2() {
    let senseless: [&[&str]; 13] = [
        &[],
        &["sing"],
        &["score", "--reply", "x"],
        &["score", "--prompt", "x"],
        &["chat", "--raw", "--system", "x", "--prompt", "y"],
        &["chat", "--greedy", "--temperature", "1", "--prompt", "y"],
        &["bench", "--threads", "0"],
        &["evaluate", "--max-tokens", "8"],
        &["evaluate", "--by", "both", "--items-out", "x"],
        &["evaluate", "--reproduce", "x"],
        &["evaluate", "--candidate", "a", "--policy", "p"],
        &[
            "chat",
            "--candidate",
            "a.gguf",
            "--save",
            "b",
            "--prompt",
            "y",
        ],
        &["embed"],
    ];
    for arguments in senseless {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn nothing_to_say_exits_with_2() {
    let output = run_with_input(&["chat", "--json"], "\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json(&output)["error"]["kind"], "usage");
}

#[test]
fn a_missing_default_model_says_how_to_fetch_it() {
    let nowhere = directory("no-models");
    for command in ["fit", "inspect", "bench"] {
        let output = pocketune(&[command, "--json"])
            .env("POCKETUNE_MODELS", &nowhere)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("scripts/fetch-model.sh"));
        assert_eq!(json(&output)["error"]["kind"], "no_model");
    }
}

#[test]
fn files_that_are_no_models_are_refused_by_kind() {
    let dir = directory("no-gguf");
    let text = dir.join("text.gguf");
    fs::write(&text, "GGUF, or so it says").expect("the directory is writable");
    let cases = [
        (text, "model_invalid"),
        (dir.clone(), "model_not_a_file"),
        (dir.join("absent.gguf"), "model_unreadable"),
    ];
    for (path, kind) in cases {
        let path = path.to_str().expect("UTF-8 path");
        let output = run(&["inspect", "--model", path, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{kind}");
        assert_eq!(json(&output)["error"]["kind"], kind);
        let without_json = run(&["inspect", "--model", path]);
        assert!(stdout(&without_json).is_empty());
        assert!(stderr(&without_json).starts_with("error: "));
    }
}

#[test]
fn an_unreadable_grammar_is_named_without_the_prompt() {
    let arguments = [
        "chat",
        "--prompt",
        "my secret",
        "--grammar",
        "/nowhere/g.gbnf",
        "--json",
    ];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let error = json(&output);
    assert_eq!(error["error"]["kind"], "file_unreadable");
    assert!(stderr(&output).contains("grammar"));
    assert!(!stderr(&output).contains("secret") && !error.to_string().contains("secret"));
}

fn directory(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).expect("the directory for tests is writable");
    dir
}
