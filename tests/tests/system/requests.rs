//! Explicit requests: each check holds what its name says, and each request of
//! `tests/preferences/requests.jsonl` can be asked and checked.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use pocketune_core::Role;
use pocketune_tests::requests::{Check, Request};

fn check(json: &str) -> Check {
    let check: Check = serde_json::from_str(json).expect(json);
    assert!(check.is_sound(), "{json}");
    check
}

/// `json` holds of each of `kept`, and of none of `broken`.
fn told_apart(json: &str, kept: &[&str], broken: &[&str]) {
    let check = check(json);
    for reply in kept {
        assert!(check.holds(reply), "{json}: {reply:?}");
    }
    for reply in broken {
        assert!(!check.holds(reply), "{json}: {reply:?}");
    }
}

#[test]
fn words_are_counted() {
    let three = r#"{"form":"words","at_least":3,"at_most":3}"#;
    told_apart(
        three,
        &["One two three.", "It's - well - fine."],
        &["One two.", "One two three four", ""],
    );
    told_apart(
        r#"{"form":"words","at_most":2}"#,
        &["", "Two words"],
        &["Now three words"],
    );
}

#[test]
fn sentences_are_counted() {
    told_apart(
        r#"{"form":"sentences","at_least":2,"at_most":2}"#,
        &[
            "One. Two!",
            "It costs 3.50. Fine?",
            "1. One.\n2. Two.",
            "Well... Yes.",
        ],
        &[
            "One.",
            "One. Two. Three.",
            "One. And then",
            "1. One\n2. Two",
        ],
    );
}

#[test]
fn paragraphs_are_counted() {
    told_apart(
        r#"{"form":"paragraphs","at_least":2,"at_most":2}"#,
        &["One.\n\nTwo.", "\nOne.\nStill one.\n \n\nTwo.\n"],
        &["One.\nStill one.", "One.\n\nTwo.\n\nThree.", ""],
    );
}

#[test]
fn items_of_lists_are_counted() {
    told_apart(
        r#"{"form":"list_items","at_least":2,"at_most":2}"#,
        &[
            "- One\n- Two",
            "Sure:\n1. One\n2) Two",
            "* One\n\n• Two",
            "**1. One**\n**2.** Two",
        ],
        &[
            "- One",
            "-One\n-Two",
            "- One\n- Two\n- Three",
            "- \n- ",
            "1.5 liters\n2.5 liters",
        ],
    );
}

#[test]
fn numbered_items_count_from_one() {
    told_apart(
        r#"{"form":"numbered_items","at_least":2,"at_most":2}"#,
        &["1. One\n2. Two", "Sure:\n\n1) One\n- a note\n2) Two"],
        &[
            "- One\n- Two",
            "1. One\n3. Three",
            "2. Two\n3. Three",
            "1. One",
        ],
    );
}

#[test]
fn a_plain_paragraph_has_no_layout() {
    told_apart(
        r#"{"form":"plain_paragraph"}"#,
        &["One. Two."],
        &["One.\nTwo.", "- One", "**One**", ""],
    );
}

#[test]
fn one_word_is_one() {
    told_apart(
        r#"{"form":"one_word"}"#,
        &["Blue.", "\"Blue\""],
        &["Light blue", "", "..."],
    );
}

#[test]
fn an_answer_is_nothing_else() {
    told_apart(
        r#"{"form":"answer","any":["7","seven"]}"#,
        &["7", "Seven.", " \"seven\" "],
        &["It is seven.", "17", "seven days"],
    );
}

#[test]
fn yes_or_no_comes_first() {
    told_apart(
        r#"{"form":"yes_or_no"}"#,
        &["Yes.", "no, it is not", "**Yes**"],
        &["Yesterday", "Well, yes.", "Nothing"],
    );
}

#[test]
fn upper_case_has_no_small_letter() {
    told_apart(
        r#"{"form":"upper_case"}"#,
        &["HELLO, 2 OF YOU!"],
        &["Hello", "HELLo", "123"],
    );
}

#[test]
fn beginnings_are_whole_words() {
    told_apart(
        r#"{"form":"begins","with":"Sure thing"}"#,
        &[
            "Sure thing! Here it is.",
            "\"Sure thing,\" I say.",
            "sure, thing",
        ],
        &["Sure things", "Well, sure thing", "Sure"],
    );
}

#[test]
fn endings_are_whole_words() {
    told_apart(
        r#"{"form":"ends","with":"the end"}"#,
        &["So it goes. The end.", "THE END"],
        &["The end of it", "The bend end", "end"],
    );
}

#[test]
fn a_question_ends_with_its_mark() {
    told_apart(
        r#"{"form":"question"}"#,
        &["Why?", "\"Why?\"", "It is. Is it? "],
        &["Why? Because.", "Why"],
    );
}

#[test]
fn phrases_are_found_as_whole_words() {
    told_apart(
        r#"{"form":"contains","any":["river","ice cream"]}"#,
        &["A river.", "The river's bank", "Some ICE CREAM?"],
        &["Rivers", "ice and cream", "cream ice"],
    );
}

#[test]
fn words_to_avoid_are_found_in_their_short_forms_too() {
    told_apart(
        r#"{"form":"without","any":["you"]}"#,
        &["Your young friend", "People can."],
        &["You can.", "If you’re late", "you'll see", ""],
    );
}

#[test]
fn all_checks_must_hold() {
    told_apart(
        r#"{"form":"all","checks":[{"form":"one_word"},{"form":"upper_case"}]}"#,
        &["BLUE"],
        &["Blue", "BLUE SKY"],
    );
}

#[test]
fn checks_that_ask_for_nothing_are_unsound() {
    for json in [
        r#"{"form":"words"}"#,
        r#"{"form":"words","at_least":3,"at_most":2}"#,
        r#"{"form":"contains","any":[]}"#,
        r#"{"form":"begins","with":"..."}"#,
        r#"{"form":"all","checks":[]}"#,
    ] {
        let check: Check = serde_json::from_str(json).expect(json);
        assert!(!check.is_sound(), "{json}");
    }
}

#[test]
fn fields_that_no_check_has_are_refused() {
    for json in [
        r#"{"form":"one_word","at_most":2}"#,
        r#"{"form":"words","most":2}"#,
        r#"{"form":"begins","with":"A","any":["B"]}"#,
        r#"{"form":"rhymes"}"#,
    ] {
        assert!(serde_json::from_str::<Check>(json).is_err(), "{json}");
    }
}

#[test]
fn requests_can_be_asked_and_checked() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("preferences/requests.jsonl");
    let text = fs::read_to_string(file).unwrap();
    let mut ids = HashSet::new();
    let mut shapes: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        let request: Request = serde_json::from_str(line).expect(line);
        assert!(request.check.is_sound(), "{line}");
        let (options, asked) = request.conversation().expect(line);
        let roles = options.history.iter().map(|message| message.role);
        let expected = [Role::User, Role::Assistant].into_iter().cycle();
        assert!(
            roles.zip(expected).all(|(role, expected)| role == expected),
            "{line}"
        );
        assert!(
            options.history.len() % 2 == 0 && !asked.trim().is_empty(),
            "{line}"
        );
        *shapes.entry("system prompt").or_default() += usize::from(options.system_prompt.is_some());
        *shapes.entry("earlier turns").or_default() += usize::from(!options.history.is_empty());
        assert!(ids.insert(request.id), "{line}");
    }
    assert!(ids.len() >= 120, "{}", ids.len());
    assert!(shapes.values().all(|&count| count >= 20), "{shapes:?}");
}
