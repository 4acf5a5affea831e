//! Any bytes as a definition, a line with nothing in it, and a ledger: a verdict is given
//! from what is sound, and from nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_judge::experiment::{Definition, decide, read_ledger};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (definition, ledger) = text.split_once("\n\n").unwrap_or((text, ""));
    let Ok(definition) = Definition::parse(definition.as_bytes()) else {
        return;
    };
    let json = serde_json::to_vec(&definition).expect("our own definition");
    let again = Definition::parse(&json).expect("our own definition");
    assert_eq!(again.sha256(), definition.sha256());
    let Ok(recorder) = read_ledger(&definition, ledger, |_| ()) else {
        return;
    };
    let (tally, ended) = (recorder.tally(), recorder.ended());
    let decision = decide(&definition, tally, i64::MAX, ended).expect("a sound ledger");
    assert!(decision.metrics.iter().all(|it| it.interval.low <= it.interval.high));
});
