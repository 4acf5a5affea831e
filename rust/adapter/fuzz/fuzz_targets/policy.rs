//! Any bytes as a policy that roots have signed: what is accepted means one thing.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pocketune_adapter::fixtures::key;
use pocketune_adapter::{Envelope, POLICY_TYPE, TrustPolicy};

fuzz_target!(|bytes: &[u8]| {
    let mut envelope = Envelope::new(POLICY_TYPE, bytes.to_vec());
    for number in [1, 2] {
        envelope.sign(&key(number));
    }
    let Ok(policy) = TrustPolicy::pinned(envelope.to_json().as_bytes()) else {
        return;
    };
    let roles = &policy.document().roles;
    let mut seen = BTreeSet::new();
    for (keys, threshold) in [
        (&roles.root.keys, roles.root.threshold),
        (&roles.release.keys, roles.release.threshold),
        (&roles.validation.keys, roles.validation.threshold),
    ] {
        assert!(threshold > 0 && threshold <= keys.len());
        assert!(keys.iter().all(|key| seen.insert(*key)), "a key in two places");
    }
});
