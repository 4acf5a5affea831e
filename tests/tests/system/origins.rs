//! A reply says what it is called and how it came to be, also after its chat was saved.

use pocketune_core::{
    AppliedAdapter, CancelToken, Chat, ChatOptions, Digest, Error, GenerationOptions, Message,
    Penalties, Reply, ReplyId, ReplySampling, Sampling, now,
};
use pocketune_gguf::fixtures::TinyModel;
use serde_json::json;

use crate::saved::Parts;
use crate::world::{World, options};

fn ask(chat: &Chat, text: &str) -> Reply {
    chat.send(text, &options()).unwrap().finish().unwrap()
}

fn ids(chat: &Chat) -> Vec<Option<ReplyId>> {
    chat.history().iter().map(|turn| turn.reply_id).collect()
}

#[test]
fn a_reply_says_when_under_what_and_how_it_was_sampled() {
    let world = World::new();
    let (one, two) = (world.installed(1, 8.0), world.installed(2, 40.0));
    let chat = world.chat();
    let before = now();
    let plain = ask(&chat, "The river rises");
    assert!(before <= plain.origin.time && plain.origin.time <= now());
    assert!(plain.origin.adapters.is_empty());

    world.activate(&[(two, 0.5), (one, 1.0)]);
    let penalties = Penalties {
        repeat: 1.25,
        ..Penalties::default()
    };
    let drawn = GenerationOptions {
        max_tokens: 5,
        sampling: Sampling {
            temperature: 0.5,
            top_k: 7,
            penalties,
            seed: None,
            ..Sampling::default()
        },
        ..GenerationOptions::default()
    };
    let reply = chat.send("and", &drawn).unwrap().finish().unwrap();
    assert_ne!(reply.origin.id, plain.origin.id);
    let applied = |sha256, scale| AppliedAdapter { sha256, scale };
    assert_eq!(
        reply.origin.adapters,
        [applied(two, 0.5), applied(one, 1.0)]
    );
    let sampling = reply.origin.sampling;
    let expected = ReplySampling {
        temperature: 0.5,
        top_k: 7,
        top_p: 0.95,
        min_p: 0.05,
        penalties,
        seed: sampling.seed,
        max_tokens: 5,
    };
    assert_eq!(sampling, expected);

    // The seed that was drawn leads to the same reply, of another name.
    let mut again = drawn;
    again.sampling.seed = Some(sampling.seed);
    let same = chat.regenerate(&again).unwrap().finish().unwrap();
    assert_eq!(same.text, reply.text);
    assert_ne!(same.origin.id, reply.origin.id);
    assert_eq!(
        ids(&chat),
        [None, Some(plain.origin.id), None, Some(same.origin.id)]
    );
    assert_eq!(chat.reply_origin(same.origin.id), Some(same.origin));
    assert_eq!(chat.reply_origin(reply.origin.id), None, "it was replaced");

    let completed = world.engine.complete("The river", &options()).unwrap();
    assert_eq!(completed.finish().unwrap().origin.adapters.len(), 2);
}

#[test]
fn a_reply_under_evaluation_names_the_candidate() {
    let world = World::new();
    let bytes = TinyModel::llama().adapter(4, 8.0).build().unwrap();
    let sha256 = Digest::of(&bytes);
    let base = world.engine.base_model();
    let candidate = pocketune_core::CandidateAdapter::parse(bytes, base).unwrap();
    let session = world.engine.evaluate(candidate).unwrap();
    let completed = session.complete("The river", &options()).unwrap();
    let applied = AppliedAdapter { sha256, scale: 1.0 };
    assert_eq!(completed.finish().unwrap().origin.adapters, [applied]);
}

