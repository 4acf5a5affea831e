//! Any bytes as a reward head: what is read is written the same, and scores finite numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_judge::reward::RewardHead;

fuzz_target!(|bytes: &[u8]| {
    let Ok(head) = RewardHead::parse(bytes, &[7; 32]) else {
        return;
    };
    assert_eq!(head.to_gguf().expect("a sound head"), bytes);
    let reward = head.reward(&vec![0.5; head.features()]);
    assert!(reward.is_ok_and(|reward| reward.abs() <= 3.0));
});
