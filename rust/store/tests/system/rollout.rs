//! Releases in stages, and halts, as a device meets them.

use pocketune_adapter::fixtures::{at, attest};
use pocketune_adapter::{
    Digest, Halt, InstallationId, Predicate, Refusal, Stage, Stages, SubjectKind, Timestamp,
};
use pocketune_store::{Delivery, StoreError};
use rusqlite::Connection;

use crate::world::{World, reason};

const FIRST: &str = "2026-11-20T00:00:00Z";
const LAST: &str = "2026-12-01T00:00:00Z";

fn stages(all: &[(f64, &str)]) -> Option<Stages> {
    let stage = |&(percent, from): &(f64, &str)| Stage {
        percent,
        from: at(from),
    };
    Some(Stages::try_from(all.iter().map(stage).collect::<Vec<_>>()).unwrap())
}

fn id(world: &World) -> Vec<u8> {
    let connection = Connection::open(world.folder.path().join("store.sqlite")).unwrap();
    let query = "SELECT id FROM installation";
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// The delivery with a halt of it.
fn halted(delivery: &Delivery) -> Delivery {
    let halt = Predicate::Halt(Box::new(Halt {
        created: at("2026-11-24T00:00:00Z"),
        reason: "Answers are too short.".to_owned(),
    }));
    let line = attest(Digest::of(&delivery.adapter), halt, &[11, 12]);
    Delivery {
        adapter: delivery.adapter.clone(),
        bundle: [&delivery.bundle, line.as_bytes()].concat().into(),
    }
}

fn not_yet<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> Option<Timestamp> {
    match outcome.unwrap_err() {
        StoreError::Refused(refusal) => match *refusal {
            Refusal::NotYet { from } => from,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_waits_for_its_stage() {
    let mut world = World::new();
    let delivery = world.delivery(1, |release| {
        release.stages = stages(&[(1e-9, FIRST), (100.0, LAST)]);
    });
    let review = world.store.verify(&delivery, &world.situation());
    assert_eq!(not_yet(review), Some(at(LAST)));
    let install = world.store.install(&delivery, &world.situation());
    assert_eq!(not_yet(install), Some(at(LAST)));
    assert!(world.store.installed().unwrap().is_empty());
    // An older release of the channel is not held back by one that is not for this device yet.
    world.install(2, 1).unwrap();
    world.now = at(LAST);
    world.store.install(&delivery, &world.situation()).unwrap();
    // Where no stage takes it in there is no moment to wait for.
    let delivery = world.delivery(3, |release| {
        release.version = 4;
        release.stages = stages(&[(1e-9, FIRST)]);
    });
    let install = world.store.install(&delivery, &world.situation());
    assert_eq!(not_yet(install), None);
}

#[test]
fn the_stage_is_the_one_of_the_installations_number() {
    let world = World::new();
    let number = InstallationId::from_bytes(id(&world).try_into().unwrap());
    let quarters = stages(&[
        (25.0, "2026-11-01T00:00:00Z"),
        (50.0, "2026-11-02T00:00:00Z"),
        (75.0, "2026-12-01T00:00:00Z"),
        (100.0, "2026-12-02T00:00:00Z"),
    ]);
    for file in 1..=12 {
        let delivery = world.delivery(file, |release| release.stages.clone_from(&quarters));
        let sha256 = Digest::of(&delivery.adapter);
        let opens = quarters.as_ref().unwrap().opens(&sha256, &number).unwrap();
        match world.store.verify(&delivery, &world.situation()) {
            Ok(_) => assert!(opens <= world.now),
            refused => assert_eq!(not_yet(refused), Some(opens)),
        }
    }
}

#[test]
fn the_installations_number_is_made_once_and_stays_here() {
    let world = World::new();
    let number = id(&world);
    assert_eq!(number.len(), 32);
    assert_ne!(number, id(&World::new()));
    let delivery = world.delivery(1, |release| release.stages = stages(&[(1e-9, FIRST)]));
    world
        .store
        .verify(&delivery, &world.situation())
        .unwrap_err();
    let told = format!("{:?}", world.store.history(9).unwrap());
    let hex: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(told.contains("not_yet") && !told.contains(&hex), "{told}");
    let world = world.reopened();
    assert_eq!(id(&world), number);
}

#[test]
fn a_halt_stops_who_does_not_have_it_and_nobody_else() {
    let mut world = World::new();
    let delivery = world.delivery(1, |release| {
        release.stages = stages(&[(1e-9, FIRST), (100.0, LAST)]);
    });
    let with_halt = halted(&delivery);
    let install = |world: &World, delivery| world.store.install(delivery, &world.situation());
    assert_eq!(reason(install(&world, &with_halt)), "halted");
    world.now = at(LAST);
    assert_eq!(reason(install(&world, &with_halt)), "halted");

    // A device that has it keeps it, also when it hears of the halt.
    let sha256 = install(&world, &delivery).unwrap().sha256();
    let activate = |world: &World| world.store.activate(&[(sha256, 1.0)], &world.situation());
    activate(&world).unwrap();
    install(&world, &with_halt).unwrap();
    assert_eq!(world.active(), [sha256]);
    let world = world.reopened();
    assert_eq!(world.active(), [sha256]);
    world.store.deactivate(world.now).unwrap();
    activate(&world).unwrap();

    // Once removed it is not here.
    world.store.deactivate(world.now).unwrap();
    world.store.remove(&sha256, world.now).unwrap();
    assert_eq!(reason(install(&world, &with_halt)), "halted");
}

/// What is no adapter is delivered again at each start.
#[test]
fn a_file_that_was_accepted_here_stays_accepted() {
    let mut world = World::new();
    let delivery = world.delivery(1, |release| {
        release.kind = SubjectKind::Suite;
        release.lora = None;
        release.stages = stages(&[(1e-9, FIRST), (100.0, LAST)]);
    });
    let with_halt = halted(&delivery);
    let accept = |world: &World, delivery| {
        let kind = SubjectKind::Suite;
        world.store.accept_file(kind, delivery, &world.situation())
    };
    assert_eq!(not_yet(accept(&world, &delivery)), Some(at(LAST)));
    assert_eq!(reason(accept(&world, &with_halt)), "halted");
    let now = world.now;
    world.now = at(LAST);
    accept(&world, &delivery).unwrap();
    world.now = now;
    accept(&world, &delivery).unwrap();
    accept(&world, &with_halt).unwrap();
}

/// More devices by a newer statement about the same version of the same file.
#[test]
fn a_newer_statement_of_a_version_brings_more_stages() {
    let world = World::new();
    let staged = |created: &str, percent| {
        world.delivery(1, |release| {
            release.created = at(created);
            release.stages = stages(&[(percent, FIRST)]);
        })
    };
    let (first, second) = (staged(FIRST, 1e-9), staged("2026-11-23T00:00:00Z", 100.0));
    assert_eq!(
        not_yet(world.store.verify(&first, &world.situation())),
        None
    );
    for (one, other) in [(&first, &second), (&second, &first)] {
        let both = Delivery {
            adapter: one.adapter.clone(),
            bundle: [&*one.bundle, &*other.bundle].concat().into(),
        };
        world.store.verify(&both, &world.situation()).unwrap();
    }
}
