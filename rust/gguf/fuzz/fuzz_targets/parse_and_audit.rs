//! Any bytes: the reader and the audit return, and whatever the reader accepts
//! it can write again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_gguf::{Gguf, GgufBuilder, audit_model};

/// What a file is said to have beyond the bytes at hand.
const UNREAD_BYTES: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let len = bytes.len() as u64;
    // As the first bytes of a larger file: tensor data need not be there.
    if let Ok(gguf) = Gguf::parse(bytes, len + UNREAD_BYTES) {
        let _ = audit_model(&gguf);
    }
    // As a whole file.
    if let Ok(gguf) = Gguf::parse(bytes, len) {
        let _ = audit_model(&gguf);
        let again = GgufBuilder::from_file(&gguf, bytes).and_then(|builder| builder.build());
        let again = again.expect("what was read can be written");
        let copy = Gguf::parse(&again, again.len() as u64).expect("and read again");
        assert_eq!(copy.metadata().len(), gguf.metadata().len());
        assert_eq!(copy.tensors(), gguf.tensors());
    }
});
