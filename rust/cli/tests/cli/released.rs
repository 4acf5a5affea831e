//! Releases of what is no adapter, from the command line.

use std::fs;
use std::process::Output;

use pocketune_adapter::Digest;
use pocketune_gguf::fixtures::TinyModel;
use pocketune_gguf::{GgmlType, GgufBuilder};
use serde_json::{Value, json};

use crate::adapter::Desk;
use crate::run::{json, stderr};

const ITEM: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":1}"#;

/// A command on a file of this kind.
fn on(desk: &Desk, command: &[&str], file: &str, kind: &str, more: &[&str]) -> Output {
    let file = desk.path(file);
    let about = [file.as_str(), "--kind", kind];
    desk.try_to(&[&["adapter"], command, &about, more].concat())
}

fn release(desk: &Desk, file: &str, kind: &str, more: &[&str]) -> Output {
    let key = desk.path("release.pem");
    let text = [
        "--name",
        "it",
        "--channel",
        kind,
        "--version",
        "1",
        "--changelog",
        "New.",
        "--sign",
        &key,
    ];
    on(
        desk,
        &["attest", "release"],
        file,
        kind,
        &[&text[..], more].concat(),
    )
}

fn verdict(desk: &Desk, file: &str, kind: &str, more: &[&str]) -> Value {
    let policy = desk.path("policy.json");
    let output = on(
        desk,
        &["verify"],
        file,
        kind,
        &[&["--policy", &policy], more].concat(),
    );
    let verdict = json(&output);
    assert_eq!(
        output.status.success(),
        verdict["verdict"] == "accepted",
        "{verdict}"
    );
    verdict
}

fn refused(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    json(output)["error"]["kind"].clone()
}

#[test]
fn suites_experiments_and_models_are_released_and_are_nothing_else() {
    let desk = Desk::new();
    let model = desk.path("model.gguf");
    let definition = json!({
        "format": 1, "id": "brief", "hypothesis": "h", "design": "side_by_side", "salt": "s",
        "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
        "metrics": [{ "measure": "pick", "role": "primary" }],
        "limits": { "maxOutcomes": 300, "maxDays": 28 },
    });
    fs::write(desk.path("facts.jsonl"), ITEM).unwrap();
    fs::write(desk.path("brief.json"), definition.to_string()).unwrap();
    let in_use = ["--model", model.as_str()];
    for (file, kind, model) in [
        ("facts.jsonl", "suite", &in_use[..]),
        ("brief.json", "experiment", &in_use),
        ("model.gguf", "base-model", &[]),
    ] {
        assert_eq!(
            verdict(&desk, file, kind, model)["reason"],
            "no_trusted_signature"
        );
        let released = release(&desk, file, kind, &[]);
        assert!(released.status.success(), "{}", stderr(&released));
        let accepted = verdict(&desk, file, kind, model);
        assert_eq!(accepted["verdict"], "accepted", "{accepted}");
        assert!(accepted["release"].get("baseModels").is_none());
        let late = [model, &["--at", "2099-01-01T00:00:00Z"]].concat();
        assert_eq!(
            verdict(&desk, file, kind, &late)["reason"],
            "policy_expired"
        );
    }
    assert_eq!(
        verdict(&desk, "facts.jsonl", "experiment", &in_use)["reason"],
        "other_kind"
    );
    assert_eq!(
        verdict(&desk, "facts.jsonl", "adapter", &in_use)["reason"],
        "other_kind"
    );
    fs::write(desk.path("facts.jsonl"), ITEM.replace("hi", "ho")).unwrap();
    assert_eq!(
        verdict(&desk, "facts.jsonl", "suite", &in_use)["reason"],
        "other_subject"
    );
    // What could not be used is not signed.
    let suite = release(&desk, "brief.json", "suite", &[]);
    assert_eq!(refused(&suite), "suite_invalid");
    let experiment = release(&desk, "facts.jsonl", "experiment", &[]);
    assert_eq!(refused(&experiment), "experiment_invalid");
    let model = release(&desk, "facts.jsonl", "base-model", &[]);
    assert_eq!(refused(&model), "model_invalid");
}

#[test]
fn a_reward_head_is_released_for_its_model() {
    let desk = Desk::new();
    let mut named = TinyModel::llama();
    named.set("general.name", "tiny friend");
    let named = named.build().unwrap();
    fs::write(desk.path("named.gguf"), &named).unwrap();
    fs::write(desk.path("head.gguf"), head(&named)).unwrap();
    let [named, plain] = ["named.gguf", "model.gguf"].map(|file| desk.path(file));
    let other = release(&desk, "head.gguf", "reward-head", &["--model", &plain]);
    assert_eq!(refused(&other), "reward_invalid");
    let released = release(&desk, "head.gguf", "reward-head", &["--model", &named]);
    assert!(released.status.success(), "{}", stderr(&released));
    let accepted = verdict(&desk, "head.gguf", "reward-head", &["--model", &named]);
    assert_eq!(accepted["verdict"], "accepted", "{accepted}");
    assert_eq!(accepted["release"]["baseModels"][0]["name"], "tiny friend");
    let other = verdict(&desk, "head.gguf", "reward-head", &["--model", &plain]);
    assert_eq!(other["reason"], "other_base_model");
}

/// The smallest head of a model.
fn head(model: &[u8]) -> Vec<u8> {
    let mut builder = GgufBuilder::new();
    builder
        .metadata("general.type", "reward_head")
        .metadata("pocketune.reward.format_version", 1_u32)
        .metadata(
            "pocketune.reward.base_sha256",
            Digest::of(model).to_string().as_str(),
        )
        .metadata("pocketune.reward.feature_length", 1_u32)
        .metadata("pocketune.reward.layer", 2_u32)
        .metadata("pocketune.reward.pooling", "last")
        .metadata("pocketune.reward.temperature", 1.0_f64)
        .metadata("pocketune.reward.output_center", 0.0_f64)
        .metadata("pocketune.reward.output_scale", 1.0_f64);
    for name in [
        "reward.weight",
        "reward.feature_mean",
        "reward.feature_scale",
    ] {
        let one = 1.0_f32.to_le_bytes().to_vec();
        builder.tensor(name, GgmlType::F32, &[1], one);
    }
    builder.build().unwrap()
}
