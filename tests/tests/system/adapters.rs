//! Signed adapters change replies from the next turn on, and go again.

use std::sync::Arc;

use pocketune_adapter::fixtures::at;
use pocketune_core::{
    ActiveAdapter, CancelToken, DigestCache, Engine, EngineOptions, Error, ModelSource, Store,
    StoreError,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;

use pocketune_tests::engine;

use crate::world::{World, ask, options};

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
    let back = |world: &World| world.store.adapters().roll_back(world.now).unwrap();
    assert_eq!(back(&world).len(), 2);
    assert_eq!(world.reply(), under_both);
    back(&world);
    assert_eq!(world.reply(), under_two);
    world.store.adapters().deactivate(world.now).unwrap();
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
    assert!(world.store.adapters().apply(world.now).unwrap().is_empty());
    assert_eq!(world.reply(), under_one);
    // Once it has expired the model answers as it is, and says why.
    let later = at("2027-11-25T07:00:00Z");
    let refused = world.store.adapters().apply(later).unwrap();
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
    fresh.replace_history(saved.history()).unwrap();
    assert_eq!(ask(&restored), ask(&fresh));
}

#[test]
fn an_adapter_verified_for_another_model_is_refused() {
    let world = World::new();
    let one = world.installed(1, 8.0);
    let verified: Vec<ActiveAdapter> = {
        world.activate(&[(one, 1.0)]);
        world.store.adapters().roll_back(world.now).unwrap();
        world.activate(&[(one, 1.0)]);
        let verified = world
            .store
            .adapters()
            .verify(&world.folder.path().join("1.gguf"), world.now);
        vec![ActiveAdapter {
            adapter: verified.unwrap().adapter,
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
    let verified = other.store.adapters().verify(&path, other.now);
    let Err(Error::Store(StoreError::Refused(refusal))) = verified else {
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

/// One weight that is infinite or enormous would make every change look small beside it, and
/// one that is no number cannot be kept as a norm.
#[test]
fn hostile_weights_are_refused_when_norms_are_made() {
    const TENSOR: &str = "blk.1.attn_v.weight";
    let honest = TinyModel::llama().build().unwrap();
    let gguf = Gguf::parse(&honest, honest.len() as u64).unwrap();
    let data = gguf
        .tensor_data(gguf.tensor(TENSOR).unwrap(), &honest)
        .unwrap();
    let start = data.as_ptr() as usize - honest.as_ptr() as usize;
    for hostile in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        1e30,
        1e6,
    ] {
        let mut bytes = honest.clone();
        bytes[start..start + 4].copy_from_slice(&hostile.to_le_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let source = ModelSource::Path(file.path().to_owned());
        let identified = Engine::identify(&source, &DigestCache::in_memory());
        let named =
            matches!(&identified, Err(Error::WeightsUnsound { tensor, .. }) if tensor == TENSOR);
        assert!(named, "{hostile}: {identified:?}");
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(engine(file.path(), &EngineOptions::default()));
        let opened = Store::open_with(folder.path(), engine, None);
        assert!(
            matches!(opened, Err(Error::WeightsUnsound { .. })),
            "{opened:?}"
        );
    }
}
