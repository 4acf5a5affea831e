//! Log lines that an app takes: whole, bounded, one reader, and nothing of the user in them.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use pocketune_ffi::{
    ChatOptions, Engine, EngineOptions, GenerationOptions, LogLevel, LogLine, LogLines,
    ModelSource, ReplyPart, Sampling, TemplateChoice, start_logging,
};
use pocketune_gguf::fixtures::TinyModel;

use common::wait;

/// The log is one for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(level: LogLevel) -> Arc<LogLines> {
    LogLines::open(level).unwrap()
}

/// All lines up to the end of `lines`.
fn rest(lines: &LogLines) -> Vec<LogLine> {
    lines.end();
    std::iter::from_fn(|| wait(lines.next())).collect()
}

#[test]
fn a_line_comes_with_its_level_target_and_time() {
    let _alone = alone();
    let lines = open(LogLevel::Info);
    log::info!(target: "pocketune_core::here", "it is {}", 1);
    log::debug!(target: "pocketune_core::here", "below the level");
    log::error!(target: "hyper::client", "of another library");
    log::warn!(target: "llama.cpp", "{}", "ä".repeat(2_000));
    let lines = rest(&lines);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(since_1970.as_millis()).unwrap();
    let [first, second] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(first.level, LogLevel::Info);
    assert_eq!(first.target, "pocketune_core::here");
    assert_eq!(first.message, "it is 1");
    assert!((now_ms - 60_000..=now_ms).contains(&first.time_ms));
    assert_eq!(second.target, "llama.cpp");
    assert_eq!(second.message, "ä".repeat(512) + "…");
}

#[test]
fn a_reader_waits_for_the_next_line() {
    let _alone = alone();
    let lines = open(LogLevel::Warn);
    let reader = Arc::clone(&lines);
    let waiting = thread::spawn(move || wait(reader.next()));
    log::warn!(target: "pocketune", "there");
    assert_eq!(waiting.join().unwrap().unwrap().message, "there");
    let reader = Arc::clone(&lines);
    let waiting = thread::spawn(move || wait(reader.next()));
    lines.end();
    assert_eq!(waiting.join().unwrap(), None);
}

#[test]
fn lines_that_nobody_takes_in_time_are_counted() {
    let _alone = alone();
    let lines = open(LogLevel::Debug);
    for number in 0..10_000 {
        log::debug!(target: "pocketune", "{number}");
    }
    let first = wait(lines.next()).unwrap();
    assert_eq!(first.level, LogLevel::Warn);
    assert_eq!(first.message, "9488 lines dropped");
    let numbers: Vec<u32> = rest(&lines)
        .iter()
        .map(|line| line.message.parse().unwrap())
        .collect();
    assert!(numbers.iter().copied().eq(9_488..10_000), "{numbers:?}");
}

#[test]
fn there_is_one_reader_and_the_platforms_log_has_its_own_level() {
    let _alone = alone();
    let first = open(LogLevel::Debug);
    log::warn!(target: "pocketune", "first");
    let second = open(LogLevel::Warn);
    start_logging(LogLevel::Debug);
    log::warn!(target: "pocketune", "second");
    log::debug!(target: "pocketune", "for the platform");
    assert_eq!(wait(first.next()).unwrap().message, "first");
    assert_eq!(wait(first.next()), None);
    drop(first);
    log::warn!(target: "pocketune", "second");
    let messages: Vec<String> = rest(&second).into_iter().map(|it| it.message).collect();
    assert_eq!(messages, ["second", "second"]);
    assert_eq!(log::max_level(), log::LevelFilter::Debug);
    start_logging(LogLevel::Error);
    drop(second);
    assert_eq!(log::max_level(), log::LevelFilter::Error);
}

#[test]
fn no_line_holds_a_prompt_a_reply_or_a_path() {
    let _alone = alone();
    let telling = "Anna-Berger-diary";
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join(telling);
    fs::create_dir(&folder).unwrap();
    let path = folder.join("model.gguf");
    fs::write(&path, TinyModel::llama().build().unwrap()).unwrap();
    let lines = open(LogLevel::Debug);
    let source = ModelSource::Path {
        path: path.to_str().unwrap().to_owned(),
    };
    let engine = wait(Engine::load(source, small(), None)).unwrap();
    let options = ChatOptions {
        system_prompt: Some(telling.to_owned()),
        history: Vec::new(),
        template: Some(TemplateChoice::ChatMl),
        overflow: None,
    };
    let chat = engine.chat(options).unwrap();
    let stream = chat.send(telling.to_owned(), greedy()).unwrap();
    let mut reply = String::new();
    while let Some(part) = wait(stream.next()).unwrap() {
        if let ReplyPart::Done { reply: done } = part {
            reply = done.text;
        }
    }
    engine.shut_down();
    let lines = rest(&lines);
    assert!(lines.iter().any(|line| line.target == "llama.cpp"));
    assert!(reply.len() > 3, "{reply:?}");
    for line in &lines {
        assert!(!line.message.contains(telling), "{line:?}");
        assert!(!line.message.contains(&reply), "{line:?}");
    }
}

fn small() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(256),
        threads: Some(1),
        batch_tokens: 32,
        micro_batch_tokens: 32,
        kv_cache_type: None,
        full_sliding_window: true,
        use_mmap: true,
        kv_limit_bytes: None,
        ignore_memory_estimate: true,
        cache_directory: None,
    }
}

fn greedy() -> GenerationOptions {
    GenerationOptions {
        max_tokens: 24,
        sampling: Some(Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            penalties: None,
            seed: None,
            logit_bias: Vec::new(),
        }),
        stop: Vec::new(),
        constraint: None,
    }
}
