//! `rust/ARCHITECTURE.md` says which crate may use which; cargo knows which does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Lines such as `core -> gguf, llama` in the fenced block after `## Dependencies`.
fn drawn() -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust/ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, after) = text
        .split_once("## Dependencies")
        .expect("a section on dependencies");
    let block = after.split("```").nth(1).expect("a fenced block");
    block
        .lines()
        .filter_map(|line| line.split_once("->"))
        .map(|(from, to)| {
            let to = to.split(',').map(|name| name.trim().to_owned());
            (
                from.trim().to_owned(),
                to.filter(|name| name != "nothing").collect(),
            )
        })
        .collect()
}

fn real() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let short = |name: &str| name.strip_prefix("pocketune-").map(str::to_owned);
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let from = short(package["name"].as_str().unwrap()).unwrap();
            let to = package["dependencies"].as_array().unwrap().iter();
            let to = to
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| short(dependency["name"].as_str().unwrap()))
                .collect();
            (from, to)
        })
        .collect()
}

#[test]
fn the_drawing_shows_the_crates_and_their_arrows() {
    assert_eq!(drawn(), real());
}

#[test]
fn unsafe_code_stays_where_the_drawing_allows_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust");
    for name in ["base", "gguf", "adapter", "core", "cli"] {
        let file = if name == "cli" { "main.rs" } else { "lib.rs" };
        let text = std::fs::read_to_string(root.join(name).join("src").join(file)).unwrap();
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{name} must forbid unsafe code"
        );
    }
}
