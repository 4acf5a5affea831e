//! Loads, chats, cancels, saves, fails and drops, on a tiny model: what
//! `scripts/check-leaks.sh` runs under valgrind.

#![allow(clippy::unwrap_used, reason = "fails by panicking")]

use pocketune_core::{
    CancelToken, ChatOptions, Constraint, EngineOptions, GenerationOptions, Pooling, Prompt,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, written};

fn main() {
    let file = written(&TinyModel::llama());
    for _ in 0..3 {
        let engine = engine(
            file.path(),
            &EngineOptions {
                threads: Some(2),
                ..Default::default()
            },
        );
        let options = GenerationOptions {
            max_tokens: 8,
            ..GenerationOptions::greedy()
        };
        let chat = engine.chat(ChatOptions::default()).unwrap();
        chat.send("hello", &options).unwrap().finish().unwrap();
        let other = engine.chat(ChatOptions::default()).unwrap();
        let stream = other.send("there", &options).unwrap();
        stream.cancel();
        stream.finish().unwrap();
        let saved = chat.save(&CancelToken::new()).unwrap();
        other.restore(saved, &CancelToken::new()).unwrap();
        let grammar = Constraint::Gbnf("root ::= \"a\" | \"b\"".to_owned());
        let constrained = GenerationOptions {
            constraint: Some(grammar),
            ..options.clone()
        };
        other.send("pick", &constrained).unwrap().finish().unwrap();
        let broken = Constraint::Gbnf("root ::= (".to_owned());
        let broken = GenerationOptions {
            constraint: Some(broken),
            ..options.clone()
        };
        assert!(other.send("pick", &broken).is_err());
        let prompt = Prompt::Raw("hello".to_owned());
        engine
            .score(&prompt, " there", &CancelToken::new())
            .unwrap();
        engine
            .embed(&prompt, Pooling::Mean, &CancelToken::new())
            .unwrap();
        // Dropped while it works.
        let _running = chat.send("go on", &options).unwrap();
    }
}
