//! What rust/FORMATS.md shows is what is read.

use std::fs;
use std::path::Path;

use pocketune_gguf::fixtures::TinyModel;
use tempfile::TempDir;

use crate::run::{json, run, stderr};

/// The first JSON block under this heading.
fn example(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../FORMATS.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```json\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_examples_of_the_formats_are_read() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let done = |arguments: &[&str]| {
        let output = run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        json(&output)
    };
    // The items have no first_token_ms, which the definition guards.
    let mut unguarded: serde_json::Value = serde_json::from_str(&example("Experiment")).unwrap();
    unguarded["metrics"].as_array_mut().unwrap().remove(2);
    let unguarded = write("unguarded.json", unguarded.to_string().as_bytes());
    let items = write("items.jsonl", example("Items of a simulation").as_bytes());
    let simulate = ["experiment", "simulate", "--definition", &unguarded];
    done(&[&simulate[..], &["--items", &items, "--experiments", "2"]].concat());

    let definition = write("definition.json", example("Experiment").as_bytes());
    let ledger = write("ledger.jsonl", example("Ledger").as_bytes());
    let summary = write("summary.json", example("Summary").as_bytes());
    let analyze = ["experiment", "analyze", "--definition", &definition];
    let of_ledger = done(&[&analyze[..], &["--ledger", &ledger]].concat());
    let of_summary = done(&[&analyze[..], &["--summary", &summary]].concat());
    assert_eq!(of_ledger, of_summary);
    let twice = ["--ledger", &ledger, "--summary", &summary];
    let twice = run(&[&analyze[..], &twice].concat());
    assert!(!twice.status.success(), "one device counts once");

    let model = write("model.gguf", &TinyModel::llama().build().unwrap());
    let suite = write("suite.jsonl", example("Suite").as_bytes());
    let how = ["--by", "both", "--max-tokens", "4", "--model", &model];
    done(&[&["evaluate", "--suite", &suite], &how[..]].concat());
    let pairs = write("pairs.jsonl", example("Preferences").as_bytes());
    let out = folder.path().join("adapter.gguf");
    let tune = ["tune", "--objective", "dpo", "--plan", "--model", &model];
    let files = ["--data", &pairs, "--out", out.to_str().unwrap()];
    done(&[&tune[..], &files].concat());
}
