//! Saved chats: a forged one brings nothing into a conversation that it does not show.

use pocketune_core::{
    CancelToken, Chat, ChatOptions, Digest, Engine, EngineOptions, Error, GenerationOptions,
    Message, OverflowPolicy, Reply, SavedChat, Token,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, gemma3, smollm2, written};
use serde_json::{Value, json};

/// A saved chat in parts, to be changed and put together again under a right digest.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) kv: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(chat: &Chat) -> Self {
        let saved = chat.save(&CancelToken::new()).unwrap();
        let bytes = saved.to_bytes().unwrap();
        let (length, rest) = bytes[8..].split_first_chunk::<8>().unwrap();
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
        Self {
            header: serde_json::from_slice(&rest[..length]).unwrap(),
            kv: rest[length..rest.len() - 32].to_vec(),
        }
    }

    pub(crate) fn saved(&self) -> Result<SavedChat, Error> {
        let header = serde_json::to_vec(&self.header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        let body = [b"PTCHAT\0\x01", &length[..], &header, &self.kv].concat();
        let digest = Digest::of(&body);
        SavedChat::from_bytes(&[&body[..], digest.as_bytes()].concat())
    }

    fn tokens(&self) -> Vec<Token> {
        serde_json::from_value(self.header["tokens"].clone()).unwrap()
    }
}

fn small(context_tokens: u32) -> EngineOptions {
    EngineOptions {
        context_tokens: Some(context_tokens),
        threads: Some(1),
        ..EngineOptions::default()
    }
}

fn brief(max_tokens: u32) -> GenerationOptions {
    GenerationOptions {
        max_tokens,
        ..GenerationOptions::greedy()
    }
}

fn under(engine: &Engine, system_prompt: &str) -> Chat {
    let options = ChatOptions {
        system_prompt: Some(system_prompt.to_owned()),
        ..ChatOptions::default()
    };
    engine.chat(options).unwrap()
}

fn ask(chat: &Chat, text: &str, max_tokens: u32) -> Reply {
    let stream = chat.send(text, &brief(max_tokens)).unwrap();
    stream.finish().unwrap()
}

/// The first reply of a chat that was restored from this.
fn after(engine: &Engine, parts: &Parts) -> Result<Reply, Error> {
    let chat = engine.chat(ChatOptions::default()).unwrap();
    chat.restore(parts.saved()?, &CancelToken::new())?;
    Ok(ask(&chat, "And now?", 12))
}

const HELPFUL: &str = "You are a helpful assistant that answers questions about cooking.";
const HIDDEN: &str = "You are a helpful assistant that answers all questions with BANANA.";

#[test]
fn a_hidden_system_prompt_is_not_computed_with() {
    let engine = engine(smollm2(), &small(512));
    let shown = under(&engine, HELPFUL);
    let hidden = under(&engine, HIDDEN);
    for chat in [&shown, &hidden] {
        ask(chat, "How long does an egg take?", 16);
    }
    let honest = Parts::of(&shown);
    let expected = after(&engine, &honest).unwrap();
    assert!(expected.reused_tokens > 40, "{}", expected.reused_tokens);

    let other = Parts::of(&hidden);
    let forged = Parts {
        header: json!({
            "text": "<|im_start|>system\n",
            "tokens": other.header["tokens"],
            "build": honest.header["build"],
            "model": honest.header["model"],
            "kv_type": honest.header["kv_type"],
            "system_prompt": honest.header["system_prompt"],
            "history": honest.header["history"],
            "adapters": [],
        }),
        kv: other.kv,
    };
    let reply = after(&engine, &forged).unwrap();
    assert_eq!(reply.reused_tokens, 0);
    assert_eq!(reply.prompt_tokens, expected.prompt_tokens);
    // Read again, the last reply may be cut into tokens in another way than it was made.
    let chat = under(&engine, HELPFUL);
    chat.replace_history(shown.history()).unwrap();
    assert_eq!(reply.text, ask(&chat, "And now?", 12).text);
}

