//! Random damage to the header of a model or of an adapter, or to a saved chat: whatever
//! passes our checks must not kill the process that loads it. Runs in child processes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pocketune_core::{
    CancelToken, CandidateAdapter, Chat, ChatOptions, Digest, DigestCache, Engine, EngineOptions,
    GenerationOptions, ModelSource, SavedChat, TemplateChoice,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{gemma3, smollm2, written};

const MODEL: &str = "POCKETUNE_MUTATION_MODEL";
const SEEDS: &str = "POCKETUNE_MUTATION_SEEDS";

/// xorshift64*: small, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}

/// Where metadata and tensor table end.
fn header_bytes(bytes: &[u8]) -> u64 {
    Gguf::parse(bytes, bytes.len() as u64)
        .unwrap()
        .data_offset()
}

/// One to eight bytes changed, most near the start, where the keys are.
fn mutations(seed: u64, header: u64) -> Vec<(u64, u8)> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..=random.below(8))
        .map(|_| {
            let range = if random.below(4) < 3 {
                header.min(4096)
            } else {
                header
            };
            let interesting = [0x00, 0x01, 0x7F, 0x80, 0xFF];
            let value = match random.below(2) {
                0 => interesting[usize::try_from(random.below(5)).unwrap()],
                _ => u8::try_from(random.below(256)).unwrap(),
            };
            (random.below(range), value)
        })
        .collect()
}

/// The child: loads each mutation and, if it loads, generates a few tokens.
#[test]
#[ignore = "the child process of the mutation tests; run by them"]
fn child() {
    let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) else {
        return;
    };
    let seeds = std::env::var(SEEDS).unwrap();
    let (from, to) = seeds.split_once("..").unwrap();
    let original = fs::read(&path).unwrap();
    let header = header_bytes(&original);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let source = ModelSource::Path(path);
    let mut loaded = 0;
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        println!("seed {seed}");
        let changes = mutations(seed, header);
        for &(at, value) in &changes {
            file.write_all_at(&[value], at).unwrap();
        }
        if let Ok(engine) = load(&source) {
            loaded += 1;
            let _ = engine
                .complete("Hello", &two_tokens())
                .map(|stream| stream.finish());
        }
        for &(at, _) in &changes {
            let at_index = usize::try_from(at).unwrap();
            file.write_all_at(&original[at_index..=at_index], at)
                .unwrap();
        }
    }
    println!("loaded {loaded}");
}

fn load(source: &ModelSource) -> Result<Engine, pocketune_core::Error> {
    let options = EngineOptions {
        context_tokens: Some(64),
        threads: Some(1),
        ..EngineOptions::default()
    };
    let digests = Arc::new(DigestCache::in_memory());
    Engine::load(source, &options, digests, |_| true)
}

fn two_tokens() -> GenerationOptions {
    GenerationOptions {
        max_tokens: 2,
        ..GenerationOptions::greedy()
    }
}

/// The child for adapters: evaluates each mutation that is a candidate.
#[test]
#[ignore = "the child process of the mutation tests; run by them"]
fn child_adapter() {
    let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) else {
        return;
    };
    let seeds = std::env::var(SEEDS).unwrap();
    let (from, to) = seeds.split_once("..").unwrap();
    let engine = load(&ModelSource::Path(path)).unwrap();
    let original = TinyModel::llama().adapter(4, 8.0).build().unwrap();
    let header = header_bytes(&original);
    let mut loaded = 0;
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        println!("seed {seed}");
        let mut mutated = original.clone();
        for (at, value) in mutations(seed, header) {
            mutated[usize::try_from(at).unwrap()] = value;
        }
        let Ok(candidate) = CandidateAdapter::parse(mutated, engine.base_model()) else {
            continue;
        };
        // llama.cpp takes whatever the checks let pass.
        let session = engine.evaluate(candidate).unwrap();
        let stream = session.complete("Hello", &two_tokens()).unwrap();
        stream.finish().unwrap();
        loaded += 1;
    }
    println!("loaded {loaded}");
}

fn chat(engine: &Engine) -> Chat {
    let template = TemplateChoice::ChatMl;
    let options = ChatOptions {
        template,
        ..ChatOptions::default()
    };
    engine.chat(options).unwrap()
}

