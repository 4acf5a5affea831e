//! Memory of structures that grow with a vocabulary: bounded, and in the estimate before
//! anything is loaded. Measured in child processes, so that other tests do not count.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pocketune_core::{
    ChatOptions, Constraint, DigestCache, Engine, EngineOptions, Error, GenerationOptions,
    ModelSource, PeakMemory, ProcessMemory,
};
use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::{Shape, TinyModel};
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
    let before = ProcessMemory::now().unwrap().anonymous_bytes;
    let memory = PeakMemory::watch();
    let grown = || memory.peak().anonymous_bytes.saturating_sub(before);
    let engine = match load(&path) {
        Ok(engine) => engine,
        Err(error) => {
            println!("refused after {}: {error}", grown());
            return;
        }
    };
    let estimate = engine.memory_estimate();
    println!(
        "estimate {}",
        estimate.required_bytes() - estimate.weight_bytes
    );
    println!("overhead {}", estimate.overhead_bytes);
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

#[test]
fn measured() {
    println!("smollm2\n{}", measure(&smollm2()));
    println!("gemma3\n{}", measure(&gemma3()));
    println!("tiny\n{}", measure(written(&TinyModel::llama()).path()));
    println!(
        "special\n{}",
        measure(written(&with_tokens(5000, 3, |n| scattered(n, 400))).path())
    );
    println!(
        "special user\n{}",
        measure(written(&with_tokens(5000, 4, |n| scattered(n, 400))).path())
    );
    println!(
        "speech\n{}",
        measure(written(&with_tokens(65536, 4, |n| format!("<|speech_{n}|>"))).path())
    );
    println!(
        "speech control\n{}",
        measure(written(&with_tokens(65536, 3, |n| format!("<|speech_{n}|>"))).path())
    );
    println!(
        "long\n{}",
        measure(written(&with_tokens(2000, 1, |n| scattered(n, 4000))).path())
    );
    println!(
        "many\n{}",
        measure(written(&with_tokens(1_000_000, 1, |n| format!("{n:x}xx"))).path())
    );
    println!(
        "decoded\n{}",
        measure(
            written(&with_tokens(30, 1, |n| format!(
                "{n:02}{}",
                "日".repeat(1300)
            )))
            .path()
        )
    );
    let mut merges = TinyModel::llama();
    let rules: Vec<String> = (0..1_000_000).map(|n| format!("{n:x} {n:x}")).collect();
    merges.set("tokenizer.ggml.merges", rules.as_slice());
    println!("merges\n{}", measure(written(&merges).path()));
    let rules: Vec<String> = (0..100_000)
        .map(|n| format!("{} {n:x}", scattered(n, 140)))
        .collect();
    merges.set("tokenizer.ggml.merges", rules.as_slice());
    println!("long merges\n{}", measure(written(&merges).path()));
    let mut other = TinyModel::llama();
    for n in 0..3 {
        other.set(&format!("x{n}"), "y".repeat(15_000_000));
    }
    println!("other\n{}", measure(written(&other).path()));
    let mut other = TinyModel::llama();
    other.set("a", vec![1e308_f64; 32_000].as_slice());
    println!("array\n{}", measure(written(&other).path()));
    println!(
        "refused\n{}",
        measure(written(&with_tokens(14_000, 3, |n| scattered(n, 4000))).path())
    );
    let mut absent = TinyModel::llama();
    for name in [
        "bos",
        "eos",
        "eot",
        "padding",
        "unknown",
        "seperator",
        "mask",
        "fim_pre",
    ] {
        absent.set(&format!("tokenizer.ggml.{name}_token_id"), u32::MAX);
    }
    println!("absent\n{}", measure(written(&absent).path()));
}
