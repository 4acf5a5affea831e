//! Any bytes as a saved chat, under a right digest: what is read has turns that
//! alternate and replies that only the model gave, each once, and is written the same again.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use pocketune_core::{Digest, Role, SavedChat};

fuzz_target!(|body: &[u8]| {
    // Hardly any input has a right digest by itself.
    let _ = SavedChat::from_bytes(body);
    let digest = Digest::of(body);
    let Ok(saved) = SavedChat::from_bytes(&[body, digest.as_bytes()].concat()) else {
        return;
    };
    let roles = [Role::User, Role::Assistant].into_iter().cycle();
    let history = saved.history();
    assert!(history.iter().zip(roles).all(|(turn, role)| turn.role == role));
    let mut ids = HashSet::new();
    for turn in &history {
        assert!(turn.reply_id.is_none_or(|id| turn.role == Role::Assistant && ids.insert(id)));
    }
    let bytes = saved.to_bytes().expect("what was read can be written");
    assert_eq!(SavedChat::from_bytes(&bytes).expect("our own file"), saved);
});
