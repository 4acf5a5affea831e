//! JSON Schemas over a small vocabulary: what is refused, by the fault, and what it may cost.

use std::sync::{Arc, OnceLock};

use llguidance::ParserFactory;
use serde_json::{Value, json};

use super::schema::{SchemaMatcher, compile};
use super::vocabulary::{TOKEN_BYTES_MAX, Vocabulary};
use super::{ActiveConstraint, GrammarMatcher};
use crate::error::{ConstraintError, Error};
use pocketune_grammar::{Grammar, Matcher};
use pocketune_llama::{Sampler, Stage};

/// Each byte is a token, 256 ends a reply; then some of more bytes.
struct Bytes {
    vocabulary: Arc<Vocabulary>,
    factory: OnceLock<Result<ParserFactory, ConstraintError>>,
}

const END: i32 = 256;

impl Bytes {
    fn with(more: &[&[u8]]) -> Self {
        let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
        let mut words: Vec<&[u8]> = bytes.iter().map(<[u8; 1]>::as_slice).collect();
        words.push(b"");
        words.extend(more);
        Self {
            vocabulary: Arc::new(Vocabulary::of_words(&words, &[256])),
            factory: OnceLock::new(),
        }
    }

    fn compile(&self, schema: &Value) -> Result<SchemaMatcher, ConstraintError> {
        compile(&self.factory, &self.vocabulary, &schema.to_string())
    }

    fn logits(&self) -> Vec<f32> {
        vec![0.0; self.vocabulary.len()]
    }

    /// The tokens that may follow `text`.
    fn after(
        &self,
        matcher: &mut SchemaMatcher,
        text: &str,
    ) -> Result<Vec<usize>, ConstraintError> {
        for byte in text.bytes() {
            matcher.mask(&mut self.logits())?;
            matcher.accept(i32::from(byte))?;
        }
        let mut logits = self.logits();
        matcher.mask(&mut logits)?;
        Ok((0..logits.len()).filter(|&id| logits[id] == 0.0).collect())
    }

    fn takes(&self, schema: &Value, document: &str) -> bool {
        let mut matcher = self.compile(schema).unwrap();
        self.after(&mut matcher, document)
            .is_ok_and(|next| next.contains(&256))
    }
}

fn refused(schema: &Value) -> ConstraintError {
    match Bytes::with(&[]).compile(schema) {
        Ok(_) => panic!(
            "taken: {}",
            schema.to_string().chars().take(80).collect::<String>()
        ),
        Err(error) => error,
    }
}

#[test]
fn white_space_between_parts_is_readable_and_bounded() {
    let bytes = Bytes::with(&[]);
    for schema in [
        json!({"type": "array", "items": {"type": "integer"}}),
        json!({"type": "array", "x-guidance": {}}),
        json!({}),
        json!(true),
    ] {
        for fine in ["[1,2]", "[1, 2]", "[\n  1,\n  2\n]", "[\r\n\t1 , 2]"] {
            assert!(bytes.takes(&schema, fine), "{schema}: {fine:?}");
        }
        let indented = format!("[\n{}1]", " ".repeat(20));
        assert!(bytes.takes(&schema, &indented), "{schema}");
        for run in ["  ", "\n\n", " \n", "\t", "\n                     ", "\r"] {
            let document = format!("[{run}1]");
            assert!(!bytes.takes(&schema, &document), "{schema}: {run:?}");
            assert!(
                !bytes.takes(&schema, &format!("[1]{run}")),
                "{schema}: {run:?}"
            );
        }
    }
    let asked = json!({"type": "array", "x-guidance": {"whitespace_pattern": "[ ]{1,3}"}});
    assert!(bytes.takes(&asked, "[   ]") && !bytes.takes(&asked, "[    ]"));
    let none = json!({"type": "array", "x-guidance": {"whitespace_flexible": false}});
    assert!(bytes.takes(&none, "[]") && !bytes.takes(&none, "[ ]"));
}

#[test]
fn a_bad_pattern_is_named_with_its_place() {
    let nested = |pattern: &str| {
        json!({"type": "object", "properties": {"pattern": {"type": "string"}, "a/b": {
            "anyOf": [{"type": "null"}, {"type": "string", "pattern": pattern}]}}})
    };
    for pattern in [
        "(?=.*[0-9]).+",
        "(?!x)",
        "a(?<=b)",
        "[a-",
        "(",
        "*",
        "\\1",
        "(?P<n",
    ] {
        match refused(&nested(pattern)) {
            ConstraintError::Pattern {
                path,
                pattern: named,
                cause,
            } => {
                assert_eq!(path, "#/properties/a~1b/anyOf/1/pattern");
                assert_eq!(named, pattern);
                assert!(!cause.is_empty() && cause.len() < 400, "{cause}");
            }
            other => panic!("{pattern}: {other}"),
        }
    }
    let keys = json!({"type": "object", "patternProperties": {"^(?=a)": {"type": "null"}}});
    assert!(
        matches!(refused(&keys), ConstraintError::Pattern { ref path, .. } if path == "#/patternProperties/^(?=a)"),
        "{}",
        refused(&keys)
    );
    let long = refused(&nested(&format!("({}", "x".repeat(500)))).to_string();
    assert!(long.len() < 900, "{long}");
}

