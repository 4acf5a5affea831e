//! Any flipped byte is refused.

use std::ops::Range;

use crate::scene::{Files, Scene};

/// Every byte of a file in turn with one bit changed.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).map(|at| {
        let mut spoiled = bytes.to_vec();
        spoiled[at] ^= 1 << (at % 8);
        (at, spoiled)
    })
}

/// Where names of keys stand, with the names of their fields: hints, which decide nothing.
fn hints(text: &str) -> Vec<Range<usize>> {
    const HINT: &str = r#"keyid":"#;
    let all = text.match_indices(HINT);
    all.map(|(at, _)| at..at + HINT.len() + 1 + 64).collect()
}

#[test]
fn a_flipped_byte_of_the_adapter() {
    let honest = Scene::honest().files();
    for (at, adapter) in flips(&honest.adapter) {
        let files = Files {
            adapter,
            bundle: honest.bundle.clone(),
            policies: honest.policies.clone(),
            situation: honest.situation.clone(),
        };
        assert_eq!(files.verdict(), "other_subject", "byte {at}");
    }
}

#[test]
fn a_flipped_byte_of_the_attestations() {
    let honest = Scene::honest().files();
    let text = String::from_utf8(honest.bundle.clone()).unwrap();
    let hints = hints(&text);
    for (at, bundle) in flips(&honest.bundle) {
        if hints.iter().any(|hint| hint.contains(&at)) {
            continue;
        }
        let files = Files {
            adapter: honest.adapter.clone(),
            bundle,
            policies: honest.policies.clone(),
            situation: honest.situation.clone(),
        };
        assert_ne!(files.verdict(), "accepted", "byte {at}");
    }
}

#[test]
fn a_flipped_byte_of_the_policy() {
    let honest = Scene::honest().files();
    let text = String::from_utf8(honest.policies[0].clone()).unwrap();
    let hints = hints(&text);
    for (at, policy) in flips(&honest.policies[0]) {
        if hints.iter().any(|hint| hint.contains(&at)) {
            continue;
        }
        let files = Files {
            adapter: honest.adapter.clone(),
            bundle: honest.bundle.clone(),
            policies: vec![policy],
            situation: honest.situation.clone(),
        };
        assert_ne!(files.verdict(), "accepted", "byte {at}");
    }
}
