//! Several chats on one engine, and engines that go away while they work.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pocketune_core::{
    Chat, ChatOptions, Engine, EngineOptions, Error, GenerationOptions, Reply, ReplyPart,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, smollm2, written};

fn greedy(max_tokens: u32) -> GenerationOptions {
    GenerationOptions {
        max_tokens,
        ..GenerationOptions::greedy()
    }
}

fn endless(engine: &Engine, max_tokens: u32) -> GenerationOptions {
    let mut options = greedy(max_tokens);
    options.sampling.logit_bias = engine
        .end_of_generation_tokens()
        .into_iter()
        .map(|token| (token, f32::NEG_INFINITY))
        .collect();
    options
}

fn chat(engine: &Engine) -> Chat {
    engine.chat(ChatOptions::default()).unwrap()
}

#[test]
fn a_short_question_does_not_wait_for_a_long_reply() {
    let engine = engine(smollm2(), &EngineOptions::default());
    let options = endless(&engine, 600);
    let long = chat(&engine);
    let long_stream = long.send("Tell me everything.", &options).unwrap();
    // The long reply is under way once its first part is there.
    assert!(matches!(
        long_stream.next_blocking(),
        Some(Ok(ReplyPart::Text(_)))
    ));
    let short = chat(&engine)
        .send("Hi!", &greedy(4))
        .unwrap()
        .finish()
        .unwrap();
    assert!(!short.text.is_empty());
    let mut parts = 0;
    while let Some(Ok(ReplyPart::Text(_))) = long_stream.next_blocking() {
        parts += 1;
    }
    assert!(parts > 50, "only {parts} parts of the long reply were left");
}

#[test]
fn interrupted_replies_are_what_they_would_be_alone() {
    let engine = engine(smollm2(), &EngineOptions::default());
    let options = endless(&engine, 60);
    let alone: Vec<Reply> = ["Name a river.", "Name a mountain.", "Name a lake."]
        .iter()
        .map(|text| {
            chat(&engine)
                .send(*text, &options)
                .unwrap()
                .finish()
                .unwrap()
        })
        .collect();
    let chats: Vec<Chat> = (0..3).map(|_| chat(&engine)).collect();
    let streams: Vec<_> = chats
        .iter()
        .zip(["Name a river.", "Name a mountain.", "Name a lake."])
        .map(|(chat, text)| chat.send(text, &options).unwrap())
        .collect();
    for (stream, alone) in streams.into_iter().zip(alone) {
        assert_eq!(stream.finish().unwrap().text, alone.text);
    }
}

#[test]
fn requests_of_one_chat_run_in_order() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &EngineOptions::default());
    let options = endless(&engine, 3);
    let chat = chat(&engine);
    let streams: Vec<_> = (0..5)
        .map(|i| chat.send(format!("{i}"), &options).unwrap())
        .collect();
    for stream in streams {
        stream.finish().unwrap();
    }
    let said: Vec<String> = chat
        .history()
        .into_iter()
        .step_by(2)
        .map(|message| message.content)
        .collect();
    assert_eq!(said, ["0", "1", "2", "3", "4"]);
}

#[test]
fn caches_over_the_limit_are_dropped_oldest_first_and_chats_go_on() {
    let probe = Engine::estimate(
        &pocketune_core::ModelSource::Path(smollm2()),
        &EngineOptions {
            context_tokens: Some(1024),
            ..EngineOptions::default()
        },
    )
    .unwrap();
    // Room for the active chat and one parked chat of a quarter of the context.
    let options = EngineOptions {
        context_tokens: Some(1024),
        kv_limit_bytes: Some(probe.kv_bytes + probe.kv_bytes / 4),
        ..EngineOptions::default()
    };
    let engine = engine(smollm2(), &options);
    let chats: Vec<Chat> = (0..3).map(|_| chat(&engine)).collect();
    let text = "The old river bank is a place where many animals live. ".repeat(14);
    for chat in &chats {
        chat.send(text.as_str(), &greedy(4))
            .unwrap()
            .finish()
            .unwrap();
    }
    let reused = |chat: &Chat| {
        chat.send("Go on.", &greedy(4))
            .unwrap()
            .finish()
            .unwrap()
            .reused_tokens
    };
    assert!(reused(&chats[2]) > 150, "the active chat is still cached");
    assert!(reused(&chats[1]) > 150, "the one before is parked");
    assert_eq!(reused(&chats[0]), 0, "the oldest was dropped");
    assert_eq!(chats[0].history().len(), 4);
}

#[test]
fn dropping_the_engine_while_it_works_ends_the_replies() {
    let engine = engine(smollm2(), &EngineOptions::default());
    let options = endless(&engine, 2000);
    let chats: Vec<Chat> = (0..3).map(|_| chat(&engine)).collect();
    let streams: Vec<_> = chats
        .iter()
        .map(|chat| chat.send("Go on forever.", &options).unwrap())
        .collect();
    assert!(streams[0].next_blocking().is_some());
    let started = Instant::now();
    drop(engine);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    for stream in streams {
        assert!(matches!(stream.finish(), Err(Error::Closed)));
    }
    let refused = chats[0].send("Still there?", &greedy(4)).err();
    assert!(matches!(refused, Some(Error::Closed)), "{refused:?}");
}

#[test]
fn dropping_a_chat_or_a_stream_while_it_works_is_harmless() {
    let engine = engine(smollm2(), &EngineOptions::default());
    let options = endless(&engine, 400);
    for _ in 0..5 {
        let chat = chat(&engine);
        let stream = chat.send("Go on.", &options).unwrap();
        let _ = stream.next_blocking();
        drop(chat);
        drop(stream);
    }
    let reply = chat(&engine)
        .send("Hello!", &greedy(4))
        .unwrap()
        .finish()
        .unwrap();
    assert!(!reply.text.is_empty());
    assert!(
        reply.time_to_first_token_ms < 3000.0,
        "{}",
        reply.time_to_first_token_ms
    );
}

#[test]
fn many_threads_may_ask_at_once() {
    let file = written(&TinyModel::llama());
    let engine = Arc::new(engine(file.path(), &EngineOptions::default()));
    let options = Arc::new(endless(&engine, 12));
    let threads: Vec<_> = (0..16)
        .map(|i| {
            let (engine, options) = (Arc::clone(&engine), Arc::clone(&options));
            thread::spawn(move || {
                let chat = chat(&engine);
                for turn in 0..4 {
                    let stream = chat.send(format!("{i} {turn}"), &options).unwrap();
                    if (i + turn) % 3 == 0 {
                        stream.cancel();
                    }
                    stream.finish().unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
