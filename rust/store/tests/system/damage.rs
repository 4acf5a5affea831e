//! Files that are not what the store put there: the model answers as it is, a reason is
//! given, everything else goes on, and installing again mends it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use pocketune_adapter::Digest;
use pocketune_base::fixtures::{at_once, make_pipe};

use crate::world::{World, reason};

/// Changes the file at a path.
type Damage = fn(&Path);

/// What can become of a file.
const DAMAGES: [(&str, Damage); 9] = [
    ("one bit", |path| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("cut short", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("empty", |path| fs::write(path, b"").unwrap()),
    ("longer", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes.push(0);
        fs::write(path, bytes).unwrap();
    }),
    ("gone", |path| fs::remove_file(path).unwrap()),
    ("a pipe", |path| {
        fs::remove_file(path).unwrap();
        make_pipe(path);
    }),
    ("a folder", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        fs::write(path.join("something"), b"of somebody").unwrap();
    }),
    ("a link to itself", |path| {
        fs::remove_file(path).unwrap();
        symlink(path, path).unwrap();
    }),
    ("a link to a device", |path| {
        fs::remove_file(path).unwrap();
        symlink("/dev/zero", path).unwrap();
    }),
];

fn blob(world: &World, sha256: Digest) -> PathBuf {
    world.folder.path().join(format!("blobs/{sha256}.gguf"))
}

/// A world whose active adapter has this damage.
fn damaged(damage: Damage) -> (World, Digest) {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    world
        .store
        .activate(&[(one, 1.0)], &world.situation())
        .unwrap();
    damage(&blob(&world, one));
    (world, one)
}

#[test]
fn damage_is_a_refusal_with_a_reason() {
    for (what, damage) in DAMAGES {
        let (world, one) = damaged(damage);
        let (world, active) = at_once(move || {
            let world = world.reopened();
            let active = world.store.active(&world.situation());
            (world, active)
        });
        let active = active.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(active.adapters.is_empty(), "{what}");
        let refused = &active.refused[0];
        assert_eq!(
            (refused.sha256, refused.refusal.reason()),
            (one, "damaged"),
            "{what}"
        );
        // The rest goes on.
        assert_eq!(world.store.installed().unwrap().len(), 1);
        let two = world.install(2, 2).unwrap();
        world
            .store
            .activate(&[(two, 1.0)], &world.situation())
            .unwrap();
        assert_eq!(world.active(), [two], "{what}");
        let back = world.store.activate(&[(one, 1.0)], &world.situation());
        assert_eq!(reason(back), "damaged", "{what}");
        world.store.remove(&one, world.now).unwrap();
        assert_eq!(world.store.installed().unwrap().len(), 1);
    }
}

#[test]
fn installing_again_mends_it() {
    for (what, damage) in DAMAGES {
        let (world, one) = damaged(damage);
        let (world, again) = at_once(move || {
            let again = world.install(1, 1);
            (world, again)
        });
        assert_eq!(again.unwrap(), one, "{what}");
        assert_eq!(world.active(), [one], "{what}");
        let bytes = fs::read(blob(&world, one)).unwrap();
        assert_eq!(Digest::of(&bytes), one, "{what}");
    }
}

#[test]
fn going_back_passes_over_what_is_damaged() {
    for (what, damage) in DAMAGES {
        let (world, one) = damaged(damage);
        let two = world.install_in("tone", 2, 1).unwrap();
        let activate = |sha256| {
            let wanted = [(sha256, 1.0)];
            world.store.activate(&wanted, &world.situation()).unwrap();
        };
        activate(two);
        let three = world.install_in("length", 3, 1).unwrap();
        activate(three);
        let back = |expected: &[Digest]| {
            world.store.roll_back(&world.situation()).unwrap();
            assert_eq!(world.active(), expected, "{what}");
        };
        back(&[two]);
        back(&[]);
        let _ = one;
    }
}

/// A row that is gone is damage too: nothing that is active is ever removed.
#[test]
fn a_lost_row_of_an_active_adapter_is_damage() {
    let (world, one) = damaged(|_| ());
    let path = world.folder.path().join("store.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute("DELETE FROM adapters", []).unwrap();
    let active = world.store.active(&world.situation()).unwrap();
    assert_eq!(active.refused[0].refusal.reason(), "damaged");
    world.install(1, 1).unwrap();
    assert_eq!(world.active(), [one]);
}

#[test]
fn what_cannot_be_swept_is_passed_over() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    let blobs = world.folder.path().join("blobs");
    fs::create_dir(blobs.join("holiday")).unwrap();
    fs::write(blobs.join("holiday/picture.jpg"), b"picture").unwrap();
    let stray = Digest::of(b"stray");
    fs::create_dir(blobs.join(format!("{stray}.gguf"))).unwrap();
    symlink("nowhere", blobs.join("link")).unwrap();
    make_pipe(&blobs.join("pipe"));
    fs::write(blobs.join("half.new"), b"half").unwrap();
    let world = world.reopened();
    assert_eq!(world.store.installed().unwrap()[0].sha256, one);
    let mut left = vec![
        format!("{one}.gguf"),
        format!("{stray}.gguf"),
        "holiday".to_owned(),
    ];
    left.sort();
    assert_eq!(world.blobs(), left);
    assert!(blobs.join("holiday/picture.jpg").exists());
}

/// Root reads and removes what others may not.
#[test]
fn what_may_not_be_read_is_damaged() {
    let (world, one) = damaged(|path| {
        fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
    });
    if fs::read(blob(&world, one)).is_ok() {
        assert_eq!(world.active(), [one]);
        return;
    }
    let active = world.store.active(&world.situation()).unwrap();
    assert_eq!(active.refused[0].refusal.reason(), "damaged");
    world.install(1, 1).unwrap();
    assert_eq!(world.active(), [one]);
}
