//! Policies come and go, and adapters with them.

use pocketune_adapter::fixtures::{key, policy, sign_policy};
use pocketune_adapter::{PolicyDocument, PolicyError};
use pocketune_store::StoreError;

use crate::world::{World, reason};

fn version(number: u64, change: impl FnOnce(&mut PolicyDocument)) -> Vec<u8> {
    let mut document = policy();
    document.version = number;
    change(&mut document);
    sign_policy(&document, &[1, 2])
}

#[test]
fn without_a_policy_nothing_is_accepted() {
    let world = World::without_policy();
    let refused = world.install(1, 1);
    assert!(matches!(refused, Err(StoreError::NoPolicy)), "{refused:?}");
    // But the model answers.
    assert!(world.active().is_empty());
}

#[test]
fn an_app_pins_newer_policies_only() {
    let world = World::new();
    let pin = |envelope: &[u8]| {
        world
            .store
            .pin_policy(envelope, world.now)
            .unwrap()
            .version()
    };
    assert_eq!(pin(&version(3, |_| ())), 3);
    assert_eq!(pin(&version(2, |_| ())), 3);
    assert_eq!(world.store.policy().unwrap().version(), 3);
}

#[test]
fn a_revoked_adapter_stops_and_the_model_answers() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    let revoking = version(2, |policy| policy.revoked.digests = vec![one]);
    world.store.rotate_policy(&revoking, world.now).unwrap();
    let active = world.store.active(&world.situation()).unwrap();
    assert!(active.adapters.is_empty());
    assert_eq!(active.refused[0].refusal.reason(), "revoked");
    assert_eq!(reason(world.install(1, 1)), "revoked");
}

#[test]
fn one_refused_adapter_takes_the_whole_set_with_it() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    let two = world.install_in("tone", 2, 2).unwrap();
    let both = [(one, 1.0), (two, 1.0)];
    world.store.activate(&both, &world.situation()).unwrap();
    let revoking = version(2, |policy| policy.revoked.digests = vec![one]);
    world.store.rotate_policy(&revoking, world.now).unwrap();
    assert!(world.active().is_empty());
}

#[test]
fn a_rotation_that_takes_a_release_key_away_lets_channels_begin_anew() {
    let world = World::new();
    world.install(1, u64::MAX).unwrap();
    assert_eq!(reason(world.install(2, 4)), "rollback");
    let keeping = version(2, |policy| policy.name = "renamed".to_owned());
    world.store.rotate_policy(&keeping, world.now).unwrap();
    assert_eq!(reason(world.install(2, 4)), "rollback");
    let stolen = key(11).public().id();
    let replacing = version(3, |policy| {
        let mut entry = policy.keys.remove(&stolen).unwrap();
        entry.public = key(13).public();
        policy.keys.insert(entry.public.id(), entry);
        policy.roles.release.keys[0] = key(13).public().id();
    });
    world.store.rotate_policy(&replacing, world.now).unwrap();
    // Signed with 11 and 12: too few for the new policy, but no longer a rollback.
    assert_eq!(reason(world.install(2, 4)), "below_release_threshold");
}

/// Takes the release key 11 away.
fn without_key_11(policy: &mut PolicyDocument) {
    let mut entry = policy.keys.remove(&key(11).public().id()).unwrap();
    entry.public = key(13).public();
    policy.keys.insert(entry.public.id(), entry);
    policy.roles.release.keys[0] = key(13).public().id();
}

/// Before, every channel could be rolled back when one key was lost.
#[test]
fn a_lost_key_lets_only_those_channels_begin_anew_that_it_had_signed() {
    let world = World::without_policy();
    let three_keys = |number, change: fn(&mut PolicyDocument)| {
        version(number, |policy| {
            let mut entry = policy.keys.values().next().unwrap().clone();
            entry.public = key(14).public();
            policy.keys.insert(entry.public.id(), entry);
            policy.roles.release.keys.push(key(14).public().id());
            policy.roles.release.threshold = 1;
            change(policy);
        })
    };
    let first = three_keys(1, |_| ());
    world.store.pin_policy(&first, world.now).unwrap();
    let by = |channel, number, version, keys: &[u8]| {
        let delivery = world.delivery_by(channel, number, version, keys);
        world.store.install(&delivery, &world.situation())
    };
    by("stable", 1, 7, &[11, 12]).unwrap();
    by("tone", 2, 7, &[12, 14]).unwrap();
    let second = three_keys(2, without_key_11);
    world.store.rotate_policy(&second, world.now).unwrap();
    by("stable", 3, 2, &[12]).unwrap();
    assert_eq!(reason(by("tone", 4, 2, &[12])), "rollback");
    // A revoked key counts as lost.
    let third = three_keys(3, |policy| {
        without_key_11(policy);
        policy.revoked.keys = vec![key(14).public().id()];
    });
    world.store.rotate_policy(&third, world.now).unwrap();
    by("tone", 4, 2, &[12]).unwrap();
}

#[test]
fn a_damaged_policy_is_replaced_by_one_that_is_not_older() {
    let world = World::new();
    world
        .store
        .pin_policy(&version(3, |_| ()), world.now)
        .unwrap();
    let one = world.install(1, 1).unwrap();
    let path = world.folder.path().join("store.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    let spoil = "UPDATE policies SET envelope = x'00' WHERE version = 3";
    connection.execute(spoil, []).unwrap();
    let pin = |number| world.store.pin_policy(&version(number, |_| ()), world.now);
    assert!(matches!(pin(2), Err(StoreError::Damaged { .. })));
    assert_eq!(pin(3).unwrap().version(), 3);
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
}

#[test]
fn a_revoked_device_key_takes_what_it_made_with_it() {
    let world = World::new();
    let delivery = world.delivery(1, |release| {
        release.device = Some(key(31).public().id());
        release.channel = pocketune_adapter::fixtures::name("personal");
    });
    let made = world.store.install(&delivery, &world.situation()).unwrap();
    let own = [(made.sha256(), 1.0)];
    world.store.activate(&own, &world.situation()).unwrap();
    let revoking = version(2, |policy| {
        policy.revoked.keys = vec![key(31).public().id()]
    });
    world.store.rotate_policy(&revoking, world.now).unwrap();
    let active = world.store.active(&world.situation()).unwrap();
    assert!(active.adapters.is_empty());
    assert_eq!(active.refused[0].refusal.reason(), "key_revoked");
    let again = world.store.install(&delivery, &world.situation());
    assert_eq!(reason(again), "key_revoked");
}

#[test]
fn a_rotation_that_is_refused_changes_nothing() {
    let world = World::new();
    let refused = world.store.rotate_policy(&version(3, |_| ()), world.now);
    assert!(
        matches!(
            refused,
            Err(StoreError::Policy(PolicyError::VersionNotNext { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(world.store.policy().unwrap().version(), 1);
}
