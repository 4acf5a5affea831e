//! What adapters may do together: limits of a policy hold for sets, too.

use pocketune_adapter::fixtures::{policy, sign_policy};
use pocketune_adapter::{Digest, Refusal};
use pocketune_store::{Action, StoreError};
use rusqlite::Connection;

use crate::world::{World, reason};

/// A world whose policy allows an adapter `times` what adapter 1 does alone.
fn world_with_limit(times: f64) -> (World, f64) {
    let plain = World::new();
    let probe = plain.delivery(1, |_| ());
    let adapter = plain
        .store
        .verify(&probe, &plain.situation())
        .unwrap()
        .adapter;
    // All norms of the tiny model are 1.
    let norms = adapter.adapter().update_norms();
    let largest = norms.into_iter().fold(0.0, f64::max);
    let world = World::without_policy();
    let mut document = policy();
    document.roles.device = None;
    document.roles.release.limits.max_update_norm = largest * times;
    let envelope = sign_policy(&document, &[1, 2]);
    world.store.pin_policy(&envelope, world.now).unwrap();
    (world, largest)
}

fn activate(world: &World, wanted: &[(Digest, f32)]) -> Result<(), StoreError> {
    let activated = world.store.activate(wanted, &world.situation());
    // An experiment's arm goes the same way.
    let arm = world.store.verified(wanted, &world.situation());
    assert_eq!(activated.is_ok(), arm.is_ok());
    activated.map(|_| ())
}

#[test]
fn scales_lie_between_0_and_1() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    for scale in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1000.0,
        -1.0,
        1.000_001,
        -f32::MIN_POSITIVE,
    ] {
        let refused = activate(&world, &[(one, scale)]);
        assert!(matches!(refused, Err(StoreError::Scale { .. })), "{scale}");
    }
    for scale in [0.0, f32::MIN_POSITIVE, 0.5, 1.0] {
        activate(&world, &[(one, scale)]).unwrap();
    }
}

#[test]
fn an_adapter_occurs_once() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    assert_eq!(reason(activate(&world, &[(one, 0.1); 20])), "adapter_twice");
    assert_eq!(
        reason(activate(&world, &[(one, 0.5), (one, 0.25)])),
        "adapter_twice"
    );
    assert!(world.active().is_empty());
}

/// What was accepted may be used, alone and with others, until the policy revokes it; the
/// policy's limit is all that a set is held to.
#[test]
fn a_superseded_release_may_be_chosen_until_it_is_revoked() {
    let world = World::new();
    let (one, two) = (world.install(1, 1).unwrap(), world.install(2, 2).unwrap());
    let other = world.install_in("tone", 3, 1).unwrap();
    for wanted in [
        &[(one, 1.0)][..],
        &[(other, 1.0), (one, 1.0)],
        &[(two, 0.5), (one, 0.5)],
    ] {
        activate(&world, wanted).unwrap();
        let active = world.active();
        assert_eq!(active.len(), wanted.len());
        assert!(active.contains(&one));
    }
    let mut revoking = policy();
    revoking.version = 2;
    revoking.revoked.digests = vec![one];
    let revoking = sign_policy(&revoking, &[1, 2]);
    world.store.rotate_policy(&revoking, world.now).unwrap();
    assert!(world.active().is_empty());
    assert_eq!(
        reason(activate(&world, &[(two, 0.5), (one, 0.5)])),
        "revoked"
    );
}

#[test]
fn a_set_changes_no_matrix_by_more_than_the_policy_allows() {
    let (world, _) = world_with_limit(1.5);
    let one = world.install(1, 1).unwrap();
    let two = world.install_in("tone", 2, 1).unwrap();
    activate(&world, &[(one, 1.0)]).unwrap();
    assert_eq!(
        reason(activate(&world, &[(one, 1.0), (two, 1.0)])),
        "set_beyond_limit"
    );
    activate(&world, &[(one, 0.7), (two, 0.7)]).unwrap();
    let history = world.store.history(10).unwrap();
    let refused = history.iter().find(|entry| entry.action == Action::Refused);
    assert_eq!(refused.unwrap().reason.as_deref(), Some("set_beyond_limit"));
}

/// The limit itself is allowed, whatever way it is shared out.
#[test]
fn rounding_of_scales_refuses_nothing() {
    let (world, _) = world_with_limit(1.03);
    let one = world.install(1, 1).unwrap();
    let two = world.install_in("tone", 2, 1).unwrap();
    for tenths in 0..=10 {
        let scale = tenths as f32 / 10.0;
        activate(&world, &[(one, scale), (two, 1.0 - scale)]).unwrap();
    }
}

/// A set from before these rules, or from under a policy that allowed more: it is refused
/// when it is looked at, and the model answers as it is.
#[test]
fn what_was_active_before_is_held_to_the_same() {
    let spoil = |statement: &str| {
        let world = World::new();
        let one = world.install(1, 1).unwrap();
        activate(&world, &[(one, 1.0)]).unwrap();
        let path = world.folder.path().join("store.sqlite");
        let changed = Connection::open(path).unwrap().execute(statement, []);
        assert_eq!(changed.unwrap(), 1);
        let active = world.store.active(&world.situation()).unwrap();
        assert!(active.adapters.is_empty());
        // The way out.
        activate(&world, &[(one, 1.0)]).unwrap();
        world.store.roll_back(&world.situation()).unwrap();
        assert!(world.active().is_empty());
        active.refused[0].refusal.clone()
    };
    for scale in ["1000.0", "-1.0", "9e999"] {
        let refusal = spoil(&format!("UPDATE active_members SET scale = {scale}"));
        assert!(
            matches!(refusal, Refusal::ScaleOutOfRange { .. }),
            "{scale}"
        );
    }
    let refusal = spoil(
        "INSERT INTO active_members SELECT set_id, position + 1, sha256, scale
         FROM active_members",
    );
    assert_eq!(refusal, Refusal::AdapterTwice);
}
