//! `tune` on the default model: a few steps, and data that cannot be learned from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::run::{assert_model, json, json_of, pocketune, run};

pub(crate) fn file(folder: &TempDir, name: &str, lines: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

const PAIRS: [&str; 3] = [
    r#"{"prompt": [{"role": "user", "content": "Is ice cold?"}], "chosen": [{"role": "assistant", "content": "Yes."}], "rejected": [{"role": "assistant", "content": "Ice is a solid form of water that has many properties."}]}"#,
    "",
    r#"{"prompt": "Snow is", "chosen": " white.", "rejected": " a thing that one might call white."}"#,
];

/// One ordinary prompt, so that no run has to answer the built-in ones.
const ORDINARY: &str = r#"{"prompt": [{"role": "user", "content": "Where is Rome?"}], "completion": [{"role": "assistant", "content": "Rome is in Italy."}]}"#;

/// One request, for the same reason.
const ANCHOR: &str = r#"{"prompt": [{"role": "user", "content": "Name two colors."}], "completion": [{"role": "assistant", "content": "Red and blue."}]}"#;

pub(crate) fn tune(objective: &str, data: &Path, out: &Path, more: &[&str]) -> Vec<String> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let beside = |name, line| {
        let file = data.with_file_name(name);
        fs::write(&file, line).unwrap();
        path(&file)
    };
    let mut arguments: Vec<String> = ["tune", "--objective", objective, "--data"]
        .map(str::to_owned)
        .into();
    arguments.extend([path(data), "--out".to_owned(), path(out)]);
    arguments.extend(["--ordinary".to_owned(), beside("ordinary.jsonl", ORDINARY)]);
    if objective != "sft" {
        arguments.extend(["--anchors".to_owned(), beside("anchors.jsonl", ANCHOR)]);
    }
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    arguments
}

pub(crate) fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_few_pairs_make_an_adapter_that_prefers_them() {
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let out = folder.path().join("adapter.gguf");
    let heldout = data.to_str().unwrap();
    let options = [
        "--steps",
        "6",
        "--batch",
        "2",
        "--warm-up",
        "1",
        "--heldout",
        heldout,
    ];
    let report = json_of(&borrowed(&tune("dpo", &data, &out, &options)));
    let number = |key: &str| {
        report[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key} in {report}"))
    };
    assert_eq!((number("samples"), number("steps")), (2.0, 6.0));
    assert!(number("kl_per_token") > 0.0 && number("kl_per_token") <= 0.18);
    assert_eq!(
        (number("margin_before"), number("accuracy_before")),
        (0.0, 0.5)
    );
    assert!(
        number("margin_after") > 0.0 && number("accuracy_after") == 1.0,
        "{report}"
    );
    assert!(number("loss_last") < number("loss_first"), "{report}");
    assert!(number("tokens_per_s") > 0.0 && number("peak_anon_bytes") > 1e6);
    assert_eq!(
        number("adapter_bytes"),
        fs::metadata(&out).unwrap().len() as f64
    );

    // Again from there, over the same adapter as frozen ground.
    let first = out.to_str().unwrap().to_owned();
    let second = folder.path().join("second.gguf");
    let options = [
        "--steps",
        "1",
        "--init-adapter",
        &first,
        "--over-adapter",
        &first,
    ];
    json_of(&borrowed(&tune("dpo", &data, &second, &options)));
    assert!(second.exists());
}

