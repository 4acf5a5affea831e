//! `tune --objective auto` and `kto`: what users say of replies, as it comes.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, json_of, run};
use crate::tune::{borrowed, file, tune};

const QUICK: [&str; 6] = ["--steps", "2", "--batch", "4", "--warm-up", "1"];

fn says(role: &str, text: &str) -> Value {
    json!([{"role": role, "content": text}])
}

fn thumb(number: usize, up: bool) -> String {
    let reply = if up {
        "It is good."
    } else {
        "It might be said to be bad."
    };
    let prompt = says("user", &format!("What is thing {number}?"));
    json!({"prompt": prompt, "completion": says("assistant", reply), "label": up}).to_string()
}

fn edit(number: usize) -> String {
    json!({
        "prompt": says("user", &format!("What is item {number}?")),
        "chosen": says("assistant", "It is a thing that you use."),
        "rejected": says("assistant", "It is a thing that people use, as one might say."),
        "edit": true,
    })
    .to_string()
}

fn data(folder: &TempDir, name: &str, lines: &[String]) -> std::path::PathBuf {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    file(folder, name, &lines)
}

fn thumbs(ups: usize, downs: usize) -> Vec<String> {
    let up = (0..ups).map(|number| thumb(number, true));
    up.chain((0..downs).map(|number| thumb(100 + number, false)))
        .collect()
}

/// The one object of a run that fails.
fn refused(objective: &str, data: &Path, more: &[&str]) -> Value {
    let out = data.with_extension("refused.gguf");
    let options = [more, &["--json"]].concat();
    let output = run(&borrowed(&tune(objective, data, &out, &options)));
    assert_eq!(output.status.code(), Some(1));
    assert!(!out.exists());
    json(&output)["error"].clone()
}

#[test]
fn everything_that_users_say_is_learned_in_one_run() {
    let folder = TempDir::new().unwrap();
    let mut lines = thumbs(3, 3);
    lines.extend((0..3).map(edit));
    let mixed = data(&folder, "feedback.jsonl", &lines);
    let out = folder.path().join("mixed.gguf");
    let mut options = QUICK.to_vec();
    let replay = data(&folder, "earlier.jsonl", &[edit(50)]);
    let path = mixed.to_str().unwrap();
    options.extend(["--heldout", path, "--replay", replay.to_str().unwrap()]);
    let report = json_of(&borrowed(&tune("auto", &mixed, &out, &options)));
    assert_eq!(report["objective"], "dpo+kto+anchor");
    assert_eq!(report["samples"], 9);
    let loss = |key: &str| report[key].as_f64().unwrap();
    assert!(
        loss("heldout_loss_after") < loss("heldout_loss_before"),
        "{report}"
    );
    assert!(report["accuracy_after"].as_f64().unwrap() > 0.5, "{report}");
    assert!(out.exists());
}

#[test]
fn thumbs_of_one_kind_are_learned_from_too() {
    let folder = TempDir::new().unwrap();
    let up = data(&folder, "up.jsonl", &thumbs(8, 0));
    let out = folder.path().join("up.gguf");
    let report = json_of(&borrowed(&tune("auto", &up, &out, &QUICK)));
    assert_eq!(report["objective"], "sft+anchor");

    let error = refused("kto", &up, &[]);
    assert_eq!(error["kind"], "data_invalid");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("all thumbs point up") && message.contains("auto"),
        "{message}"
    );

    // The model would be asked for better replies (the system tests do so); a plan asks nothing.
    let down = data(&folder, "down.jsonl", &thumbs(0, 8));
    let out = folder.path().join("down.gguf");
    let options = [&QUICK[..], &["--plan"]].concat();
    let plan = json_of(&borrowed(&tune("auto", &down, &out, &options)));
    assert!(plan["planned_bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn feedback_that_says_too_little_or_contradicts_itself_is_refused() {
    let folder = TempDir::new().unwrap();
    let few = data(&folder, "few.jsonl", &thumbs(4, 3));
    let message = refused("auto", &few, &[])["message"].to_string();
    assert!(
        message.contains("7 ratings, at least 8 are needed"),
        "{message}"
    );

    let mut lines = thumbs(8, 8);
    lines.push(thumb(2, true).replace("\"label\":true", "\"label\":false"));
    let against = data(&folder, "against.jsonl", &lines);
    let error = refused("auto", &against, &[]);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("line 17") && message.contains("line 3"),
        "{message}"
    );
    // Left out when asked so, both sides.
    let out = folder.path().join("out.gguf");
    let options = [&QUICK[..], &["--skip-unusable"]].concat();
    let report = json_of(&borrowed(&tune("auto", &against, &out, &options)));
    assert_eq!(report["samples"], 15);
    assert_eq!(report["skipped_lines"], 2);

    let label = thumb(0, true).replace("true", "\"yes\"");
    let mut lines = thumbs(8, 8);
    lines.insert(4, label);
    let label = data(&folder, "label.jsonl", &lines);
    let message = refused("auto", &label, &[])["message"].to_string();
    assert!(
        message.contains("line 5") && message.contains("`label`"),
        "{message}"
    );
}

#[test]
fn a_plan_counts_what_kl_is_measured_on() {
    let folder = TempDir::new().unwrap();
    let mixed = data(&folder, "feedback.jsonl", &thumbs(4, 4));
    let out = folder.path().join("out.gguf");
    let plan = |more: &[&str]| {
        let options = [&["--plan", "--memory-mb", "0"], more].concat();
        let mut arguments = tune("auto", &mixed, &out, &options);
        if more.is_empty() {
            // The built-in prompts.
            let at = arguments.iter().position(|it| it == "--ordinary").unwrap();
            arguments.drain(at..at + 2);
        }
        json_of(&borrowed(&arguments))["planned_bytes"]
            .as_u64()
            .unwrap()
    };
    let (built_in, one) = (plan(&[]), plan(&["--kl-every", "10"]));
    assert!(built_in > one + 1_000_000, "{built_in} {one}");
    assert!(!out.exists());
}

#[test]
fn the_default_budget_is_kept() {
    let folder = TempDir::new().unwrap();
    // Four of them at once take more than the default.
    let long = |number: usize| thumb(number, true).replace("It is good.", &"word ".repeat(180));
    let mut lines: Vec<String> = (0..8).map(long).collect();
    lines.extend(thumbs(0, 8));
    let mixed = data(&folder, "feedback.jsonl", &lines);
    let out = folder.path().join("out.gguf");
    let planned = |more: &[&str]| {
        let options = [&["--plan"], more].concat();
        let report = json_of(&borrowed(&tune("auto", &mixed, &out, &options)));
        report["planned_bytes"].as_u64().unwrap()
    };
    assert!(planned(&["--memory-mb", "0"]) > 250_000_000);
    assert!(planned(&[]) <= 250_000_000);
    let report = json_of(&borrowed(&tune("auto", &mixed, &out, &QUICK)));
    assert!(
        report["planned_bytes"].as_u64().unwrap() <= 250_000_000,
        "{report}"
    );
}
