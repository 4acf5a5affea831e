//! Conversations with the real model.

use pocketune_core::{
    CancelToken, Chat, ChatOptions, Engine, EngineOptions, Error, GenerationOptions, Message,
    OverflowPolicy, Reply, ReplyPart, Role, SavedChat, StopReason, TemplateChoice,
};
use pocketune_tests::{engine, gemma3, smollm2};

fn small(context_tokens: u32) -> EngineOptions {
    EngineOptions {
        context_tokens: Some(context_tokens),
        ..EngineOptions::default()
    }
}

fn brief(max_tokens: u32) -> GenerationOptions {
    GenerationOptions {
        max_tokens,
        ..GenerationOptions::greedy()
    }
}

fn chat(engine: &Engine) -> Chat {
    engine.chat(ChatOptions::default()).unwrap()
}

fn ask(chat: &Chat, text: &str, max_tokens: u32) -> Reply {
    chat.send(text, &brief(max_tokens))
        .unwrap()
        .finish()
        .unwrap()
}

/// About `words` words that a model can read.
fn long_text(words: usize) -> String {
    let sentence = "the quick brown fox jumps over the lazy dog near the old river bank ";
    sentence.split_inclusive(' ').cycle().take(words).collect()
}

#[test]
fn the_parts_are_the_reply_and_join_the_history() {
    let engine = engine(smollm2(), &small(512));
    let chat = chat(&engine);
    let stream = chat.send("Say hello.", &brief(200)).unwrap();
    let mut text = String::new();
    let mut done = None;
    for part in &stream {
        match part.unwrap() {
            ReplyPart::Text(piece) => text.push_str(&piece),
            ReplyPart::Done(reply) => done = Some(reply),
        }
    }
    let reply = done.unwrap();
    assert!(!text.is_empty());
    assert_eq!(reply.text, text);
    assert_eq!(reply.stop_reason, StopReason::EndOfTurn);
    assert!(reply.decode_tokens_per_s > 0.0 && reply.prefill_tokens_per_s > 0.0);
    let history = chat.history();
    assert_eq!(history.len(), 2);
    assert_eq!(
        history[1],
        Message {
            role: Role::Assistant,
            content: text,
            reply_id: Some(reply.origin.id),
        }
    );
}

#[test]
fn the_second_turn_reuses_the_first() {
    let engine = engine(smollm2(), &small(2048));
    let chat = chat(&engine);
    let first = ask(&chat, &long_text(1000), 24);
    assert!(first.prompt_tokens > 1000, "{}", first.prompt_tokens);
    let second = ask(&chat, "And now in one word?", 8);
    let reused = f64::from(second.reused_tokens) / f64::from(second.prompt_tokens);
    assert!(reused >= 0.95, "{reused}");
    let time = second.time_to_first_token_ms / first.time_to_first_token_ms;
    println!(
        "time to first token: {:.0} ms cold, {:.0} ms in the second turn ({time:.3}); {reused:.3} reused",
        first.time_to_first_token_ms, second.time_to_first_token_ms
    );
    assert!(time <= 0.2, "{time}");
}

#[test]
fn an_edited_history_reuses_its_unchanged_start() {
    let engine = engine(smollm2(), &small(1024));
    let chat = chat(&engine);
    ask(&chat, &long_text(300), 8);
    ask(&chat, "Name a colour.", 8);
    let mut history = chat.history();
    history.truncate(2);
    history[1].content = "I see.".to_owned();
    chat.replace_history(history).unwrap();
    let reply = ask(&chat, "Name a fruit.", 8);
    assert!(reply.reused_tokens > 300, "{}", reply.reused_tokens);
    assert!(reply.reused_tokens < reply.prompt_tokens);
    assert_eq!(chat.history().len(), 4);
}

#[test]
fn a_reply_to_a_history_that_was_replaced_joins_none() {
    let engine = engine(smollm2(), &small(1024));
    let chat = chat(&engine);
    for history in [
        Vec::new(),
        vec![Message::user("Hi"), Message::assistant("Hello")],
    ] {
        let stream = chat.send("Write a long story.", &brief(200)).unwrap();
        let first = stream.next_blocking();
        assert!(matches!(first, Some(Ok(ReplyPart::Text(_)))));
        chat.replace_history(history.clone()).unwrap();
        stream.cancel();
        (&stream).for_each(drop);
        assert_eq!(chat.history(), history);
    }
}

