//! Preferences are judged by the measures that their README describes, which
//! `tests/preferences/measures.py` computes too.

use std::fs;
use std::path::Path;

use pocketune_tests::measures::{addresses, asks, is_paragraph, is_repetitive, short_words};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    addresses: f64,
    paragraph: bool,
    repetitive: bool,
    asks: bool,
    short_words: f64,
}

#[test]
fn measures_are_as_described() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("preferences/measures.jsonl");
    for line in fs::read_to_string(file).unwrap().lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let text = &case.text;
        assert!((addresses(text) - case.addresses).abs() < 1e-9, "{text}");
        assert!(
            (short_words(text) - case.short_words).abs() < 1e-9,
            "{text}"
        );
        assert_eq!(asks(text), case.asks, "{text}");
        assert_eq!(is_paragraph(text), case.paragraph, "{text}");
        assert_eq!(is_repetitive(text), case.repetitive, "{text}");
    }
}
