//! Adapters that the device makes for itself.

use pocketune_adapter::fixtures::{key, name};
use pocketune_store::Situation;

use crate::world::{World, reason};

#[test]
fn a_device_signs_for_itself_and_for_nobody_else() {
    let world = World::new();
    let own = world.device.id();
    let delivery = world.delivery(1, |release| {
        release.device = Some(own);
        release.channel = name("personal");
    });
    let other = key(32).public();
    let elsewhere = Situation {
        device: Some(&other),
        ..world.situation()
    };
    let refused = world.store.install(&delivery, &elsewhere);
    assert_eq!(reason(refused), "no_trusted_signature");
    let installed = world.store.install(&delivery, &world.situation()).unwrap();
    assert!(installed.made_here());
    assert_eq!(installed.signers(), [own]);
    assert!(world.store.installed().unwrap()[0].made_here);
}
