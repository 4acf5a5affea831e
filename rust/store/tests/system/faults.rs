//! Damage, and stores that cannot be written.

use std::fs;
use std::path::Path;

use pocketune_base::fixtures::{at_once, make_pipe};
use pocketune_store::{Delivery, StoreError, StoreFolder, bundle_path};

use crate::world::{World, reason};

#[test]
fn what_an_interrupted_installation_left_is_gone_after_opening() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    let blobs = world.folder.path().join("blobs");
    let stray = pocketune_adapter::Digest::of(b"stray");
    fs::write(blobs.join(format!("{stray}.gguf")), b"whole").unwrap();
    fs::write(blobs.join(format!("{stray}.77.new")), b"half").unwrap();
    let world = world.reopened();
    assert_eq!(world.blobs(), [format!("{one}.gguf")]);
}

#[test]
fn a_database_that_is_none_is_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.sqlite"), [7; 5000]).unwrap();
    let opened = StoreFolder::open(folder.path());
    assert!(
        matches!(opened, Err(StoreError::Damaged { .. })),
        "{opened:?}"
    );
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let world = World::new();
    let path = world.folder.path().join("store.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let opened = StoreFolder::open(world.folder.path());
    assert!(
        matches!(opened, Err(StoreError::Newer { found: 99, .. })),
        "{opened:?}"
    );
}

#[test]
fn a_file_in_place_of_the_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(StoreFolder::open(file.path()).is_err());
}

/// Opening a pipe that nobody writes into would wait for ever.
#[test]
fn a_pipe_or_device_as_delivery_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    let read = |path: &Path| {
        let path = path.to_owned();
        match at_once(move || Delivery::read(&path, 1_000)) {
            Err(StoreError::NotAFile { found }) => found,
            other => panic!("{other:?}"),
        }
    };
    make_pipe(&path);
    assert_eq!(read(&path), "a pipe");
    assert_eq!(read(Path::new("/dev/zero")), "a device");
    assert_eq!(read(folder.path()), "a directory");
    // The attestations beside a whole adapter.
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"adapter").unwrap();
    make_pipe(&bundle_path(&path));
    assert_eq!(read(&path), "a pipe");
}

#[test]
fn a_pipe_among_the_files_of_a_store_is_refused() {
    for name in ["store.sqlite", "store.sqlite-wal", "blobs.lock"] {
        let folder = tempfile::tempdir().unwrap();
        make_pipe(&folder.path().join(name));
        let path = folder.path().to_owned();
        let opened = at_once(move || StoreFolder::open(&path));
        assert!(
            matches!(opened, Err(StoreError::NotAFile { found: "a pipe" })),
            "{name}: {opened:?}"
        );
    }
}

#[test]
fn long_files_are_read_to_their_limit() {
    let long = tempfile::NamedTempFile::new().unwrap();
    long.as_file().set_len(1 << 40).unwrap();
    assert_eq!(reason(Delivery::read(long.path(), 1_000)), "too_large");
    let world = World::new();
    let path = world.folder.path().join("delivered.gguf");
    let delivery = world.delivery(1, |_| ());
    fs::write(&path, &delivery.adapter).unwrap();
    // Without attestations it can be read, and is refused.
    let read = Delivery::read(&path, 1 << 20).unwrap();
    assert_eq!(
        reason(world.store.verify(&read, &world.situation())),
        "no_trusted_signature"
    );
    fs::write(bundle_path(&path), &delivery.bundle).unwrap();
    let read = Delivery::read(&path, 1 << 20).unwrap();
    world.store.verify(&read, &world.situation()).unwrap();
}
