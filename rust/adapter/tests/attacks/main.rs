//! Attacks on the way from a delivery to replies. Each is a folder of `fixtures/` with the
//! files as an attacker would send them, and is refused for a reason of its own.
//!
//! The folders are made by `scripts/attack-fixtures.sh`; what is refused are the committed
//! bytes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod cases;
mod files;
mod property;
mod scene;

use std::path::{Path, PathBuf};

use scene::Files;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn check(name: &str, expected: &str) {
    assert_eq!(Files::read(&folder(name)).verdict(), expected);
}

#[test]
#[ignore = "scripts/attack-fixtures.sh runs it"]
fn write_fixtures() {
    for (name, scene) in cases::all() {
        scene().files().write(&folder(name));
    }
}

#[test]
fn fixtures_are_as_generated() {
    for (name, scene) in cases::all() {
        let (made, committed) = (scene().files(), Files::read(&folder(name)));
        assert!(
            made.named() == committed.named(),
            "{name}: run scripts/attack-fixtures.sh"
        );
    }
}
