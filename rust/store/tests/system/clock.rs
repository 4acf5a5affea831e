//! Time passes, and clocks are wrong.

use pocketune_adapter::fixtures::{at, policy, sign_policy};

use crate::world::{World, reason};

#[test]
fn an_expired_release_leaves_the_model_and_a_reason() {
    let mut world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    world.now = at("2027-11-01T00:00:00Z");
    let active = world.store.active(&world.situation()).unwrap();
    assert!(active.adapters.is_empty());
    assert_eq!(active.refused[0].refusal.reason(), "expired");
    world.now = at("2028-01-01T00:00:00Z");
    let active = world.store.active(&world.situation()).unwrap();
    assert_eq!(active.refused[0].refusal.reason(), "policy_expired");
    // Each start asks; the history says it once a reason.
    world.store.active(&world.situation()).unwrap();
    let refusals = world.store.history(100).unwrap();
    let refusals = refusals.iter().filter(|entry| entry.reason.is_some());
    assert_eq!(refusals.count(), 2);
}

#[test]
fn a_clock_set_back_revives_nothing() {
    let mut world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    world.now = at("2027-12-01T00:00:00Z");
    assert!(world.active().is_empty());
    world.now = at("2026-12-01T00:00:00Z");
    let mut world = world.reopened();
    assert!(world.active().is_empty(), "it has expired");
    assert_eq!(reason(world.install(2, 2)), "expired");
    assert_eq!(world.store.clock_behind_s(world.now).unwrap(), 365 * 86_400);
    // Unless the other time was wrong, and the user says so.
    world.store.trust_clock(world.now).unwrap();
    assert_eq!(world.active(), [one]);
    assert_eq!(world.store.clock_behind_s(world.now).unwrap(), 0);
    world.now = at("2026-12-02T00:00:00Z");
    assert_eq!(world.active(), [one]);
}

/// Before, a phone whose clock starts in 1970 took what had expired years ago.
#[test]
fn at_the_first_start_the_time_is_not_before_the_policy() {
    let mut world = World::without_policy();
    world.now = at("1970-01-02T00:00:00Z");
    let envelope = sign_policy(&policy(), &[1, 2]);
    world.store.pin_policy(&envelope, world.now).unwrap();
    let expired = world.delivery(1, |release| release.expires = at("2025-12-31T00:00:00Z"));
    let refused = world.store.install(&expired, &world.situation());
    assert_eq!(reason(refused), "expired");
    let days = |from: &str| at(from).unix_seconds() - world.now.unix_seconds();
    let behind = world.store.clock_behind_s(world.now).unwrap();
    assert_eq!(behind.cast_signed(), days("2026-01-01T00:00:00Z"));
    // What is good then is good, and a user who insists changes nothing of what is certain.
    world.install(2, 2).unwrap();
    world.store.trust_clock(world.now).unwrap();
    let refused = world.store.install(&expired, &world.situation());
    assert_eq!(reason(refused), "expired");
}