#[test]
fn regenerating_replaces_the_last_reply() {
    let engine = engine(smollm2(), &small(512));
    let chat = chat(&engine);
    let nothing = chat.regenerate(&brief(8)).unwrap().finish();
    assert!(matches!(nothing, Err(Error::NotNow { .. })), "{nothing:?}");
    ask(&chat, "Say something.", 12);
    let mut options = brief(12);
    options.sampling = pocketune_core::Sampling {
        temperature: 1.5,
        seed: Some(11),
        ..pocketune_core::Sampling::default()
    };
    let again = chat.regenerate(&options).unwrap().finish().unwrap();
    let history = chat.history();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].content, again.text);
    assert_eq!(again.origin.sampling.seed, 11);
}

#[test]
fn the_same_seed_gives_the_same_reply() {
    let engine = engine(smollm2(), &small(512));
    let mut options = brief(24);
    options.sampling = pocketune_core::Sampling {
        seed: Some(7),
        ..pocketune_core::Sampling::default()
    };
    let reply = || {
        let chat = chat(&engine);
        chat.send("Tell me a story.", &options)
            .unwrap()
            .finish()
            .unwrap()
            .text
    };
    assert_eq!(reply(), reply());
}

#[test]
fn a_stop_string_ends_the_reply_and_never_shows() {
    let engine = engine(smollm2(), &small(512));
    let mut options = brief(60);
    options.stop = vec!["18".to_owned()];
    let stream = engine.complete("2, 4, 6, 8, 10, 12,", &options).unwrap();
    let mut shown = String::new();
    let mut reply = None;
    for part in &stream {
        match part.unwrap() {
            ReplyPart::Text(piece) => shown.push_str(&piece),
            ReplyPart::Done(done) => reply = Some(done),
        }
    }
    let reply = reply.unwrap();
    assert_eq!(reply.stop_reason, StopReason::StopString);
    assert_eq!(reply.text, shown);
    assert_eq!(shown, " 14, 16, ");
}

#[test]
fn streamed_pieces_are_whole_characters() {
    let engine = engine(smollm2(), &small(512));
    // High temperature draws rare byte tokens, which make up single characters.
    let mut options = brief(120);
    options.sampling = pocketune_core::Sampling {
        temperature: 3.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(5),
        ..pocketune_core::Sampling::default()
    };
    let reply = engine
        .complete("日本語で：", &options)
        .unwrap()
        .finish()
        .unwrap();
    assert!(reply.text.chars().count() > 20);
}

