//! Any text as a grammar, any bytes as replies under it: what is allowed is accepted, what
//! is not is refused and changes nothing, and a token may as well come in parts.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pocketune_grammar::{Grammar, GrammarError, Matcher, TokenText};

const END: TokenText = TokenText {
    bytes: b"",
    ends: true,
};

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == 0xff);
    let (text, reply) = bytes.split_at(split.unwrap_or(bytes.len()));
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let token = |text: &str| text.strip_prefix("<[")?.strip_suffix("]>")?.parse().ok();
    let Ok(grammar) = Grammar::parse(text, "root", &token) else {
        return;
    };
    let Ok(mut matcher) = Matcher::new(Arc::new(grammar)) else {
        return;
    };
    for token in reply.split(|&byte| byte == 0xff).take(64) {
        let id = u32::from(token.first().copied().unwrap_or_default());
        let text = TokenText {
            bytes: token,
            ends: false,
        };
        let ends = matcher.allows(0, END);
        let Ok(allowed) = matcher.allows(id, text) else {
            return;
        };
        match matcher.accept(id, text) {
            Ok(()) => assert!(allowed),
            Err(GrammarError::Forbidden { .. }) => {
                assert!(!allowed);
                assert_eq!(matcher.allows(0, END), ends);
            }
            Err(_) => return,
        }
        if matcher.is_finished() {
            assert_eq!(matcher.allows(0, END), Ok(true));
        }
    }
});
