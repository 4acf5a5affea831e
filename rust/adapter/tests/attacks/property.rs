//! Any flipped byte is refused.

use crate::scene::{Files, Scene};

/// Every byte of a file in turn with one bit changed.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).map(|at| {
        let mut spoiled = bytes.to_vec();
        spoiled[at] ^= 1 << (at % 8);
        (at, spoiled)
    })
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
    // The name of a field that is a hint: without it all keys are tried.
    let hints: Vec<usize> = text.match_indices("keyid").map(|(at, _)| at).collect();
    for (at, bundle) in flips(&honest.bundle) {
        if hints.iter().any(|&hint| (hint..hint + 5).contains(&at)) {
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
    let hints: Vec<usize> = text.match_indices("keyid").map(|(at, _)| at).collect();
    for (at, policy) in flips(&honest.policies[0]) {
        if hints.iter().any(|&hint| (hint..hint + 5).contains(&at)) {
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