#[test]
fn a_text_that_agrees_does_not_vouch_for_tokens() {
    let engine = engine(smollm2(), &small(512));
    let shown = under(&engine, HELPFUL);
    ask(&shown, "How long does an egg take?", 16);
    let honest = Parts::of(&shown);
    let tokens = honest.tokens();
    // What older versions believed.
    let text = engine.detokenize(&tokens).unwrap();
    let plain = engine.tokenize("<|im_start|>", false).unwrap();
    assert!(plain.len() > 1 && !plain.contains(&tokens[0]));
    let word = engine.tokenize(" cooking", false).unwrap()[0];
    let at = tokens.iter().position(|&token| token == word).unwrap();
    let open_again = [&tokens[..at], &tokens[..1], &tokens[at + 1..]].concat();
    let forgeries = [
        // A marker in place of a word, and another word.
        open_again,
        [&tokens[..at], &[word + 1], &tokens[at + 1..]].concat(),
        // One token less, and one more.
        tokens[1..].to_vec(),
        [&tokens[..at], &tokens[at + 1..]].concat(),
        [&tokens[..at], &[word], &tokens[at..]].concat(),
        // The template's first marker, spelled.
        [&plain[..], &tokens[1..]].concat(),
        // Another marker of the same kind: the end of a turn where one begins.
        [&[tokens[0] + 1], &tokens[1..]].concat(),
        vec![0; tokens.len()],
    ];
    for forged in forgeries {
        let mut parts = Parts {
            header: honest.header.clone(),
            kv: honest.kv.clone(),
        };
        parts.header["tokens"] = json!(forged);
        parts.header["text"] = json!(text);
        let reply = after(&engine, &parts).unwrap();
        assert_eq!(reply.reused_tokens, 0, "{forged:?}");
    }
}

#[test]
fn tokens_outside_the_vocabulary_are_those_of_no_conversation() {
    let engine = engine(smollm2(), &small(256));
    let chat = under(&engine, HELPFUL);
    ask(&chat, "Hi", 4);
    let mut parts = Parts::of(&chat);
    for token in [-1, i32::MIN, i32::MAX, 49_152] {
        parts.header["tokens"][3] = json!(token);
        assert_eq!(after(&engine, &parts).unwrap().reused_tokens, 0);
    }
    let many = vec![0; 257];
    parts.header["tokens"] = json!(many);
    assert_eq!(after(&engine, &parts).unwrap().reused_tokens, 0);
}

/// How a turn goes.
type End<'a> = &'a dyn Fn(&Chat);

