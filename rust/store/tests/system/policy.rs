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
    let (one, two) = (world.install(1, 1).unwrap(), world.install(2, 2).unwrap());
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
