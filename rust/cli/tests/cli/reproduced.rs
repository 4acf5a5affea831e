//! From an evaluation to a signed statement, and from the statement to the same figures.

use std::fs;

use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};

use crate::adapter::Desk;
use crate::run::{json, stderr};

const ITEMS: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":1}
{"form":"preference","id":"b","kind":"l","licence":"MIT","source":"s","prompt":"hi","chosen":"ab","rejected":"ba"}
"#;

/// A desk whose adapter was evaluated; the content of a statement about it lies in a file.
struct Evaluated {
    desk: Desk,
    suite: String,
    content: Value,
}

impl Evaluated {
    fn new() -> Self {
        let desk = Desk::new();
        let suite = desk.path("mine.jsonl");
        fs::write(&suite, ITEMS).unwrap();
        let (model, adapter) = (desk.path("model.gguf"), desk.path("adapter.gguf"));
        let out = desk.path("evaluation.json");
        let about = [
            "--model",
            &model,
            "--candidate",
            &adapter,
            "--suite",
            &suite,
        ];
        let how = ["--by", "both", "--max-tokens", "6", "--context", "256"];
        let to = [
            "--kv-type",
            "f32",
            "--margin",
            "0.9",
            "--validation-out",
            &out,
        ];
        desk.done(&[&["evaluate"], &about[..], &how, &to].concat());
        let content = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
        Self {
            desk,
            suite,
            content,
        }
    }

    /// Signs this content, about the adapter, by whoever vouches.
    fn attest(&self, content: &Value) -> std::process::Output {
        let (file, key) = (
            self.desk.path("content.json"),
            self.desk.path("validation.pem"),
        );
        fs::write(&file, content.to_string()).unwrap();
        let from = ["--evaluation", &file, "--sign", &key];
        self.desk.adapter(&["attest", "validation"], &from)
    }

    fn attested(&self, content: &Value) {
        let signed = self.attest(content);
        assert!(signed.status.success(), "{}", stderr(&signed));
    }

    /// Measures again, with the exit code.
    fn reproduce(&self, more: &[&str]) -> (Option<i32>, Value) {
        let (model, adapter) = (self.desk.path("model.gguf"), self.desk.path("adapter.gguf"));
        let about = ["--model", &model, "--candidate", &adapter];
        let bundle = self.desk.path("adapter.gguf.intoto.jsonl");
        let again = ["--reproduce", &bundle];
        let output = self
            .desk
            .try_to(&[&["evaluate"], &about[..], &again, more].concat());
        (output.status.code(), json(&output))
    }
}

#[test]
fn what_a_statement_says_is_measured_again() {
    let evaluated = Evaluated::new();
    let content = &evaluated.content;
    assert_eq!(content["result"], "PASSED");
    let passed = json!(["mine:accuracy", "mine:pass_rate"]);
    assert_eq!(content["passedTests"], passed);
    let metrics: Vec<&Value> = { content["measurements"].as_array().unwrap().iter() }
        .map(|it| &it["metric"])
        .collect();
    assert_eq!(
        metrics,
        ["accuracy", "mean_margin", "pass_rate", "mean_score"]
    );
    let accuracy = &content["measurements"][0];
    let [baseline, threshold] = ["baseline", "threshold"].map(|it| accuracy[it].as_f64().unwrap());
    assert_eq!(threshold, baseline - 0.9);
    assert_eq!(content["procedure"]["maxTokens"], 6);
    assert_eq!(content["procedure"]["contextTokens"], 256);
    assert_eq!(content["procedure"]["kvCacheType"], "f32");

    evaluated.attested(content);
    let suite = ["--suite", evaluated.suite.as_str()];
    let (code, again) = evaluated.reproduce(&suite);
    assert_eq!(
        (code, &again["reproduced"]),
        (Some(0), &true.into()),
        "{again}"
    );
    assert_eq!(again["signatures"]["checked"], false);
    assert_eq!(again["signatures"]["key_ids"].as_array().unwrap().len(), 1);
    // The latest counts, and one bit is enough.
    let mut wrong = content.clone();
    let value = wrong["measurements"][1]["value"].as_f64().unwrap();
    wrong["measurements"][1]["value"] = value.next_up().into();
    evaluated.attested(&wrong);
    let (code, again) = evaluated.reproduce(&suite);
    assert_eq!((code, &again["reproduced"]), (Some(1), &false.into()));
    let same: Vec<&Value> = { again["measurements"].as_array().unwrap().iter() }
        .map(|it| &it["same"])
        .collect();
    assert_eq!(same, [true, false, true, true]);
}

