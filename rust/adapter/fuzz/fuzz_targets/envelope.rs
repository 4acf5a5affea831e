//! Any bytes as an envelope: what is read survives its own JSON, and nobody signed it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_adapter::Envelope;
use pocketune_adapter::fixtures::key;

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::parse(bytes) else {
        return;
    };
    let again = Envelope::parse(envelope.to_json().as_bytes()).expect("our own JSON");
    assert_eq!(again, envelope);
    let stranger = key(200).public();
    assert!(envelope.signers([&stranger]).is_empty());
});