/// The child for saved chats: goes on with each mutation that is restored, and then asks
/// in another chat, which must not notice.
#[test]
#[ignore = "the child process of the mutation tests; run by them"]
fn child_saved() {
    let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) else {
        return;
    };
    let seeds = std::env::var(SEEDS).unwrap();
    let (from, to) = seeds.split_once("..").unwrap();
    let engine = load(&ModelSource::Path(path)).unwrap();
    let ask = |chat: &Chat| chat.send("the", &two_tokens()).unwrap().finish();
    let expected = ask(&chat(&engine)).unwrap().text;
    let talk = chat(&engine);
    ask(&talk).unwrap();
    let original = talk.save(&CancelToken::new()).unwrap().to_bytes().unwrap();
    let body = &original[..original.len() - 32];
    // Half of the damage is to keys and values, near whose start the positions are.
    let header = u64::from_le_bytes(body[8..16].try_into().unwrap()) + 16;
    let kv = body.len() as u64 - header;
    let mut loaded = 0;
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        println!("seed {seed}");
        let (start, bytes) = if seed % 2 == 0 {
            (0, header)
        } else {
            (header, kv)
        };
        let mut mutated = body.to_vec();
        for (at, value) in mutations(seed, bytes) {
            mutated[usize::try_from(start + at).unwrap()] = value;
        }
        let digest = Digest::of(&mutated);
        mutated.extend(digest.as_bytes());
        let Ok(saved) = SavedChat::from_bytes(&mutated) else {
            continue;
        };
        let restored = chat(&engine);
        if restored.restore(saved, &CancelToken::new()).is_ok() {
            loaded += 1;
            let _ = ask(&restored);
        }
        assert_eq!(ask(&chat(&engine)).unwrap().text, expected, "seed {seed}");
    }
    println!("loaded {loaded}");
}

/// Runs seeds in child processes; returns how many mutations still loaded.
fn survive(model: &Path, seeds: std::ops::Range<u64>) -> u64 {
    survive_in("mutation::child", model, seeds)
}

fn survive_in(child: &str, model: &Path, seeds: std::ops::Range<u64>) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("mutated.gguf");
    fs::copy(model, &copy).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            child,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(MODEL, &copy)
        .env(SEEDS, format!("{}..{}", seeds.start, seeds.end))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said
        .lines()
        .rev()
        .find(|line| line.starts_with("seed"))
        .unwrap_or("no seed");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.signal().is_none() && output.status.success(),
        "{last} ended with {:?}: {}",
        output.status,
        complained
            .lines()
            .rev()
            .take(5)
            .collect::<Vec<_>>()
            .join(" | ")
    );
    let loaded = said
        .lines()
        .find_map(|line| line.strip_prefix("loaded "))
        .unwrap();
    loaded.parse().unwrap()
}

#[test]
fn mutated_tiny_models_never_kill_the_process() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = written(&model);
        let loaded = survive(file.path(), 0..150);
        assert!(
            loaded > 0,
            "some damage is harmless, or the test would show nothing"
        );
    }
}

#[test]
fn mutated_adapters_never_kill_the_process() {
    let file = written(&TinyModel::llama());
    let loaded = survive_in("mutation::child_adapter", file.path(), 0..3000);
    assert!(
        loaded > 0,
        "some damage is harmless, or the test would show nothing"
    );
    println!("{loaded} of 3000 mutations were candidates");
}

#[test]
fn mutated_saved_chats_never_kill_the_process() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = written(&model);
        let loaded = survive_in("mutation::child_saved", file.path(), 0..600);
        assert!(
            loaded > 0,
            "some damage is harmless, or the test would show nothing"
        );
    }
}

#[test]
fn a_few_mutations_of_a_real_model_never_kill_the_process() {
    survive(&smollm2(), 10_000..10_025);
}

#[test]
#[ignore = "long: 500 mutations of each real model"]
fn five_hundred_mutations_of_real_models_never_kill_the_process() {
    for model in [smollm2(), gemma3()] {
        let loaded = survive(&model, 0..500);
        println!("{loaded} of 500 mutations still loaded");
    }
}

#[test]
#[ignore = "long: 5000 mutations of tiny models"]
fn five_thousand_mutations_of_tiny_models_never_kill_the_process() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        survive(written(&model).path(), 1000..6000);
    }
}
