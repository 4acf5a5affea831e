//! What a grammar lets through, token by token.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;

use pocketune_grammar::{Grammar, GrammarError as Fault, Matcher, TokenText};

fn matcher(text: &str) -> Matcher {
    let grammar = Grammar::parse(text, "root", &|token| match token {
        "<[7]>" | "<think>" => Some(7),
        _ => None,
    });
    Matcher::new(Arc::new(
        grammar.unwrap_or_else(|fault| panic!("{text}: {fault}")),
    ))
    .unwrap()
}

fn text(bytes: &[u8]) -> TokenText<'_> {
    TokenText { bytes, ends: false }
}

const END: TokenText = TokenText {
    bytes: b"",
    ends: true,
};

/// Whether `reply` is complete under the grammar, in one token, byte by byte, and so
/// that both say the same.
fn matches(grammar: &str, reply: &str) -> bool {
    let whole = {
        let mut matcher = matcher(grammar);
        (reply.is_empty() || matcher.accept(1, text(reply.as_bytes())).is_ok())
            && matcher.is_complete()
    };
    let mut matcher = matcher(grammar);
    let bytewise = reply.bytes().all(|byte| {
        let allowed = matcher.allows(2, text(&[byte])).unwrap();
        assert_eq!(matcher.accept(2, text(&[byte])).is_ok(), allowed);
        allowed
    }) && matcher.is_complete();
    assert_eq!(whole, bytewise, "{grammar}: {reply:?}");
    assert_eq!(matcher.allows(3, END).unwrap(), matcher.is_complete());
    bytewise
}

#[test]
fn sequences_choices_classes_and_repetitions() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "root ::= \"yes\" | \"no\"",
            &["yes", "no"],
            &["", "y", "yesno", "maybe"],
        ),
        ("root ::= [a-c]{2,3}", &["ab", "abc"], &["a", "abca", "ad"]),
        ("root ::= \"a\"{2}", &["aa"], &["a", "aaa"]),
        ("root ::= \"a\"{2,}", &["aa", "aaaaa"], &["a"]),
        ("root ::= \"a\"{0}  \"b\"", &["b"], &["ab"]),
        (
            "root ::= \"ab\"{0,2} \"c\"?",
            &["", "ab", "abab", "ababc", "c"],
            &["a", "ababab"],
        ),
        ("root ::= \"ab\"+ | \"\"", &["ab", "abab", ""], &["aba"]),
        (
            "root ::= [^\"\\\\]* \"\\\"\"",
            &["abc\"", "\""],
            &["\"\"", "\\\""],
        ),
        ("root ::= .{3}", &["aßé", "日本語"], &["ab", "abcd"]),
        ("root ::= [ä-ü]+", &["äöü"], &["äoü", "ý"]),
        (
            "root ::= \"\\u65e5\" [\\u0400-\\u04FF] \"\\x41\\n\"",
            &["日яA\n"],
            &["日aA\n"],
        ),
        (
            "root ::= (\"a\" | \"b\" \"c\")* # done",
            &["", "abca", "aaaa"],
            &["ab", "cb"],
        ),
        (
            "root ::= \"(\" root \")\" | \"x\"",
            &["x", "((x))"],
            &["((x)", "()"],
        ),
        ("root ::= \"a\" root | ", &["", "aaa"], &["b"]),
        (
            "root ::= a b\n\na ::=\n  \"a\" |\n  \"b\"\nb ::= ( \"1\"\n | \"2\" )",
            &["a1", "b2"],
            &["a"],
        ),
    ];
    for (grammar, yes, no) in cases {
        for reply in *yes {
            assert!(matches(grammar, reply), "{grammar}: {reply:?}");
        }
        for reply in *no {
            assert!(!matches(grammar, reply), "{grammar}: {reply:?}");
        }
    }
}

