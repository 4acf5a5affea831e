//! Two handles of one store, as two processes have them.

use std::fs::File;
use std::thread;

use pocketune_store::StoreFolder;

use crate::world::{World, delivery};

#[test]
fn nobody_sweeps_away_what_another_installs() {
    let world = World::new();
    let stray = world.folder.path().join("blobs").join("half.new");
    // What `install` holds meanwhile.
    let lock = File::options()
        .append(true)
        .create(true)
        .open(world.folder.path().join("blobs.lock"))
        .unwrap();
    lock.lock_shared().unwrap();
    std::fs::write(&stray, b"half").unwrap();
    StoreFolder::open(world.folder.path()).unwrap();
    assert!(stray.exists());
    drop(lock);
    StoreFolder::open(world.folder.path()).unwrap();
    assert!(!stray.exists());
}

#[test]
fn installations_at_the_same_time_all_succeed() {
    let world = World::new();
    thread::scope(|scope| {
        for number in 0..4 {
            let world = &world;
            scope.spawn(move || {
                let store = StoreFolder::open(world.folder.path()).unwrap();
                let delivery = delivery(&world.base, number, |release| {
                    release.channel =
                        pocketune_adapter::fixtures::name(&format!("channel-{number}"));
                });
                let installed = store.install(&delivery, &world.situation()).unwrap();
                let wanted = [(installed.sha256(), 1.0)];
                store.activate(&wanted, &world.situation()).unwrap();
            });
        }
    });
    assert_eq!(world.store.installed().unwrap().len(), 4);
    assert_eq!(world.active().len(), 1);
}
