use pocketune_base::lines;

use super::{Content, Record};
use crate::conversation::Message;
use crate::error::{Form, RecordFault, RecordKind};

fn parse(text: &str, wanted: RecordKind) -> Result<Record, RecordFault> {
    let line = lines(text.as_bytes()).next().unwrap().unwrap();
    Record::read(&line, wanted)
}

/// What is said of a line that is refused.
fn told(text: &str, wanted: RecordKind) -> String {
    parse(text, wanted).unwrap_err().to_string()
}

const USER: &str = r#"{"role": "user", "content": "q"}"#;

fn says(what: &str) -> String {
    format!(r#"{{"role": "assistant", "content": "{what}"}}"#)
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

#[test]
fn every_format_of_trl_is_read() {
    let pair = r#"{"prompt": "a", "chosen": "b", "rejected": "c", "id": 7}"#;
    assert_eq!(
        parse(pair, RecordKind::Preference).unwrap(),
        Record::Preference {
            prompt: text("a"),
            chosen: text("b"),
            rejected: text("c"),
        }
    );
    let (yes, no) = (says("y"), says("n"));
    // With the prompt as a text as well, as UltraFeedback is published.
    for prompt in ["", r#""prompt": "q", "#] {
        let implicit =
            format!(r#"{{{prompt}"chosen": [{USER}, {yes}], "rejected": [{USER}, {no}]}}"#);
        let Ok(Record::Preference {
            prompt: Content::Messages(prompt),
            chosen: Content::Messages(chosen),
            ..
        }) = parse(&implicit, RecordKind::Preference)
        else {
            panic!("{implicit}");
        };
        assert_eq!((prompt.len(), chosen.len()), (1, 1));
    }
    let whole = r#"{"text": "a", "label": 1}"#;
    assert_eq!(
        parse(whole, RecordKind::Completion).unwrap(),
        Record::Text("a".to_owned())
    );
    let messages = format!(r#"{{"messages": [{USER}, {yes}], "label": 1}}"#);
    let turns = vec![Message::user("q"), Message::assistant("y")];
    assert_eq!(
        parse(&messages, RecordKind::Completion).unwrap(),
        Record::Conversation(turns)
    );
    let completion =
        r#"{"prompt": "a", "completion": "b", "tools": null, "images": [], "label": null}"#;
    assert_eq!(
        parse(completion, RecordKind::Completion).unwrap(),
        Record::Completion {
            prompt: text("a"),
            completion: text("b"),
        }
    );
    for (label, up) in [("true", true), ("false", false)] {
        let thumb = format!(r#"{{"prompt": "a", "completion": "b", "label": {label}}}"#);
        for kind in [RecordKind::Thumb, RecordKind::Feedback] {
            assert_eq!(
                parse(&thumb, kind).unwrap(),
                Record::Thumb {
                    prompt: text("a"),
                    completion: text("b"),
                    up,
                }
            );
        }
    }
}

#[test]
fn feedback_is_a_thumb_a_pair_or_an_edit() {
    let kind = RecordKind::Feedback;
    let edit = Record::Edit {
        prompt: text("a"),
        chosen: text("b"),
        rejected: text("c"),
    };
    let pair = Record::Preference {
        prompt: text("a"),
        chosen: text("b"),
        rejected: text("c"),
    };
    for (rest, expected) in [
        (r#""edit": true"#, &edit),
        (r#""edit": false"#, &pair),
        (r#""label": "style""#, &pair),
        // A table with a column for everything.
        (r#""edit": null, "completion": null, "label": null"#, &pair),
        (r#""edit": true, "completion": null, "label": null"#, &edit),
    ] {
        let line = format!(r#"{{"prompt": "a", "chosen": "b", "rejected": "c", {rest}}}"#);
        assert_eq!(parse(&line, kind).unwrap(), *expected, "{line}");
    }
    let thumb = r#"{"prompt": "a", "completion": "b", "label": true, "edit": null, "chosen": null, "rejected": null}"#;
    assert!(matches!(
        parse(thumb, kind).unwrap(),
        Record::Thumb { up: true, .. }
    ));
    // Preference training takes an edit for a pair.
    let edited = r#"{"prompt": "a", "chosen": "b", "rejected": "c", "edit": true}"#;
    assert_eq!(parse(edited, RecordKind::Preference).unwrap(), pair);

    for (line, says) in [
        (
            r#"{"prompt": "a", "completion": "b"}"#,
            "`label` is missing: SFT learns from completions without one",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": null}"#,
            "`label` is missing",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": 1}"#,
            "`label` must be true or false, found a number",
        ),
        (
            r#"{"prompt": "a", "chosen": "b", "rejected": "c", "edit": "yes"}"#,
            "`edit` must be true or false, found text",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": true, "edit": true}"#,
            "an edit is `chosen`",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": true, "chosen": "c"}"#,
            "only one of `completion` and `chosen`",
        ),
        (r#"{"prompt": "a", "chosen": "b"}"#, "`rejected` is missing"),
        (
            r#"{"completion": "b", "label": true}"#,
            "`prompt` is missing",
        ),
        (r#"{"prompt": "a", "label": true}"#, "prompt-only"),
        (
            r#"{"id": 1}"#,
            "one of `completion` and `chosen` is missing",
        ),
        (r#"{"text": "a"}"#, "which SFT learns from"),
    ] {
        let told = told(line, kind);
        assert!(told.contains(says), "{told:?} does not say {says:?}");
    }
    assert!(matches!(
        parse(r#"{"prompt": "a", "completion": "b"}"#, kind),
        Err(RecordFault::Unlabelled(RecordKind::Feedback))
    ));
    let edit = r#"{"prompt": "a", "chosen": "b", "rejected": "c", "edit": 1}"#;
    assert!(told(edit, RecordKind::Preference).contains("`edit` must be true or false"));
}

#[test]
fn what_is_missing_or_of_another_kind_is_named() {
    for (line, says) in [
        (
            r#"{"chosen": "b", "rejected": "c"}"#,
            "`prompt` is missing: without it",
        ),
        (r#"{"prompt": "a", "chosen": "b"}"#, "`rejected` is missing"),
        (r#"{"prompt": "a", "rejected": "b"}"#, "`chosen` is missing"),
        (
            r#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#,
            "`chosen` and `rejected` are the same",
        ),
        (
            r#"{"prompt": "a", "chosen": null, "rejected": "b"}"#,
            "`chosen` must be text or a list of messages, found null",
        ),
        (
            r#"{"prompt": null, "chosen": "a", "rejected": "b"}"#,
            "`prompt` must be text or a list of messages, found null",
        ),
        (
            r#"{"prompt": {"role": "user"}, "chosen": "a", "rejected": "b"}"#,
            "`prompt` must be text or a list of messages, found an object",
        ),
        (
            r#"{"prompt": "a", "chosen": ["b"], "rejected": "c"}"#,
            "`chosen[0]` must be an object, found text",
        ),
        (
            r#"{"prompt": "a", "chosen": [{"role": "assistant", "content": null}], "rejected": "c"}"#,
            "`chosen[0].content` must be text, found null",
        ),
        (
            r#"{"prompt": "a", "chosen": [{"role": "bot", "content": "b"}], "rejected": "c"}"#,
            "`chosen[0].role` must be one of system, user, assistant",
        ),
        ("[1]", "this is a JSON array"),
        ("3", "it must be an object, found a number"),
    ] {
        let told = told(line, RecordKind::Preference);
        assert!(told.contains(says), "{told:?} does not say {says:?}");
    }
    for (line, kind, says) in [
        (
            r#"{"completion": "b"}"#,
            RecordKind::Completion,
            "`prompt` is missing",
        ),
        (
            r#"{"prompt": 3, "completion": "b"}"#,
            RecordKind::Completion,
            "`prompt` must be text",
        ),
        (
            r#"{"prompt": "a", "completion": "b"}"#,
            RecordKind::Thumb,
            "`label` is missing: SFT learns",
        ),
        (
            r#"{"completion": "b", "label": true}"#,
            RecordKind::Thumb,
            "`prompt` is missing",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": "up"}"#,
            RecordKind::Thumb,
            "`label` must be true or false, found text",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": null}"#,
            RecordKind::Thumb,
            "`label` must be true or false, found null",
        ),
    ] {
        let told = told(line, kind);
        assert!(told.contains(says), "{told:?} does not say {says:?}");
    }
}

#[test]
fn messages_are_a_question_and_a_reply() {
    let (yes, no) = (says("y"), says("n"));
    let system = r#"{"role": "system", "content": "s"}"#;
    for (line, kind, says) in [
        (
            format!(r#"{{"messages": [{USER}, {yes}, {USER}]}}"#),
            RecordKind::Completion,
            "`messages` must end with a message of the assistant",
        ),
        (
            r#"{"messages": []}"#.to_owned(),
            RecordKind::Completion,
            "`messages` is empty",
        ),
        (
            format!(r#"{{"messages": [{USER}, {yes}, {no}]}}"#),
            RecordKind::Completion,
            "the prompt must end with a message of the user",
        ),
        (
            format!(r#"{{"messages": [{USER}, {system}, {USER}, {no}]}}"#),
            RecordKind::Completion,
            "system messages come first",
        ),
        (
            format!(r#"{{"prompt": [{USER}], "completion": [{USER}], "label": true}}"#),
            RecordKind::Thumb,
            "a reply is one message of the assistant",
        ),
        (
            format!(r#"{{"prompt": [{USER}], "chosen": [{yes}], "rejected": []}}"#),
            RecordKind::Preference,
            "a reply is one message of the assistant",
        ),
    ] {
        let told = told(&line, kind);
        assert!(told.contains(says), "{told:?} does not say {says:?}");
    }
}

#[test]
fn text_and_messages_do_not_mix() {
    let (yes, no) = (says("y"), says("n"));
    for (line, kind, text, messages) in [
        (
            format!(r#"{{"prompt": "q", "completion": [{yes}]}}"#),
            RecordKind::Completion,
            "prompt",
            "completion",
        ),
        (
            format!(r#"{{"prompt": [{USER}], "completion": "y", "label": true}}"#),
            RecordKind::Thumb,
            "completion",
            "prompt",
        ),
        (
            format!(r#"{{"prompt": "q", "chosen": [{yes}], "rejected": [{no}]}}"#),
            RecordKind::Preference,
            "prompt",
            "chosen",
        ),
        (
            format!(r#"{{"prompt": [{USER}], "chosen": [{yes}], "rejected": "n"}}"#),
            RecordKind::Feedback,
            "rejected",
            "prompt",
        ),
        (
            format!(r#"{{"prompt": "q", "chosen": "y", "rejected": [{no}], "edit": true}}"#),
            RecordKind::Feedback,
            "prompt",
            "rejected",
        ),
    ] {
        let fault = parse(&line, kind).unwrap_err();
        let RecordFault::MixedContent {
            text: found,
            messages: beside,
        } = fault
        else {
            panic!("{fault}");
        };
        assert_eq!((found, beside), (text, messages));
    }
}

#[test]
fn a_reply_to_learn_says_something() {
    let blank = r#" \n\t"#;
    let nothing = says(blank);
    for (line, kind, field) in [
        (
            r#"{"text": " "}"#.to_owned(),
            RecordKind::Completion,
            "text",
        ),
        (
            r#"{"prompt": "a", "completion": ""}"#.to_owned(),
            RecordKind::Completion,
            "completion",
        ),
        (
            format!(r#"{{"messages": [{USER}, {nothing}]}}"#),
            RecordKind::Completion,
            "messages",
        ),
        (
            format!(r#"{{"prompt": "a", "chosen": "{blank}", "rejected": "b"}}"#),
            RecordKind::Preference,
            "chosen",
        ),
        (
            format!(r#"{{"prompt": [{USER}], "chosen": [{nothing}], "rejected": [{nothing}]}}"#),
            RecordKind::Preference,
            "chosen",
        ),
        (
            r#"{"prompt": "a", "chosen": "", "rejected": "b", "edit": true}"#.to_owned(),
            RecordKind::Feedback,
            "chosen",
        ),
        (
            r#"{"prompt": "a", "completion": "", "label": true}"#.to_owned(),
            RecordKind::Thumb,
            "completion",
        ),
    ] {
        let fault = parse(&line, kind).unwrap_err();
        let RecordFault::EmptyReply { field: found } = fault else {
            panic!("{line}: {fault}");
        };
        assert_eq!(found, field);
    }
    for (line, kind) in [
        (
            r#"{"prompt": "a", "chosen": "b", "rejected": ""}"#,
            RecordKind::Preference,
        ),
        (
            r#"{"prompt": "a", "completion": "", "label": false}"#,
            RecordKind::Thumb,
        ),
    ] {
        assert!(parse(line, kind).is_ok(), "{line}");
    }
}

#[test]
fn thumbs_are_not_learned_as_demonstrations() {
    let unpaired = |line: &str, kind| match parse(line, kind) {
        Err(RecordFault::Form { form, .. }) => assert_eq!(form, Form::Unpaired, "{line}"),
        other => panic!("{line}: {other:?}"),
    };
    for label in ["true", "false", "0", "1", "\"up\"", "[]"] {
        let line = format!(r#"{{"prompt": "a", "completion": "b", "label": {label}}}"#);
        unpaired(&line, RecordKind::Completion);
        unpaired(&line, RecordKind::Preference);
    }
    let yes = says("y");
    let talk = format!(r#"{{"messages": [{USER}, {yes}], "label": false}}"#);
    unpaired(&talk, RecordKind::Completion);
}

#[test]
fn forms_that_nothing_learns_from_are_named() {
    let call = r#"{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}"#;
    let parts = r#"{"role": "user", "content": [{"type": "text", "text": "q"}]}"#;
    let (reply, pair) = (RecordKind::Completion, RecordKind::Preference);
    let thumb = RecordKind::Thumb;
    for (line, wanted, says) in [
        (
            r#"{"prompt": "a", "completion": "b", "label": true}"#.to_owned(),
            pair,
            "TRL's unpaired preferences",
        ),
        (
            r#"{"prompt": "a", "completion": "b", "label": false}"#.to_owned(),
            reply,
            "TRL's unpaired preferences",
        ),
        (
            r#"{"prompt": "a", "completions": ["b"], "labels": [true]}"#.to_owned(),
            reply,
            "TRL's stepwise supervision",
        ),
        (r#"{"prompt": "a"}"#.to_owned(), reply, "prompt-only"),
        (r#"{"prompt": "a"}"#.to_owned(), pair, "prompt-only"),
        (
            r#"{"prompt": "a", "label": true}"#.to_owned(),
            thumb,
            "prompt-only",
        ),
        (
            r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#.to_owned(),
            reply,
            "which DPO learns from",
        ),
        (
            r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#.to_owned(),
            thumb,
            "which DPO learns from",
        ),
        (r#"{"text": "a"}"#.to_owned(), pair, "which SFT learns from"),
        (
            r#"{"text": "a"}"#.to_owned(),
            thumb,
            "which SFT learns from",
        ),
        (
            r#"{"conversations": [{"from": "human", "value": "q"}]}"#.to_owned(),
            reply,
            "ShareGPT",
        ),
        (
            r#"{"messages": [{"from": "human", "value": "q"}]}"#.to_owned(),
            reply,
            "ShareGPT",
        ),
        (
            r#"{"instruction": "a", "output": "b"}"#.to_owned(),
            reply,
            "Alpaca",
        ),
        (
            r#"{"input": {}, "preferred_output": [], "non_preferred_output": []}"#.to_owned(),
            pair,
            "OpenAI's preference form",
        ),
        (
            format!(r#"{{"messages": [{USER}, {call}]}}"#),
            reply,
            "tool calls",
        ),
        (
            format!(r#"{{"messages": [{USER}], "tools": [{{"name": "f"}}]}}"#),
            reply,
            "tool calls",
        ),
        (
            format!(r#"{{"messages": [{parts}]}}"#),
            reply,
            "list of parts",
        ),
        (
            r#"{"images": ["a.png"], "prompt": "a", "completion": "b"}"#.to_owned(),
            reply,
            "images",
        ),
    ] {
        let told = told(&line, wanted);
        assert!(told.contains(says), "{told:?} does not say {says:?}");
        assert!(told.contains("a line has"), "{told}");
    }
}
