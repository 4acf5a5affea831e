//! Loads, chats, cancels, saves, fails, evaluates and drops, on a tiny model: what
//! `scripts/check-leaks.sh` runs under valgrind.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "fails by panicking")]

use pocketune_core::{
    CancelToken, CandidateAdapter, ChatOptions, Constraint, Engine, EngineOptions,
    GenerationOptions, Pooling, Prompt,
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
        evaluate(&engine, &options, &prompt);
        // Dropped while it works.
        let _running = chat.send("go on", &options).unwrap();
    }
}

/// Sessions one after the other, one beside another, and one dropped while it works.
fn evaluate(engine: &Engine, options: &GenerationOptions, prompt: &Prompt) {
    let adapter = TinyModel::llama().adapter(4, 8.0).build().unwrap();
    let open = || {
        let candidate = CandidateAdapter::parse(adapter.clone(), engine.base_model()).unwrap();
        engine.evaluate(candidate).unwrap()
    };
    let beside = open();
    for _ in 0..2 {
        let session = open();
        let chat = session.chat(ChatOptions::default()).unwrap();
        chat.send("hello", options).unwrap().finish().unwrap();
        for session in [&session, &beside] {
            session
                .score(prompt, " there", &CancelToken::new())
                .unwrap();
        }
        let stream = session.complete("go on", options).unwrap();
        drop((session, chat));
        stream.finish().unwrap();
    }
}