#[test]
fn what_is_not_at_hand_is_named() {
    let evaluated = Evaluated::new();
    let suite = ["--suite", evaluated.suite.as_str()];
    let refused = |more: &[&str]| {
        let (code, error) = evaluated.reproduce(more);
        assert_eq!(code, Some(1));
        error["error"]["kind"].clone()
    };
    let bundle = evaluated.desk.path("adapter.gguf.intoto.jsonl");
    fs::write(&bundle, "hello\n").unwrap();
    assert_eq!(refused(&suite), "envelope_invalid");
    fs::write(&bundle, "").unwrap();
    assert_eq!(refused(&suite), "no_validation");
    evaluated.attested(&evaluated.content);
    assert_eq!(refused(&[]), "suite_missing");
    fs::write(&evaluated.suite, ITEMS.replace("hi", "ho")).unwrap();
    assert_eq!(refused(&suite), "suite_differs");
    fs::write(&evaluated.suite, ITEMS).unwrap();
    let policy = evaluated.desk.path("policy.json");
    let under_policy = [&suite[..], &["--policy", &policy]].concat();
    assert_eq!(refused(&under_policy), "no_release");

    let model = evaluated.desk.path("model.gguf");
    let kept = fs::read(&model).unwrap();
    let mut other = TinyModel::llama();
    other.set("general.name", "another");
    fs::write(&model, other.build().unwrap()).unwrap();
    assert_eq!(refused(&suite), "other_model");
    fs::write(&model, kept).unwrap();
    let adapter = TinyModel::llama().adapter(2, 0.5).build().unwrap();
    fs::write(evaluated.desk.path("adapter.gguf"), adapter).unwrap();
    assert_eq!(refused(&suite), "other_adapter");
}

#[test]
fn only_an_evaluation_of_this_adapter_is_signed() {
    let evaluated = Evaluated::new();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut content = evaluated.content.clone();
        change(&mut content);
        let output = evaluated.attest(&content);
        assert_eq!(output.status.code(), Some(1));
        json(&output)["error"]["kind"].clone()
    };
    let zeros = "0".repeat(64);
    let other = |it: &mut Value| it["baseModelSha256"] = zeros.clone().into();
    assert_eq!(refused(&other), "other_model");
    let other = |it: &mut Value| it["procedure"]["adapterSha256"] = zeros.clone().into();
    assert_eq!(refused(&other), "other_adapter");
    let unknown = |it: &mut Value| it["note"] = "trust me".into();
    assert_eq!(refused(&unknown), "evaluation_invalid");
    let without = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("procedure"));
    assert_eq!(refused(&without), "no_procedure");
    let bundle = evaluated.desk.path("adapter.gguf.intoto.jsonl");
    assert!(!fs::exists(bundle).unwrap(), "nothing was signed");
}

#[test]
fn under_a_policy_the_verifier_has_its_word_first() {
    let evaluated = Evaluated::new();
    let release = [
        "--name",
        "brief",
        "--channel",
        "stable",
        "--version",
        "1",
        "--changelog",
        "Shorter.",
    ];
    let key = evaluated.desk.path("release.pem");
    let released = [&release[..], &["--sign", &key]].concat();
    let released = evaluated.desk.adapter(&["attest", "release"], &released);
    assert!(released.status.success(), "{}", stderr(&released));
    evaluated.attested(&evaluated.content);
    let policy = evaluated.desk.path("policy.json");
    let suite = evaluated.suite.as_str();
    let (code, again) = evaluated.reproduce(&["--suite", suite, "--policy", &policy]);
    assert_eq!(
        (code, &again["reproduced"]),
        (Some(0), &true.into()),
        "{again}"
    );
    assert_eq!(again["signatures"]["checked"], true);
}
