//! Any bytes as a device's summary of one experiment: sums are given from what is sound, and
//! one person decides nothing about people.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_judge::experiment::{Definition, Pool, Tally, Verdict, decide};

const DEFINITION: &str = include_str!("../definition.json");

fuzz_target!(|bytes: &[u8]| {
    let definition = Definition::parse(DEFINITION.as_bytes()).expect("a sound definition");
    let Ok(tally) = Tally::parse(bytes, &definition) else {
        return;
    };
    let mut pool = Pool::new(definition.clone()).expect("a sound definition");
    if pool.add(tally.clone()).is_ok() {
        let decision = pool.decide(0).expect("a verdict");
        assert!(!matches!(decision.verdict, Verdict::Promote | Verdict::RollBack));
        assert!(decision.metrics.iter().all(|it| it.interval.low <= it.interval.high));
    }
    let mut sum = Tally::new(&definition);
    sum.merge(&tally).expect("of the same experiment");
    // Again only where nothing names its run.
    assert_eq!(sum.merge(&tally).is_ok(), tally.runs.is_empty());
    // Twice a sound count may be too large.
    let Ok(decision) = decide(&definition, &sum, 0, false) else {
        return;
    };
    assert!(decision.metrics.iter().all(|it| it.interval.low <= it.interval.high));
});
