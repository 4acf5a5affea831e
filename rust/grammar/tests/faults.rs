//! What is refused, by the fault, and what must be read although it looks like one.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_grammar::{
    BYTES_MAX, ELEMENTS_MAX, Grammar, GrammarError as Fault, Matcher, NESTING_MAX, REPETITIONS_MAX,
};

fn parse(text: &str) -> Result<Grammar, Fault> {
    Grammar::parse(text, "root", &|token| match token {
        "<[7]>" | "<think>" => Some(7),
        _ => None,
    })
}

fn fault(text: &str) -> Fault {
    match parse(text) {
        Ok(_) => panic!("{} was read", text.chars().take(60).collect::<String>()),
        Err(fault) => fault,
    }
}

#[test]
fn a_range_that_ends_before_it_begins() {
    for text in ["root ::= \"a\"{5,0}", "root ::= (\"a\" | \"b\"){2000,1}"] {
        assert!(
            matches!(fault(text), Fault::ReversedRepetition { .. }),
            "{text}"
        );
    }
}

#[test]
fn counts_beyond_the_limit_whatever_their_size() {
    for count in ["2001", "4294967296", "99999999999999999999999999"] {
        for range in [
            format!("{{{count}}}"),
            format!("{{{count},}}"),
            format!("{{0,{count}}}"),
        ] {
            let text = format!("root ::= \"a\"{range}");
            assert!(
                matches!(fault(&text), Fault::TooManyRepetitions { .. }),
                "{text}"
            );
        }
    }
    parse(&format!("root ::= \"a\"{{0,{REPETITIONS_MAX}}}")).unwrap();
}

#[test]
fn repetitions_that_multiply() {
    for text in [
        "root ::= ((\"a\"{1000}){1000}){1000}",
        "root ::= \"a\"{1000}{1000}{1000}",
        "root ::= b{0,1000}\nb ::= c{1000,}\nc ::= \"a\" \"bc\"{1000} d\nd ::= [x]",
    ] {
        assert!(
            matches!(fault(text), Fault::RepetitionProduct { .. }),
            "{text}"
        );
    }
    parse("root ::= ((\"a\"{100}){100}){100}").unwrap();
    parse("root ::= \"x\"{1000} root{0,1000} | \"y\"").unwrap();
}

#[test]
fn elements_after_repetitions_are_written_out() {
    let text = format!("root ::= {}", ".{2000} ".repeat(ELEMENTS_MAX / 2000 + 1));
    assert_eq!(
        fault(&text),
        Fault::TooManyElements {
            rule: "root".to_owned()
        }
    );
    let long = format!("root ::= \"{}\"{{2000}}", "a".repeat(60_000));
    parse(&long).unwrap();
}

#[test]
fn parentheses_too_deep_closed_or_not() {
    for closing in [")", ""] {
        let nested = |depth: usize| {
            format!(
                "root ::= {}\"a\"{}",
                "(".repeat(depth),
                closing.repeat(depth)
            )
        };
        assert_eq!(
            fault(&nested(NESTING_MAX + 1)),
            Fault::TooDeep {
                rule: "root".to_owned()
            }
        );
        assert_eq!(
            fault(&nested(60_000 / (1 + closing.len()))),
            Fault::TooDeep {
                rule: "root".to_owned()
            }
        );
    }
    parse(&format!(
        "root ::= {}\"a\"{}",
        "(".repeat(64),
        ")".repeat(64)
    ))
    .unwrap();
}

#[test]
fn left_recursion_straight_through_others_and_behind_what_may_be_empty() {
    for text in [
        "root ::= root \"a\" | \"b\"",
        "root ::= root",
        "root ::= a\na ::= b\nb ::= a | \"x\"",
        "root ::= a \"x\"\na ::= b\nb ::= root | \"y\"",
        // llama.cpp takes a rule for one that is never empty when only its parts say so.
        "root ::= b root \"x\" | \"y\"\nb ::= c\nc ::= \"a\" | ",
        "root ::= (\"a\"?) (\"b\"*) root \"c\" | \"d\"",
        "root ::= (root | \"a\")*",
    ] {
        assert!(matches!(fault(text), Fault::LeftRecursion { .. }), "{text}");
    }
}

#[test]
fn names_that_are_missing_twice_or_not_there() {
    assert_eq!(
        fault("root ::= a"),
        Fault::UndefinedRule {
            rule: "a".to_owned()
        }
    );
    assert_eq!(
        fault("a ::= \"a\""),
        Fault::NoRoot {
            root: "root".to_owned()
        }
    );
    assert_eq!(
        fault("root ::= \"a\"\nroot ::= \"b\""),
        Fault::DuplicateRule {
            rule: "root".to_owned()
        }
    );
}