#[test]
fn a_saved_chat_keeps_where_its_replies_come_from() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    let chat = world.chat();
    let first = ask(&chat, "The river rises");
    world.activate(&[(one, 0.25)]);
    let second = ask(&chat, "and then");

    let parts = Parts::of(&chat);
    let restored = world.chat();
    restored
        .restore(parts.saved().unwrap(), &CancelToken::new())
        .unwrap();
    assert_eq!(restored.history(), chat.history());
    for reply in [first, second] {
        assert_eq!(restored.reply_origin(reply.origin.id), Some(reply.origin));
    }

    // A file of before does not say.
    let mut older = Parts::of(&chat);
    for turn in older.header["history"].as_array_mut().unwrap() {
        turn.as_object_mut().unwrap().remove("reply");
    }
    let restored = world.chat();
    restored
        .restore(older.saved().unwrap(), &CancelToken::new())
        .unwrap();
    assert_eq!(ids(&restored), [None; 4]);
    let third = ask(&restored, "and then");
    assert_eq!(ids(&restored)[5], Some(third.origin.id));
}

#[test]
fn a_saved_chat_with_replies_that_cannot_be_is_refused() {
    let world = World::new();
    let chat = world.chat();
    ask(&chat, "The river rises");
    ask(&chat, "and then");
    let sound = Parts::of(&chat);
    let reply = sound.header["history"][1]["reply"].clone();
    let refused = |turn: usize, reply: serde_json::Value| {
        let mut parts = Parts::of(&chat);
        parts.header["history"][turn]["reply"] = reply;
        let saved = parts.saved();
        assert!(
            matches!(saved, Err(Error::StateMismatch { .. })),
            "{saved:?}"
        );
    };
    refused(0, reply.clone());
    refused(3, reply.clone());
    let changes = [
        ("/id", json!("f00")),
        ("/id", json!("F".repeat(32))),
        ("/time", json!(1_795_000_000)),
        ("/time", json!("yesterday")),
        ("/adapters", json!([{"sha256": "0", "scale": 1.0}])),
        (
            "/adapters",
            json!([{"sha256": "0".repeat(64), "scale": 1e39}]),
        ),
        ("/sampling/temperature", json!(-1e300)),
        ("/sampling/penalties/repeat", json!(null)),
        ("/sampling/seed", json!(-1)),
    ];
    for (at, value) in changes {
        let mut reply = reply.clone();
        *reply.pointer_mut(at).unwrap() = value;
        refused(1, reply);
    }
}

#[test]
fn turns_of_the_app_have_no_ids_but_those_of_replies_that_are_still_there() {
    let world = World::new();
    let chat = world.chat();
    let first = ask(&chat, "The river rises");
    let second = ask(&chat, "and then");
    let history = chat.history();

    // Cut short, the history is the chat's own.
    chat.replace_history(history[..2].to_vec()).unwrap();
    assert_eq!(ids(&chat), [None, Some(first.origin.id)]);
    assert_eq!(chat.reply_origin(second.origin.id), None);

    // What the app changed, what it moved to its own message, what it names twice and what
    // another chat said is not.
    let mut changed = history[..2].to_vec();
    changed[1].content.push('!');
    chat.replace_history(changed).unwrap();
    assert_eq!(ids(&chat), [None, None]);

    let other = world.chat();
    other.replace_history(history.clone()).unwrap();
    assert_eq!(ids(&other), [None; 4]);
    let started = world.engine.chat(ChatOptions {
        history: history.clone(),
        ..ChatOptions::default()
    });
    assert_eq!(ids(&started.unwrap()), [None; 4]);

    let reply = ask(&other, "and then").origin.id;
    let turn = other.history()[5].clone();
    let moved = Message {
        reply_id: Some(reply),
        ..Message::user("mine")
    };
    let turns = vec![moved, Message::assistant("yes"), Message::user("and"), turn];
    other.replace_history(turns).unwrap();
    assert_eq!(ids(&other), [None, None, None, Some(reply)]);
    let turn = other.history()[3].clone();
    let twice = vec![Message::user("a"), turn.clone(), Message::user("b"), turn];
    other.replace_history(twice).unwrap();
    assert_eq!(ids(&other), [None, Some(reply), None, None]);
}
