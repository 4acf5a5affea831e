//! Any bytes beside a good delivery's lines: it is accepted all the same.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pocketune_adapter::BUNDLE_LINES_MAX;

#[path = "../../tests/bundles/world.rs"]
#[allow(dead_code)]
mod world;

static WORLD: LazyLock<world::World> = LazyLock::new(world::World::new);

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    if lines + 3 > BUNDLE_LINES_MAX {
        return;
    }
    let own = WORLD.lines.join("\n");
    let own = own.as_bytes();
    for [one, other] in [[bytes, own], [own, bytes]] {
        let bundle = [one, b"\n", other].concat();
        assert!(WORLD.verify(&bundle).is_ok());
    }
});
