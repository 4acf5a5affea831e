//! Memory of structures that grow with a vocabulary: bounded, and in the estimate before
//! anything is loaded. Measured in child processes, so that other tests do not count.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pocketune_core::{
    ChatOptions, Constraint, DigestCache, Engine, EngineOptions, Error, GenerationOptions,
    ModelSource, PeakMemory, ProcessMemory,
};
use pocketune_gguf::fixtures::{Shape, TinyModel};
use pocketune_gguf::{GgmlType, Gguf, OwnedValue};
use pocketune_tests::{gemma3, smollm2, written};

const MODEL: &str = "POCKETUNE_VOCABULARY_MODEL";

fn options() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(128),
        threads: Some(1),
        ..EngineOptions::default()
    }
}

fn load(path: &Path) -> Result<Engine, Error> {
    let source = ModelSource::Path(path.to_owned());
    let digests = Arc::new(DigestCache::in_memory());
    Engine::load(&source, &options(), digests, |_| true)
}

/// The child: loads a model, chats with and without a form, and says what that took.
#[test]
#[ignore = "the child process of the tests below; run by them"]
fn child() {
    let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) else {
        return;
    };
    // The harness has begun a line.
    println!();
    let before = ProcessMemory::now().unwrap().anonymous_bytes;
    let memory = PeakMemory::watch();
    let grown = || memory.peak().anonymous_bytes.saturating_sub(before);
    let engine = match load(&path) {
        Ok(engine) => engine,
        Err(error) => {
            println!("refused {}: {error}", grown());
            return;
        }
    };
    let estimate = engine.memory_estimate();
    println!(
        "estimate {}",
        estimate.required_bytes() - estimate.weight_bytes
    );
    println!("schema {}", estimate.schema_bytes);
    println!("loaded {}", grown());
    let short = GenerationOptions {
        max_tokens: 2,
        ..GenerationOptions::greedy()
    };
    let stream = engine.complete("Hello", &short).unwrap();
    stream.finish().unwrap();
    if let Ok(chat) = engine.chat(ChatOptions::default()) {
        chat.send("Hello", &short).unwrap().finish().unwrap();
    }
    println!("chatted {}", grown());
    let form = GenerationOptions {
        constraint: Some(Constraint::JsonSchema(r#"{"type":"integer"}"#.to_owned())),
        ..short
    };
    let stream = engine.complete("Hello", &form);
    let _ = stream.map(|stream| stream.finish());
    println!("formed {}", grown());
}

fn measure(path: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "vocabulary::child",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(MODEL, path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A model with `count` more tokens of a type; their texts are made by number.
fn with_tokens(count: u32, token_type: i32, text: impl Fn(u32) -> String) -> TinyModel {
    let mut model = TinyModel::llama_of(&Shape {
        vocabulary: 263 + count,
        ..Shape::default()
    });
    model.quantize(GgmlType::Q4_0);
    let mut tokens: Vec<String> = vec![
        "<|endoftext|>".into(),
        "<|im_start|>".into(),
        "<|im_end|>".into(),
    ];
    tokens.extend(
        (0..=u8::MAX).map(|byte| pocketune_gguf::fixtures::byte_character(byte).to_string()),
    );
    tokens.extend(["th", "the", "Ġt", "Ġthe"].map(str::to_owned));
    tokens.extend((0..count).map(text));
    let mut types = vec![1; tokens.len()];
    types[..3].fill(3);
    types[263..].fill(token_type);
    model
        .set("tokenizer.ggml.tokens", tokens.as_slice())
        .set("tokenizer.ggml.token_type", types.as_slice());
    model
}

fn scattered(number: u32, bytes: usize) -> String {
    let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'a' + (state >> 40) as u8 % 26)
        })
        .collect::<String>()
        + &number.to_string()
}

/// What the child said, by name; `refused` where the model was.
fn measured(model: &Path) -> HashMap<String, u64> {
    let said = measure(model);
    let pairs = said.lines().filter_map(|line| line.split_once(' '));
    pairs
        .filter_map(|(name, value)| {
            let value = value.split_once(':').map_or(value, |(value, _)| value);
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Whether the estimate is at least what was measured, and not far more. Small structures
/// vanish beside the allowance for the process.
fn is_covered(name: &str, model: &Path) {
    let figures = measured(model);
    println!("{name}: {figures:?}");
    let estimate = figures["estimate"];
    assert!(figures["chatted"] <= estimate, "{name}: {figures:?}");
    assert!(
        estimate <= 3 * figures["chatted"] + SLACK_BYTES,
        "{name}: {figures:?}"
    );
    let with_schema = estimate + figures["schema"];
    assert!(figures["formed"] <= with_schema, "{name}: {figures:?}");
    assert!(
        with_schema <= 3 * figures["formed"] + SLACK_BYTES,
        "{name}: {figures:?}"
    );
}

const SLACK_BYTES: u64 = 16 << 20;

#[test]
fn measured_growth_of_real_models_is_in_the_estimate() {
    is_covered("SmolLM2", &smollm2());
    is_covered("Gemma 3", &gemma3());
}

#[test]
fn measured_growth_of_large_vocabularies_is_in_the_estimate() {
    let cases = [
        ("tiny", TinyModel::llama()),
        // As much as the audit accepts, nothing shared.
        ("special", with_tokens(5_000, 4, |n| scattered(n, 400))),
        (
            "speech",
            with_tokens(65_536, 3, |n| format!("<|speech_{n}|>")),
        ),
        ("long", with_tokens(9_000, 1, |n| scattered(n, 400))),
        ("many", with_tokens(300_000, 1, |n| format!("{n:x}xx"))),
    ];
    for (name, model) in cases {
        is_covered(name, written(&model).path());
    }
}

#[test]
fn measured_growth_of_merges_and_metadata_is_in_the_estimate() {
    let with = |key: &str, value: OwnedValue| {
        let mut model = TinyModel::llama();
        model.set(key, value);
        model
    };
    let short: Vec<String> = (0..500_000).map(|n| format!("{n:x} {n:x}")).collect();
    let long: Vec<String> = (0..100_000)
        .map(|n| format!("{} {n:x}", scattered(n, 140)))
        .collect();
    let key = "tokenizer.ggml.merges";
    for (name, model) in [
        ("merges", with(key, short.as_slice().into())),
        ("long merges", with(key, long.as_slice().into())),
        ("text", with("x", "y".repeat(15_000_000).as_str().into())),
        ("array", with("x", vec![1e308_f64; 8_000].as_slice().into())),
    ] {
        is_covered(name, written(&model).path());
    }
}

/// 60 MB of control tokens took 2.7 GB: now they are refused, for what reading them takes.
#[test]
fn measured_cost_of_a_refusal_is_a_multiple_of_the_tables() {
    let hostile = with_tokens(14_000, 3, |n| scattered(n, 4_000));
    let crowded = with_tokens(600_000, 3, |n| format!("{n:x}"));
    for (name, model) in [("long", hostile), ("crowded", crowded)] {
        let file = written(&model);
        let header = {
            let bytes = std::fs::read(file.path()).unwrap();
            Gguf::parse(&bytes, bytes.len() as u64)
                .unwrap()
                .data_offset()
        };
        let figures = measured(file.path());
        let refused = figures["refused"];
        assert!(refused <= 16 * header + SLACK_BYTES, "{name}: {refused}");
    }
}