#[test]
fn a_long_prompt_is_refused_with_both_numbers_and_the_chat_goes_on() {
    let engine = engine(smollm2(), &small(256));
    let chat = chat(&engine);
    let refused = chat.send(long_text(600), &brief(8)).unwrap().finish();
    let Err(Error::ContextFull {
        prompt_tokens,
        context_tokens: 256,
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert!(prompt_tokens > 600);
    assert!(chat.history().is_empty());
    assert!(!ask(&chat, "Hello!", 8).text.is_empty());
}

#[test]
fn a_full_context_ends_the_reply_cleanly() {
    let engine = engine(smollm2(), &small(128));
    let mut options = brief(1000);
    options.sampling.logit_bias = engine
        .end_of_generation_tokens()
        .into_iter()
        .map(|token| (token, f32::NEG_INFINITY))
        .collect();
    let reply = chat(&engine)
        .send("Count.", &options)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(reply.stop_reason, StopReason::ContextFull);
    assert_eq!(reply.prompt_tokens + reply.generated_tokens, 128 + 1);
}

#[test]
fn oldest_turns_make_way_when_asked_to() {
    let engine = engine(smollm2(), &small(512));
    let chat = engine
        .chat(ChatOptions {
            system_prompt: Some("You are a parrot.".to_owned()),
            overflow: OverflowPolicy::DropOldestTurns,
            ..ChatOptions::default()
        })
        .unwrap();
    let mut dropped = 0;
    let mut reuse_after_drop = Vec::new();
    for turn in 0..8 {
        let reply = ask(&chat, &format!("{turn} {}", long_text(80)), 8);
        assert!(reply.prompt_tokens < 512);
        if dropped > 0 && reply.dropped_messages == dropped {
            reuse_after_drop.push(f64::from(reply.reused_tokens) / f64::from(reply.prompt_tokens));
        }
        dropped = reply.dropped_messages;
    }
    assert!(dropped >= 2);
    assert_eq!(chat.history().len(), 16, "the history itself stays");
    assert!(
        reuse_after_drop.iter().any(|&reuse| reuse > 0.3),
        "{reuse_after_drop:?}"
    );
}

#[test]
fn cancelling_keeps_what_was_said_and_frees_the_engine() {
    let engine = engine(smollm2(), &small(1024));
    let chat = chat(&engine);
    let stream = chat
        .send("Write a very long story about a dragon.", &brief(800))
        .unwrap();
    let mut pieces = 0;
    let mut reply = None;
    for part in &stream {
        match part.unwrap() {
            ReplyPart::Text(_) => {
                pieces += 1;
                if pieces == 5 {
                    stream.cancel();
                }
            }
            ReplyPart::Done(done) => reply = Some(done),
        }
    }
    let reply = reply.unwrap();
    assert_eq!(reply.stop_reason, StopReason::Cancelled);
    assert!(reply.generated_tokens < 20, "{}", reply.generated_tokens);
    assert_eq!(chat.history()[1].content, reply.text);
    assert!(!ask(&chat, "Stop. Say hi.", 8).text.is_empty());
}

#[test]
fn stopping_keeps_what_was_said_and_the_chat_goes_on() {
    let engine = engine(smollm2(), &small(1024));
    let chat = chat(&engine);
    let story = "Write a very long story about a dragon.";
    let stream = chat.send(story, &brief(800)).unwrap();
    let behind = chat.send("And one about a bear.", &brief(800)).unwrap();
    for part in (&stream).take(5) {
        assert!(matches!(part.unwrap(), ReplyPart::Text(_)));
    }
    chat.stop();
    let reply = stream.finish().unwrap();
    assert_eq!(reply.stop_reason, StopReason::Cancelled);
    assert!(reply.generated_tokens < 20, "{}", reply.generated_tokens);
    let waited = behind.finish().unwrap();
    assert_eq!(waited.stop_reason, StopReason::Cancelled);
    assert_eq!(chat.history().len(), 2);
    assert_eq!(chat.history()[1].content, reply.text);
    // Nothing is under way.
    chat.stop();
    let next = ask(&chat, "Stop. Say hi.", 8);
    assert_ne!(next.stop_reason, StopReason::Cancelled);
    assert!(next.reused_tokens > 0);
    assert_eq!(chat.history().len(), 4);
}

#[test]
fn cancelling_a_prefill_leaves_the_history_alone() {
    let engine = engine(smollm2(), &small(4096));
    let chat = chat(&engine);
    let stream = chat.send(long_text(3000), &brief(8)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let asked = std::time::Instant::now();
    stream.cancel();
    let reply = stream.finish().unwrap();
    assert_eq!(reply.stop_reason, StopReason::Cancelled);
    assert!(reply.text.is_empty());
    assert!(chat.history().is_empty());
    assert!(asked.elapsed().as_secs_f64() < 3.0, "{:?}", asked.elapsed());
    assert!(!ask(&chat, "Hello!", 4).text.is_empty());
}

#[test]
fn a_saved_chat_goes_on_without_reading_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chat");
    let engine = engine(smollm2(), &small(1024));
    let first = chat(&engine);
    ask(&first, &long_text(400), 16);
    first
        .save(&CancelToken::new())
        .unwrap()
        .write(&path)
        .unwrap();
    let expected = ask(&first, "What was this about?", 16);

    let second = chat(&engine);
    second
        .restore(SavedChat::read(&path).unwrap(), &CancelToken::new())
        .unwrap();
    let reply = ask(&second, "What was this about?", 16);
    assert!(f64::from(reply.reused_tokens) >= 0.95 * f64::from(reply.prompt_tokens - 20));
    assert_eq!(reply.text, expected.text);
}

#[test]
fn a_saved_chat_of_another_model_is_refused() {
    let smol = engine(smollm2(), &small(256));
    let saved = chat(&smol);
    ask(&saved, "Hello!", 4);
    let saved = saved.save(&CancelToken::new()).unwrap();
    let gemma = engine(gemma3(), &small(256));
    let other = gemma
        .chat(ChatOptions {
            template: TemplateChoice::ChatMl,
            ..ChatOptions::default()
        })
        .unwrap();
    let refused = other.restore(saved, &CancelToken::new());
    assert!(
        matches!(refused, Err(Error::StateMismatch { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_base_model_completes_but_does_not_chat() {
    let engine = engine(gemma3(), &small(256));
    let refused = engine.chat(ChatOptions::default()).err();
    assert!(
        matches!(refused, Some(Error::NoChatTemplate)),
        "{refused:?}"
    );
    let reply = engine
        .complete("2, 4, 6, 8,", &brief(8))
        .unwrap()
        .finish()
        .unwrap();
    assert!(reply.text.contains("10"), "{}", reply.text);
    let by_name = engine.chat(ChatOptions {
        template: TemplateChoice::ChatMl,
        ..ChatOptions::default()
    });
    assert!(by_name.is_ok());
}