#[test]
fn texts_are_learned_and_the_same_seed_gives_the_same_file() {
    let folder = TempDir::new().unwrap();
    let data = file(
        &folder,
        "texts.jsonl",
        &[
            r#"{"text": "The mill stands by the river."}"#,
            r#"{"prompt": "Two and two are", "completion": " four."}"#,
        ],
    );
    let bytes = ["one.gguf", "two.gguf"].map(|name| {
        let out = folder.path().join(name);
        let options = [
            "--steps",
            "2",
            "--batch",
            "1",
            "--precision",
            "f16",
            "--targets",
            "q,v",
        ];
        json_of(&borrowed(&tune("sft", &data, &out, &options)));
        fs::read(out).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn data_that_cannot_be_learned_from_is_refused_with_file_and_line() {
    assert_model();
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("adapter.gguf");
    let long = format!(
        r#"{{"prompt": "a", "chosen": "b", "rejected": "{}"}}"#,
        "word ".repeat(400)
    );
    let same = r#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#;
    let role = r#"{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "user", "content": "b"}], "rejected": "c"}"#;
    let cases: [(&[&str], &str); 7] = [
        (
            &[PAIRS[0], "{\"prompt\": "],
            "pairs.jsonl, line 2: it is not complete",
        ),
        (
            &[PAIRS[0], "", "[1]"],
            "pairs.jsonl, line 3: it must be an object, found a list",
        ),
        (
            &[r#"{"prompt": "a", "chosen": "b"}"#],
            "line 1: `rejected` is missing",
        ),
        (&[same], "line 1: `chosen` and `rejected` are the same"),
        (&[role], "line 1: a reply is one message of the assistant"),
        (&[&long], "--sequence-tokens allows 256"),
        (&["", ""], "holds no sample"),
    ];
    for (lines, expected) in cases {
        let data = file(&folder, "pairs.jsonl", lines);
        let arguments = [tune("dpo", &data, &out, &[]), vec!["--json".to_owned()]].concat();
        let output = run(&borrowed(&arguments));
        assert_eq!(output.status.code(), Some(1), "{expected}");
        let error = &json(&output)["error"];
        assert_eq!(error["kind"], "data_invalid", "{error}");
        assert!(
            error["message"].as_str().unwrap().contains(expected),
            "{error}"
        );
        assert!(
            !error["message"].as_str().unwrap().contains("word word"),
            "{error}"
        );
        assert!(!out.exists());
    }
}

#[test]
fn what_training_cannot_use_is_refused_before_it_starts() {
    assert_model();
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let out = folder.path().join("adapter.gguf");
    let data_path = data.to_str().unwrap();
    let nowhere = folder.path().join("no/such/folder.gguf");
    let refused = |out: &Path, options: &[&str]| {
        let arguments = [tune("dpo", &data, out, options), vec!["--json".to_owned()]].concat();
        let output = run(&borrowed(&arguments));
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        json(&output)["error"]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(&out, &["--memory-mb", "5"]), "memory_budget");
    assert_eq!(
        refused(&out, &["--init-adapter", data_path]),
        "adapter_invalid"
    );
    assert_eq!(refused(&out, &["--beta", "0"]), "invalid_option");
    assert_eq!(refused(&nowhere, &["--steps", "1"]), "not_written");
    for unknown_or_ignored in [["--targets", "q,knee"], ["--anchor-weight", "0"]] {
        let output = run(&borrowed(&tune("dpo", &data, &out, &unknown_or_ignored)));
        assert_eq!(output.status.code(), Some(2), "{unknown_or_ignored:?}");
    }
    assert!(!out.exists());
}

#[test]
fn the_bound_on_kl_is_kept() {
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let out = folder.path().join("adapter.gguf");
    let options = [
        "--steps",
        "6",
        "--learning-rate",
        "1e-3",
        "--max-kl",
        "0.01",
        "--kl-every",
        "1",
    ];
    let report = json_of(&borrowed(&tune("dpo", &data, &out, &options)));
    assert_eq!(report["stopped_by_kl"], true, "{report}");
    assert!(report["steps"].as_u64().unwrap() < 6, "{report}");
    let kl = report["kl_per_token"].as_f64().unwrap();
    assert!(kl > 0.0 && kl <= 0.01, "{report}");
}

#[test]
fn a_plan_says_memory_and_time_and_does_nothing() {
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let out = folder.path().join("adapter.gguf");
    let plan = json_of(&borrowed(&tune("dpo", &data, &out, &["--plan"])));
    assert!(
        plan["planned_bytes"].as_u64().unwrap() > 40_000_000,
        "{plan}"
    );
    assert!(plan["estimated_s"].as_f64().unwrap() > 1.0, "{plan}");
    assert!(!out.exists());
}

/// Options of runs that can be stopped: five steps of one pair each.
const STOPPABLE: [&str; 6] = ["--steps", "5", "--batch", "1", "--dropout", "0.1"];

/// Starts a run, waits for its first checkpoint and kills it as the system would.
fn kill_after_a_step(arguments: &[String], checkpoint: &Path) {
    let mut child = pocketune(&borrowed(arguments)).spawn().unwrap();
    while !checkpoint.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended first");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    assert_model();
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let run_folder = folder.path().join("run");
    let checkpoint = run_folder.join("checkpoint.gguf");
    let [whole, resumed] = ["whole.gguf", "resumed.gguf"].map(|name| folder.path().join(name));
    json_of(&borrowed(&tune("dpo", &data, &whole, &STOPPABLE)));
    let run_folder_name = run_folder.to_str().unwrap();
    let options = [
        &STOPPABLE[..],
        &["--checkpoint", run_folder_name, "--checkpoint-every", "0"],
    ]
    .concat();
    let arguments = tune("dpo", &data, &resumed, &options);
    kill_after_a_step(&arguments, &checkpoint);
    assert!(!resumed.exists());

    // Another seed makes another run, which does not go on with this one.
    let other = [&options[..], &["--seed", "2", "--json"]].concat();
    let output = run(&borrowed(&tune("dpo", &data, &resumed, &other)));
    assert_eq!(json(&output)["error"]["kind"], "checkpoint_of_another_run");
    assert!(checkpoint.exists());

    json_of(&borrowed(&arguments));
    assert_eq!(fs::read(&whole).unwrap(), fs::read(&resumed).unwrap());
    assert!(!checkpoint.exists(), "a run that ended needs none");
}

#[test]
fn a_full_disk_keeps_the_last_checkpoint() {
    assert_model();
    let folder = TempDir::new().unwrap();
    let data = file(&folder, "pairs.jsonl", &PAIRS);
    let run_folder = folder.path().join("run");
    let checkpoint = run_folder.join("checkpoint.gguf");
    let out = folder.path().join("adapter.gguf");
    let run_folder_name = run_folder.to_str().unwrap();
    let options = [
        &STOPPABLE[..],
        &["--checkpoint", run_folder_name, "--checkpoint-every", "0"],
    ]
    .concat();
    let arguments = tune("dpo", &data, &out, &options);
    kill_after_a_step(&arguments, &checkpoint);
    let saved = fs::read(&checkpoint).unwrap();

    // A limit on the size of files stands in for the disk: what exceeds it fails.
    let limited = "trap '' XFSZ; ulimit -f 2000; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, "sh", env!("CARGO_BIN_EXE_pocketune")])
        .args(&arguments)
        .arg("--json")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"]["kind"], "checkpoint_not_written");
    assert_eq!(fs::read(&checkpoint).unwrap(), saved);
    assert!(!run_folder.join("checkpoint.gguf.new").exists());
    json_of(&borrowed(&arguments));
    assert!(out.exists());
}