#[test]
fn stars_of_stars_are_read_and_matched() {
    for grammar in [
        "root ::= ((((\"a\"*)*)*)*)* \"b\"",
        "root ::= (sp | nl)* \"b\"\nsp ::= [a\\t]*\nnl ::= \"\\r\"? \"\\n\"",
        "root ::= (\"a\" | \"a\")* (\"a\" | \"a\")* \"b\"",
        "root ::= (\"a\"?)* \"b\"",
    ] {
        assert!(
            matches(grammar, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
            "{grammar}"
        );
        assert!(
            !matches(grammar, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
            "{grammar}"
        );
    }
    let many = format!("root ::= {} \"b\"", "\"a\"? ".repeat(400));
    assert!(matches(&many, &format!("{}b", "a".repeat(400))));
    assert!(!matches(&many, &format!("{}b", "a".repeat(401))));
}

#[test]
fn a_character_may_be_split_between_tokens_but_not_into_one_that_is_not_allowed() {
    let mut one = matcher("root ::= \"日\" | \"本\"");
    assert!(one.allows(0, text(b"\xe6")).unwrap());
    assert!(!one.allows(0, text(b"\xe7")).unwrap());
    one.accept(0, text(b"\xe6\x97")).unwrap();
    assert!(!one.is_complete());
    assert!(
        !one.allows(0, text(b"\x9c")).unwrap(),
        "本 begins with other bytes"
    );
    assert!(!one.allows(0, text(b"a")).unwrap());
    one.accept(0, text(b"\xa5")).unwrap();
    assert!(one.is_finished());
    assert!(!one.allows(0, text(b"\xff")).unwrap());
}

#[test]
fn nul_is_never_a_part_of_a_reply() {
    for grammar in ["root ::= .*", "root ::= [^a]*"] {
        let mut matcher = matcher(grammar);
        for bytes in [&b"\0"[..], b"b\0", b"\0b"] {
            assert!(!matcher.allows(0, text(bytes)).unwrap(), "{grammar}");
        }
        assert!(matcher.allows(0, text(b"\x01")).unwrap());
    }
}

#[test]
fn tokens_by_id_are_allowed_without_text_and_others_are_not() {
    let mut think = matcher("root ::= <[7]> [a-z]* !<think>");
    assert!(!think.allows(8, text(b"")).unwrap());
    assert!(!think.allows(8, text(b"a")).unwrap());
    think.accept(7, text(b"")).unwrap();
    assert!(!think.allows(7, text(b"")).unwrap());
    assert!(
        think.allows(7, text(b"a")).unwrap(),
        "its text is one of [a-z]*"
    );
    assert!(think.allows(9, text(b"?")).unwrap());
    think.accept(9, text(b"?")).unwrap();
    assert!(think.is_finished());
    // A token that ends replies may be asked for by its id.
    let mut ends = matcher("root ::= \"a\" <[7]>");
    ends.accept(1, text(b"a")).unwrap();
    assert!(!ends.allows(8, END).unwrap());
    ends.accept(7, END).unwrap();
}

#[test]
fn a_token_that_is_not_allowed_changes_nothing() {
    let mut one = matcher("root ::= \"ab\"");
    assert_eq!(
        one.accept(4, text(b"b")),
        Err(Fault::Forbidden { token: 4 })
    );
    assert_eq!(one.accept(4, END), Err(Fault::Forbidden { token: 4 }));
    assert_eq!(one.accept(4, text(b"")), Err(Fault::Forbidden { token: 4 }));
    one.accept(5, text(b"ab")).unwrap();
    assert_eq!(
        one.accept(4, text(b"b")),
        Err(Fault::Forbidden { token: 4 })
    );
    assert!(one.is_finished());
}

#[test]
fn grammars_that_follow_too_many_ways_end_with_an_error() {
    // 2^n ways to remember what was opened.
    let mut forks = matcher("root ::= \"a\" root \"x\" | \"a\" root \"y\" | \"b\"");
    let ended = (0..64).find_map(|_| forks.accept(0, text(b"a")).err());
    assert!(
        matches!(ended, Some(Fault::TooAmbiguous | Fault::TooCostly)),
        "{ended:?}"
    );
    // The same before the first character.
    let mut text = "root ::= r0\n".to_owned();
    for i in 0..40 {
        text.push_str(&format!("r{i} ::= r{n} \"x\" | r{n} \"y\"\n", n = i + 1));
    }
    text.push_str("r40 ::= \"a\"");
    let grammar = Grammar::parse(&text, "root", &|_| None).unwrap();
    assert!(matches!(
        Matcher::new(Arc::new(grammar)).err(),
        Some(Fault::TooAmbiguous | Fault::TooCostly)
    ));
}

#[test]
fn a_long_token_that_is_refused_late_costs_no_more_than_its_length() {
    // llama.cpp tries each of 2^n ways before it refuses the last character.
    let mut matcher = matcher("root ::= (\" \" | \" \" | \"  \")* \"x\"");
    let long = format!("{}\n", " ".repeat(4_000));
    assert!(!matcher.allows(0, text(long.as_bytes())).unwrap());
}

#[test]
fn a_long_reply_keeps_what_it_costs() {
    let grammar = "root ::= value\nvalue ::= \"[\" (value (\",\" value)*)? \"]\" | [0-9]+ | \"\\\"\" [^\"]* \"\\\"\"";
    let mut one = matcher(grammar);
    one.accept(0, text(b"[")).unwrap();
    for round in 0..20_000 {
        let part = format!("[{round},\"{round}\"],");
        one.accept(1, text(part.as_bytes())).unwrap();
    }
    one.accept(2, text(b"1]")).unwrap();
    assert!(one.is_finished());
    let mut deep = matcher("root ::= \"(\" root \")\" | \"x\"");
    for _ in 0..300 {
        deep.accept(0, text("(".repeat(1_000).as_bytes())).unwrap();
    }
    deep.accept(1, text(b"x")).unwrap();
    for _ in 0..300 {
        deep.accept(2, text(")".repeat(1_000).as_bytes())).unwrap();
    }
    assert!(deep.is_finished());
}

/// What a seed determines (SplitMix64).
struct Noise(u64);

impl Noise {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % count as u64).unwrap()
    }
}

