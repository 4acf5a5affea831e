//! Signed adapters change replies from the next turn on, and go again.

use std::fs;
use std::path::PathBuf;

use pocketune_adapter::fixtures::{at, bundle, key, policy, sign_policy};
use pocketune_core::{
    ActiveAdapter, Adapters, CancelToken, Chat, ChatOptions, Digest, Engine, EngineOptions, Error,
    GenerationOptions, KvCacheType, Sampling, StoreError, Timestamp,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_store::bundle_path;
use pocketune_tests::{engine, written};
use tempfile::TempDir;

/// An engine, its adapters, and a folder that deliveries come to.
struct World {
    engine: Engine,
    adapters: Adapters,
    folder: TempDir,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        Self::with(&TinyModel::llama())
    }

    fn with(model: &TinyModel) -> Self {
        let options = EngineOptions {
            threads: Some(1),
            kv_cache_type: KvCacheType::F32,
            ..EngineOptions::default()
        };
        let engine = engine(written(model).path(), &options);
        let folder = tempfile::tempdir().unwrap();
        let device = Some(key(31).public());
        let adapters = Adapters::open(&folder.path().join("store"), &engine, device).unwrap();
        let now = at("2026-11-25T07:00:00Z");
        let mut policy = policy();
        policy.roles.release.limits.max_bytes = 10_000_000;
        policy.roles.release.limits.max_update_norm = 1e3;
        let policy = sign_policy(&policy, &[1, 2]);
        adapters.store().pin_policy(&policy, now).unwrap();
        Self {
            engine,
            adapters,
            folder,
            now,
        }
    }

    /// An adapter whose effect its alpha tells, signed.
    fn delivered(&self, version: u64, alpha: f32) -> PathBuf {
        let adapter = TinyModel::llama().adapter(4, alpha).build().unwrap();
        let path = self.folder.path().join(format!("{version}.gguf"));
        let bundle = bundle(&adapter, self.adapters.base(), |release| {
            release.version = version;
        });
        fs::write(&path, adapter).unwrap();
        fs::write(bundle_path(&path), bundle).unwrap();
        path
    }

    fn installed(&self, version: u64, alpha: f32) -> Digest {
        let path = self.delivered(version, alpha);
        self.adapters.install(&path, self.now).unwrap().sha256()
    }

    fn activate(&self, wanted: &[(Digest, f32)]) {
        self.adapters
            .activate(&self.engine, wanted, self.now)
            .unwrap();
    }

    fn chat(&self) -> Chat {
        self.engine.chat(ChatOptions::default()).unwrap()
    }

    /// What a new chat says.
    fn reply(&self) -> String {
        ask(&self.chat())
    }
}

/// The same draws each time. The likeliest tokens of a tiny model tell little: they
/// hardly change.
fn options() -> GenerationOptions {
    GenerationOptions {
        max_tokens: 12,
        sampling: Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(7),
            ..Sampling::default()
        },
        ..GenerationOptions::default()
    }
}

fn ask(chat: &Chat) -> String {
    let reply = chat.send("The river rises", &options()).unwrap();
    reply.finish().unwrap().text
}

#[test]
fn adapters_change_replies_and_go_again() {
    let world = World::new();
    let base = world.reply();
    let (one, two) = (world.installed(1, 8.0), world.installed(2, 40.0));
    assert_eq!(world.reply(), base, "installed is not active");
    world.activate(&[(one, 1.0)]);
    let under_one = world.reply();
    world.activate(&[(two, 1.0)]);
    let under_two = world.reply();
    assert!(base != under_one && base != under_two && under_one != under_two);
    // Both together and a scale are something else again.
    world.activate(&[(one, 1.0), (two, 0.5)]);
    let under_both = world.reply();
    assert!(under_both != under_one && under_both != under_two);
    world.activate(&[(two, 0.0)]);
    assert_eq!(world.reply(), base, "nothing of it");
    let back = |world: &World| world.adapters.roll_back(&world.engine, world.now).unwrap();
    assert_eq!(back(&world).len(), 2);
    assert_eq!(world.reply(), under_both);
    back(&world);
    assert_eq!(world.reply(), under_two);
    world.adapters.deactivate(&world.engine, world.now).unwrap();
    assert_eq!(world.reply(), base);
}

