//! The root of what lasts, with an engine and without one.

use std::sync::Arc;

use pocketune_core::{
    ChatOptions, Definition, Error, GenerationOptions, Purpose, StopReason, Store, StoreError,
};
use serde_json::json;

use crate::experiment::definition;
use crate::world::World;

/// It repeats itself, but not without end.
const DOUBTFUL: &str = "Because air scatters blue light more than red light (as it does at noon.";

#[test]
fn without_an_engine_it_lists_exports_forgets_and_removes() {
    let world = World::new();
    let adapter = world.installed(1, 8.0);
    let metrics = json!([{ "measure": "pick", "role": "primary" }]);
    let definition = Definition::parse(&definition(&adapter, "side_by_side", &metrics)).unwrap();
    let started = world.store.experiments().start(&definition, world.now);
    started.unwrap().assign("a", world.now).unwrap();
    for purpose in [Purpose::Review, Purpose::ReviewSharing] {
        world.store.set_consent(purpose, true, world.now).unwrap();
    }
    let (end, now) = (StopReason::EndOfTurn, world.now);
    let reviews = world.store.reviews();
    let kept = reviews.offer_reply(None, "Why is the sky blue?", DOUBTFUL, end, now);
    let kept = kept.unwrap().unwrap();
    world.store.reviews().share(&kept, true).unwrap();
    let World { folder, .. } = world;

    let store = Store::open(&folder.path().join("store")).unwrap();
    assert!(store.engine().is_none());
    let given = store.consents().unwrap();
    assert_eq!(given, [Purpose::Review, Purpose::ReviewSharing]);
    assert!(store.reviews().export(now).unwrap().contains(&kept));
    let experiment = store.experiments().all().unwrap().remove(0);
    assert!(experiment.ledger().unwrap().contains("exposure"));
    let exposures = experiment.verdict(now).unwrap().exposures;
    assert_eq!(exposures.iter().sum::<u64>(), 1);
    store.experiments().forget(experiment.sha256()).unwrap();
    assert!(store.experiments().all().unwrap().is_empty());
    store.set_consent(Purpose::Review, false, now).unwrap();
    assert!(store.reviews().list().unwrap().is_empty());
    assert_eq!(store.adapters().installed().unwrap().len(), 1);
    assert!(!store.adapters().history(10).unwrap().is_empty());
    store.adapters().deactivate(now).unwrap();
    store.adapters().remove(&adapter, now).unwrap();
    assert!(store.adapters().installed().unwrap().is_empty());
}

#[test]
fn what_needs_a_model_says_that_there_is_none() {
    let world = World::new();
    let adapter = world.installed(1, 8.0);
    let path = world.delivered(2, 4.0);
    let metrics = json!([{ "measure": "thumb", "role": "primary" }]);
    let definition = definition(&adapter, "by_conversation", &metrics);
    let definition = Definition::parse(&definition).unwrap();
    let World { folder, now, .. } = &world;
    let store = Store::open(&folder.path().join("store")).unwrap();
    let adapters = store.adapters();
    let not_now = |error: Option<Error>| matches!(error, Some(Error::NotNow { .. }));
    assert!(not_now(adapters.apply(*now).err()));
    assert!(not_now(adapters.verify(&path, *now).err()));
    assert!(not_now(adapters.install(&path, *now).err()));
    assert!(not_now(adapters.activate(&[(adapter, 1.0)], *now).err()));
    assert!(not_now(adapters.roll_back(*now).err()));
    assert!(not_now(store.reward_models().open(&path, *now).err()));
    let delivered = store.experiments().start_delivered(&path, *now);
    assert!(not_now(delivered.err()));
    let experiment = store.experiments().start(&definition, *now).unwrap();
    let chat = experiment.chat("a", ChatOptions::default(), *now);
    assert!(not_now(chat.err()));
    // Nothing was written.
    assert_eq!(experiment.arm_of("a").unwrap(), None);
    assert_eq!(adapters.installed().unwrap().len(), 1);
}

#[test]
fn a_store_closes_the_engine_that_it_owns() {
    let world = World::new();
    let chat = world.chat();
    assert!(Arc::ptr_eq(world.store.engine().unwrap(), &world.engine));
    world.store.close();
    let said = chat.send("The river rises", &GenerationOptions::greedy());
    let ended = said.and_then(|stream| stream.finish());
    assert!(matches!(ended, Err(Error::Closed)), "{ended:?}");
    // What lies on disk stays in reach.
    assert!(world.store.adapters().installed().unwrap().is_empty());
}

#[test]
fn nobody_agrees_to_what_nothing_does() {
    let world = World::new();
    for purpose in Purpose::ALL {
        let given = world.store.set_consent(purpose, true, world.now);
        match purpose {
            Purpose::Review | Purpose::ReviewSharing => given.unwrap(),
            unused => assert!(matches!(
                given,
                Err(Error::Store(StoreError::PurposeUnused { purpose })) if purpose == unused
            )),
        }
        // Taking back what was never given is no mistake.
        world.store.set_consent(purpose, false, world.now).unwrap();
    }
    assert!(world.store.consents().unwrap().is_empty());
}
