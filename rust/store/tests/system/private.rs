//! Who may read what a store holds.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pocketune_store::StoreFolder;

use crate::world::World;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Everything in a folder, itself included.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(everything(&path)),
            false => found.push(path),
        }
    }
    found
}

fn assert_private(folder: &Path) {
    for path in everything(folder) {
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), private, "{}", path.display());
    }
}

#[test]
fn a_store_is_its_owners_alone() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("new/store");
    drop(StoreFolder::open(&folder).unwrap());
    assert_private(&around.path().join("new"));

    let world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    let names = everything(world.folder.path());
    let of = |end: &str| {
        names
            .iter()
            .any(|path| path.to_string_lossy().ends_with(end))
    };
    for end in ["store.sqlite", "-wal", "-shm", "blobs.lock", ".gguf"] {
        assert!(of(end), "{end}: {names:?}");
    }
    assert_private(world.folder.path());
}

#[test]
fn what_others_could_read_is_taken_from_them_at_the_next_opening() {
    let world = World::new();
    world.install(1, 1).unwrap();
    for path in everything(world.folder.path()) {
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    // While the first is open, with its log and index.
    let again = StoreFolder::open(world.folder.path()).unwrap();
    assert_private(world.folder.path());
    assert_eq!(again.installed().unwrap().len(), 1);
    let world = world.reopened();
    assert_private(world.folder.path());
    // What its owner may not write stays so.
    let database = world.folder.path().join("store.sqlite");
    set_mode(&database, 0o444);
    let _ = StoreFolder::open(world.folder.path());
    assert_eq!(mode(&database), 0o400);
}

#[test]
fn a_folder_that_holds_something_else_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let [shared, similar] = ["shared", "store.sqlites"].map(|name| folder.path().join(name));
    fs::write(&shared, b"for all").unwrap();
    fs::create_dir(&similar).unwrap();
    set_mode(&shared, 0o644);
    set_mode(&similar, 0o755);
    set_mode(folder.path(), 0o755);
    drop(StoreFolder::open(folder.path()).unwrap());
    assert_eq!(mode(folder.path()), 0o755);
    assert_eq!((mode(&shared), mode(&similar)), (0o644, 0o755));
    for own in ["store.sqlite", "blobs", "blobs.lock"] {
        let path = folder.path().join(own);
        assert_eq!(mode(&path) & 0o077, 0, "{own}");
    }
}

#[test]
fn a_link_in_the_folder_changes_nothing_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (store, elsewhere) = (folder.path().join("store"), folder.path().join("elsewhere"));
    fs::create_dir(&store).unwrap();
    fs::write(&elsewhere, b"").unwrap();
    set_mode(&elsewhere, 0o644);
    std::os::unix::fs::symlink(&elsewhere, store.join("blobs.lock")).unwrap();
    drop(StoreFolder::open(&store));
    assert_eq!(mode(&elsewhere), 0o644);
}