#[test]
fn grammars_of_random_parts_are_read_or_refused_and_matched_or_not() {
    const PARTS: [&str; 24] = [
        "root", " ::= ", "\n", "a", "b", " | ", "(", ")", "*", "+", "?", "{1,3}", "{0,40}", "{2,}",
        "\"a\"", "\"ab\"", "\"\"", "[ab]", "[^a]", ".", "é", "<[7]>", "!<[7]>", "# c\n",
    ];
    let mut noise = Noise(5);
    let mut read = 0;
    for _ in 0..6_000 {
        let mut text = "root ::= ".to_owned();
        for _ in 0..noise.below(14) {
            text.push_str(PARTS[noise.below(PARTS.len())]);
            text.push(' ');
        }
        text.push_str("\na ::= \"a\" | \"x\" b \"c\" | \"\"\nb ::= \"b\"? a?");
        let Ok(grammar) = Grammar::parse(&text, "root", &|_| Some(7)) else {
            continue;
        };
        read += 1;
        let Ok(mut matcher) = Matcher::new(Arc::new(grammar)) else {
            continue;
        };
        for _ in 0..40 {
            let token = ["a", "b", "c", "ab", "x", "é"][noise.below(6)];
            let id = u32::try_from(noise.below(9)).unwrap();
            let Ok(allowed) = matcher.allows(id, self::text(token.as_bytes())) else {
                break;
            };
            let accepted = matcher.accept(id, self::text(token.as_bytes()));
            match accepted {
                Ok(()) => assert!(allowed, "{text}"),
                Err(Fault::Forbidden { .. }) => assert!(!allowed, "{text}"),
                Err(_) => break,
            }
        }
    }
    assert!(read > 500, "{read}");
}
