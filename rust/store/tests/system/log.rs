//! What was removed stands in no file of the store any more, its log included.

use std::fs;

use pocketune_store::{Purpose, REVIEWS_MAX, StoreError, StoreFolder};
use rusqlite::Connection;

use crate::world::World;

const SECRET: &str = "a sentence that somebody wrote in confidence";

/// Names of the files of the store that hold the sentence.
fn holding(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.folder.path()).unwrap();
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes())
        {
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names
}

fn agreed() -> World {
    let world = World::new();
    let agree = |purpose| world.store.set_consent(purpose, true, world.now).unwrap();
    agree(Purpose::Review);
    world
}

fn keep(world: &World, id: &str, content: &str) {
    world.store.keep_for_review(id, content, world.now).unwrap();
}

#[test]
fn evicted_items_are_gone() {
    let world = agreed();
    keep(&world, "first", SECRET);
    assert!(!holding(&world).is_empty());
    for number in 1..REVIEWS_MAX {
        keep(&world, &number.to_string(), "{}");
    }
    assert!(!holding(&world).is_empty());
    keep(&world, "last", "{}");
    assert_eq!(holding(&world), Vec::<String>::new());
}

#[test]
fn forgotten_experiments_are_gone() {
    let world = World::new();
    let run = world
        .store
        .start_experiment("experiment", b"definition", world.now)
        .unwrap();
    let to = pocketune_store::StoredRun {
        experiment: "experiment",
        run: &run,
        last: 0,
    };
    world
        .store
        .append_events(&to, &[SECRET.to_owned()])
        .unwrap();
    assert!(!holding(&world).is_empty());
    world.store.forget_experiment("experiment").unwrap();
    assert_eq!(holding(&world), Vec::<String>::new());
}

/// Before, a reader in the way went unnoticed, and the log was never emptied.
#[test]
fn a_reader_in_the_way_is_waited_for() {
    let world = agreed();
    keep(&world, "first", SECRET);
    let path = world.folder.path().join("store.sqlite");
    let reader = Connection::open(path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let items: i64 = reader
        .query_row("SELECT count(*) FROM review_items", [], |row| row.get(0))
        .unwrap();
    assert_eq!(items, 1);
    world.store.forget_review("first").unwrap();
    assert!(!holding(&world).is_empty(), "the reader still sees it");
    reader.execute_batch("END").unwrap();
    // Any later call.
    assert!(world.store.reviews().unwrap().is_empty());
    assert_eq!(holding(&world), Vec::<String>::new());
}

#[test]
fn what_a_killed_process_left_in_the_log_is_gone_after_opening() {
    let world = agreed();
    keep(&world, "first", SECRET);
    let path = world.folder.path().join("store.sqlite");
    let reader = Connection::open(path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM review_items")
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    // Removed, and killed before the log was emptied.
    let connection = Connection::open(world.folder.path().join("store.sqlite")).unwrap();
    connection
        .pragma_update(None, "secure_delete", true)
        .unwrap();
    connection.execute("DELETE FROM review_items", []).unwrap();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        fs::copy(world.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = StoreFolder::open(copy.path()).unwrap();
    assert!(store.reviews().unwrap().is_empty());
    let world = World {
        folder: copy,
        store,
        ..World::without_policy()
    };
    assert_eq!(holding(&world), Vec::<String>::new());
}

/// A page that does not fit the others is found where a process ended without closing the
/// database, before anything is read from it.
#[test]
fn a_damaged_database_is_found_after_a_crash() {
    let world = agreed();
    for number in 0..200 {
        keep(&world, &number.to_string(), &"x".repeat(2_000));
    }
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        fs::copy(world.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    // The log goes into the database first, and a small one is left behind.
    let open = || Connection::open(copy.path().join("store.sqlite")).unwrap();
    drop(open().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let path = copy.path().join("store.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let page = 4096;
    let last = bytes.len() / page - 3;
    bytes[last * page..(last + 1) * page].fill(0xff);
    fs::write(&path, bytes).unwrap();
    fs::write(copy.path().join("store.sqlite-wal"), [0; 64]).unwrap();
    let opened = StoreFolder::open(copy.path());
    assert!(
        matches!(opened, Err(StoreError::Damaged { .. })),
        "{opened:?}"
    );
}
