//! Each command once on the default model.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::run::{assert_model, json, json_of, run, run_with_input, stderr, stdout};

/// Of the file that scripts/fetch-model.sh fetches.
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const CAPITAL: &str = "What is the capital of Japan?";

#[test]
fn turns_of_a_chat_know_and_reuse_what_was_said() {
    let chat = json_of(&[
        "chat",
        "--prompt",
        CAPITAL,
        "--prompt",
        "And of Germany?",
        "--greedy",
        "--max-tokens",
        "24",
        "--context",
        "512",
    ]);
    let replies = chat["replies"].as_array().expect("replies");
    assert_eq!(replies.len(), 2);
    assert!(
        replies[0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("Tokyo")),
        "{chat}"
    );
    assert_eq!(replies[0]["reused_tokens"], 0);
    let said = number(&replies[0]["prompt_tokens"]) + number(&replies[0]["generated_tokens"]);
    assert!(number(&replies[1]["reused_tokens"]) >= said - 1.0, "{chat}");
}

#[test]
fn piped_input_is_one_prompt_and_the_reply_is_all_that_is_printed() {
    assert_model();
    let arguments = [
        "chat",
        "--raw",
        "--greedy",
        "--max-tokens",
        "4",
        "--context",
        "128",
    ];
    let output = run_with_input(&arguments, "The capital of France is\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("Paris") && text.ends_with('\n'), "{text:?}");
    assert_eq!(
        stderr(&output),
        "",
        "nobody looks: no summary, no progress bar"
    );
}

#[test]
fn a_json_schema_holds() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let schema = dir.join("schema.json");
    let wanted = r#"{"type":"object","properties":{"city":{"enum":["Tokyo","Rome"]}},
        "required":["city"],"additionalProperties":false}"#;
    fs::write(&schema, wanted).expect("the directory for tests is writable");
    let schema = schema.to_str().expect("UTF-8 path");
    let chat = json_of(&[
        "chat",
        "--prompt",
        CAPITAL,
        "--greedy",
        "--json-schema",
        schema,
    ]);
    let text = chat["replies"][0]["text"].as_str().expect("text");
    let reply: Value = serde_json::from_str(text).expect("the reply is JSON");
    assert!(
        reply["city"] == "Tokyo" || reply["city"] == "Rome",
        "{reply}"
    );
}

#[test]
fn a_saved_chat_goes_on_where_it_was() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("talk.ptchat");
    let file = file.to_str().expect("UTF-8 path");
    let brief = ["--greedy", "--max-tokens", "8", "--context", "512"];
    let first = json_of(&[&["chat", "--prompt", CAPITAL, "--save", file], &brief[..]].concat());
    let second = json_of(
        &[
            &["chat", "--prompt", "Thanks.", "--restore", file],
            &brief[..],
        ]
        .concat(),
    );
    let said = number(&first["replies"][0]["prompt_tokens"]);
    assert!(
        number(&second["replies"][0]["reused_tokens"]) >= said,
        "{second}"
    );
}

#[test]
fn a_context_beyond_the_training_is_refused() {
    assert_model();
    let output = run(&["fit", "--context", "1000000", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = json(&output);
    assert_eq!(error["error"]["kind"], "invalid_option");
    assert!(stderr(&output).contains("--context"), "{}", stderr(&output));
}

#[test]
fn an_estimate_is_the_sum_of_its_parts() {
    let fit = json_of(&["fit", "--context", "512"]);
    let parts = fit["parts"].as_object().expect("parts");
    let sum: f64 = parts.values().map(number).sum();
    assert_eq!(sum, number(&fit["required_bytes"]));
    assert_eq!(fit["fits"], true);
    assert!(fit.get("ratio").is_none(), "nothing was measured");
}

#[test]
fn a_model_is_described_with_its_digest_and_tensors() {
    let model = json_of(&["inspect", "--tensors"]);
    assert_eq!(model["sha256"], SHA256);
    assert_eq!(model["architecture"], "llama");
    let tensors = model["tensors"].as_array().expect("tensors");
    let sum: f64 = tensors.iter().map(|tensor| number(&tensor["bytes"])).sum();
    assert_eq!(sum, number(&model["tensor_bytes"]));
}

#[test]
fn the_likelier_reply_scores_higher() {
    let score = |reply: &str| {
        let prompt = "The capital of France is";
        let score = json_of(&["score", "--raw", "--prompt", prompt, "--reply", reply]);
        let tokens = score["tokens"].as_array().expect("tokens");
        let sum: f64 = tokens
            .iter()
            .map(|token| number(&token["log_probability"]))
            .sum();
        let whole = number(&score["log_probability"]);
        assert!((whole - sum).abs() < 1e-6, "{score}");
        assert!((number(&score["perplexity"]).ln() + whole / tokens.len() as f64).abs() < 1e-6);
        whole
    };
    assert!(score(" Paris") > score(" London") + 1.0);
}

#[test]
fn a_normalized_embedding_has_length_one() {
    let embedding = json_of(&["embed", "A cat sat on the mat.", "--normalize"]);
    let values = embedding["values"].as_array().expect("values");
    assert_eq!(embedding["dimensions"], values.len());
    let length: f64 = values.iter().map(|value| number(value).powi(2)).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
}

#[test]
fn control_tokens_are_read_only_when_asked_for() {
    let count = |extra: &[&str]| {
        let tokens = json_of(&[&["tokenize", "<|im_start|>"], extra].concat());
        let texts = tokens["tokens"].as_array().expect("tokens").iter();
        let text: String = texts.filter_map(|token| token["text"].as_str()).collect();
        assert_eq!(text, "<|im_start|>");
        number(&tokens["count"])
    };
    assert_eq!(count(&["--control-tokens"]), 1.0);
    assert!(count(&[]) > 1.0);
}

#[test]
fn a_benchmark_reports_both_sides() {
    let bench = json_of(&[
        "bench",
        "--prompt-tokens",
        "32",
        "--decode-tokens",
        "8",
        "--repetitions",
        "1",
        "--neighbours",
        "1",
    ]);
    let figures = [
        "load_ms",
        "time_to_first_token_ms",
        "prefill_tokens_per_s",
        "decode_tokens_per_s",
        "raw_prefill_tokens_per_s",
        "raw_decode_tokens_per_s",
        "prefill_ratio",
        "decode_ratio",
        "peak_rss_bytes",
        "peak_anon_bytes",
        "model_bytes",
        "threads",
        "busy_decode_tokens_per_s",
        "busy_ratio",
        "raw_busy_ratio",
    ];
    for figure in figures {
        assert!(number(&bench[figure]) > 0.0, "{figure} in {bench}");
    }
    assert_eq!(bench["prompt_tokens"], 32);
    assert_eq!(
        bench["equal_replies"], 1,
        "both sides compute the same: {bench}"
    );
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}