#[test]
fn what_is_active_is_verified_and_used_at_the_next_start() {
    let world = World::new();
    let base = world.reply();
    let one = world.installed(1, 8.0);
    world.activate(&[(one, 1.0)]);
    let under_one = world.reply();
    world.engine.use_adapters(&[]).unwrap();
    assert_eq!(world.reply(), base);
    assert!(
        world
            .adapters
            .apply(&world.engine, world.now)
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.reply(), under_one);
    // Once it has expired the model answers as it is, and says why.
    let later = at("2027-11-25T07:00:00Z");
    let refused = world.adapters.apply(&world.engine, later).unwrap();
    assert_eq!(refused[0].refusal.reason(), "expired");
    assert_eq!(world.reply(), base);
}

#[test]
fn a_chat_goes_on_under_other_adapters_without_what_it_had_cached() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    // The same conversation, wholly under the adapter or beginning without it.
    let swapped = world.chat();
    let first = ask(&swapped);
    let history = swapped.history();
    world.activate(&[(one, 1.0)]);
    let second = ask(&swapped);
    let fresh = world.chat();
    fresh.replace_history(history).unwrap();
    assert_eq!(
        ask(&fresh),
        second,
        "computed anew, not from the model's own keys"
    );
    assert_eq!(swapped.history().len(), 4);
    assert_ne!(first, second);
}

#[test]
fn a_swap_waits_for_the_reply_that_is_under_way() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    let chat = world.chat();
    let alone = world.reply();
    let stream = chat.send("The river rises", &options()).unwrap();
    world.activate(&[(one, 1.0)]);
    // Asked for before the first has ended: it keeps its place behind it.
    let next = chat.send("and then", &options()).unwrap();
    assert_eq!(stream.finish().unwrap().text, alone);
    next.finish().unwrap();
    assert_eq!(chat.history().len(), 4);
    assert_ne!(world.reply(), alone);
}

#[test]
fn adapters_at_the_address_of_others_are_not_taken_for_them() {
    let world = World::new();
    let sets = [
        vec![(world.installed(1, 8.0), 1.0)],
        vec![(world.installed(2, 40.0), 1.0)],
        Vec::new(),
    ];
    let expected = sets.each_ref().map(|set| {
        world.activate(set);
        world.reply()
    });
    // Each is freed before the next of its size is allocated.
    for turn in 0..60 {
        let which = turn * 7 % 3;
        world.activate(&sets[which]);
        assert_eq!(world.reply(), expected[which], "turn {turn}");
    }
}

#[test]
fn a_saved_chat_goes_on_under_other_adapters_with_its_history_alone() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    let chat = world.chat();
    ask(&chat);
    let saved = chat.save(&CancelToken::new()).unwrap();
    world.activate(&[(one, 1.0)]);
    let restored = world.chat();
    restored
        .restore(saved.clone(), &CancelToken::new())
        .unwrap();
    let fresh = world.chat();
    fresh.replace_history(saved.history().to_vec()).unwrap();
    assert_eq!(ask(&restored), ask(&fresh));
}

#[test]
fn an_adapter_verified_for_another_model_is_refused() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    let verified: Vec<ActiveAdapter> = {
        world.activate(&[(one, 1.0)]);
        world.adapters.roll_back(&world.engine, world.now).unwrap();
        world.activate(&[(one, 1.0)]);
        let review = world
            .adapters
            .review(&world.folder.path().join("1.gguf"), world.now);
        vec![ActiveAdapter {
            adapter: review.unwrap().adapter,
            scale: 1.0,
        }]
    };
    let mut other = TinyModel::llama();
    other.set("general.name", "Another");
    let other = World::with(&other);
    let refused = other.engine.use_adapters(&verified);
    assert!(
        matches!(refused, Err(Error::AdapterInvalid(_))),
        "{refused:?}"
    );
    // And its store does not take the delivery.
    let path = world.folder.path().join("1.gguf");
    let Err(Error::Store(StoreError::Refused(refusal))) = other.adapters.review(&path, other.now)
    else {
        panic!("accepted");
    };
    assert_eq!(refusal.reason(), "other_base_model");
}

#[test]
fn completions_follow_and_scores_do_not() {
    let world = World::new();
    let complete = || {
        let stream = world.engine.complete("The river", &options()).unwrap();
        stream.finish().unwrap().text
    };
    let score = || {
        let prompt = pocketune_core::Prompt::Raw("The river".to_owned());
        let score = world.engine.score(&prompt, " rises", &CancelToken::new());
        score.unwrap().log_probability()
    };
    let (completed, scored) = (complete(), score());
    let one = world.installed(1, 40.0);
    world.activate(&[(one, 1.0)]);
    assert_ne!(complete(), completed);
    assert_eq!(score(), scored);
}
