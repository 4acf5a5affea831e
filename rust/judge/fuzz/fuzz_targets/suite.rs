//! Any bytes as a suite: items have replies, and ids of their own.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use pocketune_judge::suite::Suite;

fuzz_target!(|bytes: &[u8]| {
    let Ok(suite) = Suite::parse("suite", bytes) else {
        return;
    };
    assert!(!suite.items.is_empty());
    let ids: HashSet<&str> = suite.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids.len(), suite.items.len());
    assert!(suite.items.iter().all(|item| item.replies().len() >= 2));
});