#[test]
fn tokens_too_long_for_the_trie_are_never_allowed_and_nothing_panics() {
    for length in [TOKEN_BYTES_MAX, 1_023, 1_024, 1_025, 4_096] {
        let long = vec![b'a'; length];
        let bytes = Bytes::with(&[b"aa", b"\xff\xfe", b"\xff<s>"]);
        let words: Vec<&[u8]> = vec![b"aa", &long];
        let bytes = if length <= TOKEN_BYTES_MAX {
            Bytes::with(&words)
        } else {
            bytes
        };
        let mut matcher = bytes.compile(&json!({"type": "string"})).unwrap();
        let next = bytes.after(&mut matcher, "\"").unwrap();
        assert!(next.contains(&257) && !next.contains(&255));
    }
    // Beyond the trie's 4 million nodes the longest are left out.
    let long: Vec<Vec<u8>> = (0..9_000u32)
        .map(|number| format!("{number:05}{}", "x".repeat(495)).into_bytes())
        .collect();
    let words: Vec<&[u8]> = long.iter().map(Vec::as_slice).collect();
    let bytes = Bytes::with(&words);
    let mut matcher = bytes.compile(&json!({"type": "string"})).unwrap();
    let next = bytes.after(&mut matcher, "\"").unwrap();
    assert!(next.contains(&97) && !next.contains(&300));
}

#[test]
fn a_token_outside_the_mask_is_an_error_and_changes_nothing() {
    let bytes = Bytes::with(&[]);
    let mut matcher = bytes.compile(&json!({"type": "boolean"})).unwrap();
    matcher.mask(&mut bytes.logits()).unwrap();
    for token in [i32::from(b'x'), END, -1, 4_000] {
        assert_eq!(
            matcher.accept(token),
            Err(ConstraintError::Forbidden { token })
        );
    }
    matcher.accept(i32::from(b't')).unwrap();
    assert!(
        matcher.accept(i32::from(b't')).is_err(),
        "the mask is the last one"
    );
}

/// Runs `work` on 512 KiB of stack, as a thread of an app may have.
fn on_a_small_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(512 * 1024);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap();
    });
}

/// Definitions that refer to the next, as many as fit.
fn chain(count: usize, link: impl Fn(usize) -> Value) -> Value {
    let mut definitions = serde_json::Map::new();
    for index in 0..count {
        definitions.insert(format!("{index:x}"), link(index + 1));
    }
    definitions.insert(format!("{count:x}"), json!({"type": "null"}));
    json!({"$ref": "#/$defs/0", "$defs": definitions})
}

#[test]
fn schemas_that_are_deep_long_or_costly_end_within_bounds_on_a_small_stack() {
    let to = |index: usize| json!({"$ref": format!("#/$defs/{index:x}")});
    let deep_json = format!("{}{}", "{\"not\":".repeat(5_000), "}".repeat(5_000));
    let mut nested = json!({"type": "null"});
    for _ in 0..60 {
        nested = json!({"items": nested});
    }
    let options: Vec<Value> = (0..300)
        .map(|i| json!({"type": "object", "properties": {format!("p{i}"): {"enum": [i, i + 1]}}}))
        .collect();
    let schemas = [
        chain(2_000, to),
        chain(1_450, |index| json!({"items": to(index)})),
        chain(1_250, |index| json!({"allOf": [to(index)]})),
        chain(850, |index| json!({"allOf": [to(index), to(index)]})),
        chain(
            900,
            |index| json!({"anyOf": [to(index), {"type": "string"}]}),
        ),
        nested,
        json!({"allOf": [{"anyOf": options}, {"anyOf": options}, {"anyOf": options}]}),
        json!({"type": "string", "pattern": format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000))}),
        json!({"type": "string", "pattern": "(a?){1,1000}".repeat(50)}),
        json!({"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"}),
        json!({"type": "string", "pattern": "(x+x+)+y|(.*a.{200})".repeat(500)}),
        json!({"type": "string", "minLength": 1_000_000_000, "maxLength": 2_000_000_000}),
        json!({"type": "array", "minItems": 1_000_000_000, "items": {"type": "null"}}),
        json!({"enum": (0..9_000).collect::<Vec<i32>>()}),
        json!({"allOf": (0..200).map(|k| json!({"type": "string", "pattern": format!("(a|b)*a(a|b){{{k}}}")})).collect::<Vec<_>>()}),
        json!({"type": "object", "patternProperties": (0..900).map(|k| (format!("^{k}_(a|b)*a(a|b){{9}}$"), json!({"type": "null"}))).collect::<Value>()}),
        json!({"type": "object", "properties": (0..3_000).map(|k| (format!("p{k}"), json!({}))).collect::<Value>()}),
        json!({"type": "integer", "multipleOf": 999_983}),
        json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX}),
        json!({"type": "number", "multipleOf": 1e-300}),
        json!({"type": "integer", "multipleOf": 4_000_000_007_u64, "minimum": -1e300}),
    ];
    on_a_small_stack(|| {
        let bytes = Bytes::with(&[]);
        let refused = compile(&bytes.factory, &bytes.vocabulary, &deep_json);
        assert!(matches!(
            refused,
            Err(ConstraintError::SchemaNotJson { .. })
        ));
        for schema in &schemas {
            assert!(
                schema.to_string().len() <= 64 * 1024,
                "{}",
                schema.to_string().len()
            );
            // Taken or refused: what matters is that it ends.
            if let Ok(mut matcher) = bytes.compile(schema) {
                let _ = bytes.after(&mut matcher, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
            }
        }
        // The engine's factory serves on.
        assert!(bytes.takes(&json!({"type": "null"}), "null"));
    });
}

