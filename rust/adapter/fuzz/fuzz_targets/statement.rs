//! Any bytes as a statement's payload: what is read survives its own envelope.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_adapter::{Envelope, STATEMENT_TYPE, Statement};

fuzz_target!(|bytes: &[u8]| {
    let envelope = Envelope::new(STATEMENT_TYPE, bytes.to_vec());
    let Ok(statement) = Statement::unverified(&envelope) else {
        return;
    };
    assert!(!statement.subjects.is_empty());
    let again = Statement::unverified(&statement.envelope()).expect("our own statement");
    assert_eq!(again, statement);
});