#[test]
fn characters_that_are_none() {
    assert_eq!(
        fault("root ::= \"\\q\""),
        Fault::UnknownEscape {
            line: 1,
            escape: 'q'
        }
    );
    assert_eq!(
        fault("\n\nroot ::= \"\\d\""),
        Fault::UnknownEscape {
            line: 3,
            escape: 'd'
        }
    );
    assert!(matches!(
        fault("root ::= \"\\xg0\""),
        Fault::ShortEscape { .. }
    ));
    assert!(matches!(
        fault("root ::= \"\\u12"),
        Fault::ShortEscape { .. }
    ));
    assert!(matches!(
        fault("root ::= \"\\x+1\""),
        Fault::ShortEscape { .. }
    ));
    assert!(matches!(
        fault("root ::= \"\\uD83D\\uDE00\""),
        Fault::NoCharacter { .. }
    ));
    assert!(matches!(
        fault("root ::= \"\\U00110000\""),
        Fault::NoCharacter { .. }
    ));
    for text in [
        "\0",
        "root ::= \"a\0\"",
        "root ::= \"\\x00\"",
        "root\0",
        "root ::= [\\u0000-a]",
    ] {
        assert!(matches!(fault(text), Fault::Nul { .. }), "{text:?}");
    }
}

#[test]
fn classes_empty_reversed_or_open() {
    assert_eq!(fault("root ::= []"), Fault::EmptyClass { line: 1 });
    assert_eq!(fault("root ::= [^]"), Fault::EmptyClass { line: 1 });
    assert_eq!(
        fault("root ::= [z-a]"),
        Fault::ReversedRange {
            line: 1,
            from: 'z',
            to: 'a'
        }
    );
    assert!(matches!(fault("root ::= [a-z"), Fault::Expected { .. }));
    parse("root ::= [a-] [-a] [\\]\\-] [^\\\\\"\\x7F\\x00A-]").unwrap_err();
    parse("root ::= [a-] [-a] [\\]\\-] [^\\\\\"\\x7FA-]").unwrap();
}

#[test]
fn what_is_no_grammar_at_all() {
    for text in ["", "  \n\t", "# only a comment", "#\r\n"] {
        assert_eq!(fault(text), Fault::Empty, "{text:?}");
    }
    for text in [
        "root := \"a\"",
        "root ::= \"a\" )",
        "root ::= (\"a\"",
        "root ::= \"a",
        "::= \"a\"",
        "root ::= \"a\"{,3}",
        "root ::= \"a\"{1,2",
        "root ::= \"a\"{x}",
        "root ::= ro_ot",
        "root ::= !\"a\"",
        "root ::= <abc",
        "röot ::= \"a\"",
    ] {
        assert!(
            matches!(fault(text), Fault::Expected { .. }),
            "{text}: {}",
            fault(text)
        );
    }
    for text in [
        "root ::= *",
        "root ::= | + \"a\"",
        "root ::= \"\"*",
        "root ::= \"a\"{0}*",
    ] {
        assert!(
            matches!(fault(text), Fault::NothingToRepeat { .. }),
            "{text}"
        );
    }
    assert!(matches!(
        fault("root ::= <nothing>"),
        Fault::UnknownToken { .. }
    ));
    let long = format!("root ::= \"{}\"", "a".repeat(BYTES_MAX));
    assert!(matches!(fault(&long), Fault::TooLong { .. }));
}

/// 512 KiB: what a thread of an app may have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn thousands_of_chained_rules_need_no_stack() {
    on_a_small_stack(|| {
        for (count, line) in [
            (4_170, "r{i} ::= r{n}\n"),
            (3_000, "r{i} ::= r{n} \"x\"\n"),
            (3_000, "r{i} ::= (r{n})?\n"),
            (2_500, "r{i} ::= \"y\" | r{n}*\n"),
        ] {
            let mut text = "root ::= r0\n".to_owned();
            for i in 0..count {
                let line = line.replace("{i}", &i.to_string());
                text.push_str(&line.replace("{n}", &(i + 1).to_string()));
            }
            text.push_str(&format!("r{count} ::= \"a\""));
            let grammar = parse(&text).unwrap_or_else(|fault| panic!("{line}: {fault}"));
            Matcher::new(grammar.into()).unwrap_or_else(|fault| panic!("{line}: {fault}"));
        }
    });
}

#[test]
fn the_deepest_groups_need_no_stack() {
    on_a_small_stack(|| {
        let text = format!("root ::= {}\"a\"{}", "(".repeat(64), ")*".repeat(64));
        Matcher::new(parse(&text).unwrap().into()).unwrap();
    });
}

#[test]
fn many_ways_to_the_first_rule_are_one() {
    // llama.cpp looks for left recursion along each of these 2^1000 paths.
    let mut text = "root ::= r0\n".to_owned();
    for i in 0..1000 {
        text.push_str(&format!("r{i} ::= r{n} | r{n}\n", n = i + 1));
    }
    text.push_str("r1000 ::= \"a\"");
    Matcher::new(parse(&text).unwrap().into()).unwrap();
}