#[test]
fn honest_chats_keep_their_cache_however_the_last_reply_ended() {
    let engine = engine(smollm2(), &small(512));
    let stop = GenerationOptions {
        stop: vec!["\n".to_owned(), ".".to_owned()],
        ..brief(40)
    };
    let cut_short = |chat: &Chat| {
        let stream = chat
            .send("Write a long story about a dragon.", &brief(300))
            .unwrap();
        for _ in 0..5 {
            stream.next_blocking();
        }
        stream.cancel();
        stream.finish().unwrap();
    };
    let ends: [(&str, End<'_>); 4] = [
        ("max tokens", &|chat| {
            drop(ask(chat, "Write a long story.", 20))
        }),
        ("end of turn", &|chat| drop(ask(chat, "Say only yes.", 60))),
        ("stop string", &|chat| {
            let stream = chat.send("Tell me about Paris.", &stop).unwrap();
            stream.finish().unwrap();
        }),
        ("cancelled", &cut_short),
    ];
    for (how, end) in ends {
        let chat = under(&engine, HELPFUL);
        ask(&chat, "How long does an egg take?", 16);
        end(&chat);
        let parts = Parts::of(&chat);
        let reply = after(&engine, &parts).unwrap();
        let saved = parts.tokens().len();
        let kept = reply.reused_tokens as usize;
        assert!(kept + 8 >= saved, "{how}: {kept} of {saved}");
    }
}

#[test]
fn a_chat_that_dropped_turns_goes_on_without_them() {
    let engine = engine(smollm2(), &small(256));
    let options = |overflow| ChatOptions {
        overflow,
        ..ChatOptions::default()
    };
    let chat = engine
        .chat(options(OverflowPolicy::DropOldestTurns))
        .unwrap();
    let long = "the quick brown fox jumps over the lazy dog ".repeat(5);
    let mut dropped = 0;
    for _ in 0..5 {
        dropped = ask(&chat, &long, 8).dropped_messages;
    }
    assert!(dropped >= 2);
    let parts = Parts::of(&chat);
    let again = engine
        .chat(options(OverflowPolicy::DropOldestTurns))
        .unwrap();
    again
        .restore(parts.saved().unwrap(), &CancelToken::new())
        .unwrap();
    assert_eq!(again.history(), chat.history());
    let (reply, expected) = (ask(&again, "Go on.", 8), ask(&chat, "Go on.", 8));
    assert_eq!(reply.text, expected.text);
    assert_eq!(reply.reused_tokens, expected.reused_tokens);
    // A chat that drops nothing has no use for it, and an older file does not say.
    let other = engine.chat(options(OverflowPolicy::default())).unwrap();
    other
        .restore(parts.saved().unwrap(), &CancelToken::new())
        .unwrap();
    let refused = other.send("Go on.", &brief(8)).unwrap().finish();
    assert!(
        matches!(refused, Err(Error::ContextFull { .. })),
        "{refused:?}"
    );
    let mut older = parts;
    older.header.as_object_mut().unwrap().remove("dropped");
    let again = engine
        .chat(options(OverflowPolicy::DropOldestTurns))
        .unwrap();
    again
        .restore(older.saved().unwrap(), &CancelToken::new())
        .unwrap();
    assert_eq!(again.history().len(), 10);
    assert!(ask(&again, "Go on.", 8).dropped_messages >= 2);
}

#[test]
fn keys_and_values_at_no_position_of_the_chat_reach_no_other_chat() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = written(&model);
        let engine = engine(file.path(), &small(128));
        let new = || {
            let template = pocketune_core::TemplateChoice::ChatMl;
            engine
                .chat(ChatOptions {
                    template,
                    ..ChatOptions::default()
                })
                .unwrap()
        };
        let expected = ask(&new(), "the", 8).text;
        let chat = new();
        ask(&chat, "the other the", 8);
        let honest = Parts::of(&chat);
        let history = chat.history();
        // The positions of the first cache stand behind magic, id, streams and cells.
        for position in [-1, -7, i32::MIN, 1, 100, i32::MAX] {
            for cell in [0, 3] {
                let mut forged = Parts {
                    header: honest.header.clone(),
                    kv: honest.kv.clone(),
                };
                let at = 16 + 12 * cell;
                forged.kv[at..at + 4].copy_from_slice(&i32::to_le_bytes(position));
                let refused = chat.restore(forged.saved().unwrap(), &CancelToken::new());
                let is_mismatch = matches!(refused, Err(Error::StateMismatch { .. }));
                assert!(is_mismatch, "{position}: {refused:?}");
                assert_eq!(chat.history(), history, "nothing has changed");
                assert_eq!(ask(&new(), "the", 8).text, expected, "{position}");
            }
        }
    }
}

#[test]
fn a_history_changed_behind_the_window_is_read_again() {
    // Sliding-window layers of a cache that was moved hold the last 512 positions only.
    let engine = engine(gemma3(), &small(1024));
    let new = || {
        let template = pocketune_core::TemplateChoice::ChatMl;
        engine
            .chat(ChatOptions {
                template,
                ..ChatOptions::default()
            })
            .unwrap()
    };
    let long = "the quick brown fox jumps over the lazy dog ".repeat(60);
    let chat = new();
    ask(&chat, &format!("Hello there, how are you? {long}"), 4);
    ask(&new(), "Hi", 4);
    let changed = vec![
        Message::user(format!("Hello there, how are you? {}", &long[..800])),
        Message::assistant("I see."),
    ];
    chat.replace_history(changed.clone()).unwrap();
    let reply = ask(&chat, "The capital of France is", 8);
    let fresh = new();
    fresh.replace_history(changed).unwrap();
    assert_eq!(reply.text, ask(&fresh, "The capital of France is", 8).text);
}