#[test]
fn what_is_no_schema_is_refused() {
    let bytes = Bytes::with(&[]);
    for text in [
        "{",
        "",
        "nonsense",
        "[]",
        "3",
        "{\"type\": \"nonsense\"}",
        "false",
    ] {
        assert!(
            compile(&bytes.factory, &bytes.vocabulary, text).is_err(),
            "{text}"
        );
    }
    let long = format!("{{\"title\": \"{}\"}}", "x".repeat(70_000));
    let refused = compile(&bytes.factory, &bytes.vocabulary, &long);
    assert!(matches!(
        refused,
        Err(ConstraintError::SchemaTooLong { .. })
    ));
    assert!(bytes.compile(&json!({"x-guidance": 3})).is_err());
    let endless = Bytes {
        vocabulary: Arc::new(Vocabulary::of_words(&[b"a"], &[])),
        factory: OnceLock::new(),
    };
    let refused = endless.compile(&json!({}));
    assert!(matches!(refused, Err(ConstraintError::NoEndToken)));
}

/// Chooses 40 tokens under `constraint` from rows that hold NaN and infinities.
fn reply(bytes: &Bytes, constraint: &mut ActiveConstraint, seed: u32) -> Result<Vec<u8>, Error> {
    let mut sampler = Sampler::new(
        bytes.vocabulary.len(),
        &[Stage::Temperature(1.0), Stage::Distribution { seed }],
    )?;
    let mut written = Vec::new();
    for round in 0..40usize {
        let mut row: Vec<f32> = (0..bytes.vocabulary.len())
            .map(|id| match (id * 31 + round * 17 + seed as usize) % 7 {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => f32::NEG_INFINITY,
                n => n as f32,
            })
            .collect();
        let token = constraint.choose(&mut sampler, &mut row)?;
        let complete = constraint.accept(token)?;
        if token == END {
            break;
        }
        written.extend(u8::try_from(token));
        if complete {
            break;
        }
    }
    Ok(written)
}

#[test]
fn poisoned_logits_break_no_grammar_and_no_schema() {
    let bytes = Bytes::with(&[]);
    for seed in 0..60 {
        let schema = bytes
            .compile(&json!({"type": "array", "items": {"enum": ["ab", 12, null]}, "maxItems": 2}));
        let mut schema = ActiveConstraint::Schema(Box::new(schema.unwrap()));
        if let Ok(text) = reply(&bytes, &mut schema, seed) {
            let text = String::from_utf8(text).unwrap();
            assert!(serde_json::from_str::<Vec<Value>>(&text).is_ok(), "{text}");
        }
        let grammar = Grammar::parse(
            "root ::= [a-m]{2,4} (\"é\" | \"-\" root)?",
            "root",
            &|_| None,
        );
        let mut grammar = ActiveConstraint::Grammar(Box::new(GrammarMatcher {
            matcher: Matcher::new(Arc::new(grammar.unwrap())).unwrap(),
            vocabulary: Arc::clone(&bytes.vocabulary),
        }));
        if let Ok(text) = reply(&bytes, &mut grammar, seed) {
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(
                text.chars()
                    .all(|c| ('a'..='m').contains(&c) || "-é\u{fffd}".contains(c)),
                "{text}"
            );
        }
    }
}
