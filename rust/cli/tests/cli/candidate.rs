//! `--candidate`: an adapter tried out on a tiny model, and adapters that are refused.

use std::fs;
use std::path::PathBuf;

use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::TinyModel;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, stderr, stdout};

/// A folder with a tiny model in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(
            folder.path().join("model.gguf"),
            TinyModel::llama().build().unwrap(),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// Writes an adapter for the model, spoiled.
    fn adapter(&self, spoil: impl FnOnce(&mut TinyModel)) -> String {
        let mut adapter = TinyModel::llama().adapter(4, 16.0);
        spoil(&mut adapter);
        let path = self.path("adapter.gguf");
        fs::write(&path, adapter.build().unwrap()).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let model = self.path("model.gguf");
        run(&[arguments, &["--model", &model, "--json"]].concat())
    }

    fn json_of(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        json(&output)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn a_candidate_changes_scores_and_replies() {
    let bench = Bench::new();
    let adapter = bench.adapter(|_| ());
    let candidate = ["--candidate", adapter.as_str()];
    let score = ["score", "--prompt", "Is ice cold?", "--reply", "Yes."];
    let base = number(&bench.json_of(&score)["log_probability"]);
    let moved = number(&bench.json_of(&[&score, &candidate[..]].concat())["log_probability"]);
    assert!((base - moved).abs() > 0.01, "{base} {moved}");

    let chat = [
        "chat",
        "--prompt",
        "Hello!",
        "--prompt",
        "And then?",
        "--max-tokens",
        "12",
        "--seed",
        "7",
        "--temperature",
        "1",
        "--top-k",
        "0",
        "--min-p",
        "0",
        "--top-p",
        "1",
    ];
    let base = bench.json_of(&chat);
    let moved = bench.json_of(&[&chat[..], &candidate].concat());
    assert_ne!(base["replies"][0]["text"], moved["replies"][0]["text"]);
    assert!(
        number(&moved["replies"][1]["reused_tokens"]) > 20.0,
        "{moved}"
    );

    let raw = ["chat", "--raw", "--prompt", "Hello!", "--max-tokens", "4"];
    bench.json_of(&[&raw[..], &candidate].concat());
}

#[test]
fn both_sides_of_a_benchmark_compute_under_the_candidate() {
    let bench = Bench::new();
    let adapter = bench.adapter(|_| ());
    let bytes = fs::metadata(&adapter).unwrap().len() as f64;
    let arguments = [
        "bench",
        "--prompt-tokens",
        "64",
        "--decode-tokens",
        "8",
        "--repetitions",
        "1",
        "--threads",
        "1",
    ];
    let with = bench.json_of(&[&arguments[..], &["--candidate", &adapter]].concat());
    assert_eq!(number(&with["adapter_bytes"]), bytes);
    assert_eq!(with["equal_replies"], 1, "{with}");
    let without = bench.json_of(&arguments);
    assert!(without.get("adapter_bytes").is_none());
}

#[test]
fn forged_and_misshapen_adapters_are_refused_by_name() {
    let bench = Bench::new();
    type Spoil = fn(&mut TinyModel);
    const A: &str = "blk.0.attn_q.weight.lora_a";
    let cases: [(Spoil, &str); 7] = [
        (
            |adapter| {
                adapter.set("adapter.alora.invocation_tokens", [1_u32].as_slice());
            },
            "adapter.alora.invocation_tokens asks for more than a LoRA",
        ),
        (
            |adapter| adapter.tensor_mut(A).unwrap().dims = vec![64, 4, 2],
            "has dimensions [64, 4, 2, 1]",
        ),
        (
            |adapter| adapter.tensor_mut(A).unwrap().dims = vec![64, 3],
            "ranks 3 and 4",
        ),
        (
            |adapter| adapter.tensors.retain(|tensor| tensor.name != A),
            "blk.0.attn_q.weight.lora_a is missing",
        ),
        (
            |adapter| adapter.tensor_mut(A).unwrap().tensor_type = GgmlType::Q8_0,
            "has type q8_0",
        ),
        (
            |adapter| {
                adapter.set("adapter.lora.alpha", f32::NAN);
            },
            "alpha is NaN",
        ),
        (
            |adapter| {
                adapter.set("general.architecture", "gemma3");
            },
            "the model's is llama",
        ),
    ];
    for (spoil, message) in cases {
        let adapter = bench.adapter(spoil);
        assert_refused(&bench, &adapter, "adapter_invalid", message);
    }
}

#[test]
fn what_is_no_adapter_at_all_is_refused() {
    let bench = Bench::new();
    let model = bench.path("model.gguf");
    assert_refused(&bench, &model, "adapter_invalid", "the file is no adapter");
    let text = bench.path("text.gguf");
    fs::write(&text, "no GGUF").unwrap();
    assert_refused(&bench, &text, "adapter_invalid", "not a GGUF file");
    let cut = bench.adapter(|_| ());
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1000]).unwrap();
    assert_refused(&bench, &cut, "adapter_invalid", "adapter is refused");
    let nowhere = bench.path("nowhere.gguf");
    assert_refused(
        &bench,
        &nowhere,
        "file_unreadable",
        "the adapter cannot be read",
    );
}

fn assert_refused(bench: &Bench, adapter: &str, kind: &str, message: &str) {
    for command in [
        &["chat", "--prompt", "Hello!"][..],
        &["score", "--prompt", "Hello!", "--reply", "Hi!"],
        &["bench", "--prompt-tokens", "64", "--decode-tokens", "4"],
    ] {
        let output = bench.run(&[command, &["--candidate", adapter]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        let error = json(&output);
        assert_eq!(error["error"]["kind"], kind, "{error}");
        let said = stderr(&output);
        assert!(said.contains(message), "{said}");
    }
}
