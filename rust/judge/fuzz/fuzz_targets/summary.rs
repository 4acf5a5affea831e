//! Any bytes as a device's summary of one experiment: sums are given from what is sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_judge::experiment::{Definition, Tally, decide};

const DEFINITION: &str = include_str!("../definition.json");

fuzz_target!(|bytes: &[u8]| {
    let definition = Definition::parse(DEFINITION.as_bytes()).expect("a sound definition");
    let Ok(tally) = Tally::parse(bytes, &definition) else {
        return;
    };
    let mut sum = Tally::new(&definition);
    sum.merge(&tally).expect("of the same experiment");
    sum.merge(&tally).expect("of the same experiment");
    let decision = decide(&definition, &sum, 0, false).expect("a sound summary");
    assert!(decision.metrics.iter().all(|it| it.interval.low <= it.interval.high));
});
