//! Review, install, activate, go back, remove; and what is remembered of it.

use pocketune_store::{Action, StoreError};

use crate::world::{World, reason};

#[test]
fn a_release_is_looked_at_installed_and_used() {
    let world = World::new();
    let delivery = world.delivery(1, |_| ());
    let review = world.store.verify(&delivery, &world.situation()).unwrap();
    assert_eq!(review.adapter.release().changelog, "Answers are shorter.");
    assert_eq!(review.adapter.signers().len(), 2);
    assert!(review.replaces.is_none());
    assert!(
        world.store.installed().unwrap().is_empty(),
        "a look changes nothing"
    );

    let installed = world.store.install(&delivery, &world.situation()).unwrap();
    assert!(world.active().is_empty(), "installed is not active");
    let sha256 = installed.sha256();
    world
        .store
        .activate(&[(sha256, 0.5)], &world.situation())
        .unwrap();
    let world = world.reopened();
    let active = world.store.active(&world.situation()).unwrap();
    assert_eq!(active.adapters[0].adapter.sha256(), sha256);
    assert_eq!(active.adapters[0].scale, 0.5);
    assert!(active.refused.is_empty());

    let next = world.delivery(2, |release| release.version = 4);
    let review = world.store.verify(&next, &world.situation()).unwrap();
    assert_eq!(review.replaces.unwrap().sha256, sha256);
}

#[test]
fn going_back_leads_to_what_was_before_and_ends_at_the_model_as_it_is() {
    let world = World::new();
    let (one, two) = (world.install(1, 1).unwrap(), world.install(2, 2).unwrap());
    let activate = |wanted: &[_]| world.store.activate(wanted, &world.situation()).unwrap();
    activate(&[(one, 1.0)]);
    activate(&[(one, 1.0), (two, 0.3)]);
    activate(&[(two, 1.0)]);
    let back = || world.store.roll_back(&world.situation());
    back().unwrap();
    assert_eq!(world.active(), [one, two]);
    back().unwrap();
    assert_eq!(world.active(), [one]);
    back().unwrap();
    assert_eq!(world.active(), []);
    assert!(matches!(back(), Err(StoreError::NothingBefore)));
}

#[test]
fn going_back_passes_over_what_was_removed() {
    let world = World::new();
    let (one, two, three) = (
        world.install(1, 1).unwrap(),
        world.install(2, 2).unwrap(),
        world.install(3, 3).unwrap(),
    );
    for sha256 in [one, two, three] {
        world
            .store
            .activate(&[(sha256, 1.0)], &world.situation())
            .unwrap();
    }
    world.store.remove(&two, world.now).unwrap();
    world.store.roll_back(&world.situation()).unwrap();
    assert_eq!(world.active(), [one]);
}

#[test]
fn what_is_active_is_not_removed() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    let removed = world.store.remove(&one, world.now);
    assert!(
        matches!(removed, Err(StoreError::InUse { .. })),
        "{removed:?}"
    );
    world.store.deactivate(world.now).unwrap();
    world.store.remove(&one, world.now).unwrap();
    assert_eq!(world.blobs(), Vec::<String>::new());
    let again = world.store.remove(&one, world.now);
    assert!(matches!(again, Err(StoreError::NotInstalled { .. })));
}

#[test]
fn an_older_release_stays_refused_after_removal() {
    let world = World::new();
    let two = world.install(2, 2).unwrap();
    world.store.remove(&two, world.now).unwrap();
    let world = world.reopened();
    assert_eq!(reason(world.install(1, 1)), "rollback");
    assert_eq!(reason(world.install(3, 2)), "version_reused");
    world.install(2, 2).unwrap();
    // Another channel has its own order.
    let other = world.delivery(1, |release| {
        release.version = 1;
        release.channel = pocketune_adapter::fixtures::name("beta");
    });
    world.store.install(&other, &world.situation()).unwrap();
}

#[test]
fn the_history_says_what_happened_and_why_not() {
    let world = World::new();
    let one = world.install(1, 5).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    assert_eq!(reason(world.install(2, 4)), "rollback");
    assert_eq!(reason(world.install(2, 4)), "rollback");
    world.store.roll_back(&world.situation()).unwrap();
    let history = world.store.history(100).unwrap();
    let actions: Vec<Action> = history.iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        [
            Action::RolledBack,
            // Twice the same in a row is once.
            Action::Refused,
            Action::Activated,
            Action::Installed,
            Action::PolicyPinned
        ]
    );
    assert_eq!(history[1].reason.as_deref(), Some("rollback"));
    assert!(history[1].detail.contains("older"), "{}", history[1].detail);
    assert_eq!(history[3].signers.len(), 2);
    assert_eq!(history[3].sha256, Some(one));
    assert_eq!(world.store.history(2).unwrap().len(), 2);
}

#[test]
fn norms_are_kept_by_model() {
    let world = World::new();
    let (base, norms) = (world.base.sha256, &world.base.norms);
    assert_eq!(world.store.base_norms(&base).unwrap(), None);
    world.store.keep_base_norms(&base, norms).unwrap();
    let kept = world.store.base_norms(&base).unwrap();
    assert_eq!(kept.as_ref(), Some(&**norms));
}
