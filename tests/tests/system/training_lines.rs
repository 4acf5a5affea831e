//! Training data line by line: forms, contradictions, lines that are left out.

use std::fs;
use std::path::Path;

use pocketune_core::Engine;
use pocketune_core::tuning::{
    Contradiction, DatasetError, Encoder, EncodingOptions, Form, RecordFault, RecordKind,
    SampleCounts,
};
use serde_json::json;

use crate::training_text::{END, fault, prompt, read, replies, said, sample, tiny};

#[test]
fn feedback_of_all_kinds_stands_in_one_file() {
    let engine = tiny(|_| {});
    let data = [
        json!({ "prompt": "q", "completion": "a", "label": true }),
        json!({ "prompt": "q", "completion": "b", "label": false }),
        json!({ "prompt": "q", "completion": "", "label": false }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "b" }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "" }),
        json!({ "prompt": "r", "chosen": "a", "rejected": "c", "edit": true }),
    ];
    let read = read(&engine, RecordKind::Feedback, &data).unwrap();
    let expected = SampleCounts {
        demonstrations: 0,
        thumbs_up: 1,
        thumbs_down: 2,
        pairs: 2,
        edits: 1,
    };
    assert_eq!(read.counts, expected);
    // An empty reply ends at once.
    assert_eq!(read.samples[2].replies[0].tokens, [2]);
    assert_eq!(read.samples[4].replies[1].tokens, [2]);
    let talk = json!({ "prompt": prompt(), "completion": replies(""), "label": false });
    let talk = sample(&engine, RecordKind::Thumb, talk);
    assert_eq!(talk.replies[0].tokens, [2]);
}

/// The table of forms in `rust/FORMATS.md`.
#[test]
fn the_lines_that_the_formats_show_are_read() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust/FORMATS.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Training data\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let engine = tiny(|_| {});
    let mut feedback = String::new();
    let mut read = 0;
    for row in section.lines().filter(|row| row.contains("| `{")) {
        let (objectives, line) = row.split_once("| `{").unwrap();
        let line = format!("{{{}\n", line.split_once("` |").unwrap().0);
        for (objective, kind) in [
            ("`sft`", RecordKind::Completion),
            ("`dpo`", RecordKind::Preference),
            ("`kto`", RecordKind::Thumb),
        ] {
            if objectives.contains(objective) {
                Encoder::new(&engine, 200)
                    .read(line.as_bytes(), kind)
                    .unwrap();
                read += 1;
            }
        }
        if objectives.contains("`auto`") {
            feedback += &line;
        }
    }
    assert_eq!(read, 6);
    let all = Encoder::new(&engine, 200).read(feedback.as_bytes(), RecordKind::Feedback);
    let counts = all.unwrap().counts;
    assert_eq!((counts.pairs, counts.edits, counts.thumbs_up), (1, 1, 1));
}

#[test]
fn replies_that_are_the_same_or_nothing_once_they_are_tokens_are_refused() {
    let engine = tiny(|_| {});
    let same = json!({ "prompt": "q", "chosen": "a", "rejected": format!("a{END}") });
    let same = fault(&engine, RecordKind::Preference, same);
    assert!(matches!(same, RecordFault::SameReplies), "{same}");
    for (line, kind, wanted) in [
        (json!({ "text": END }), RecordKind::Completion, "text"),
        (
            json!({ "prompt": "q", "completion": format!(" {END}"), "label": true }),
            RecordKind::Thumb,
            "completion",
        ),
        (
            json!({ "prompt": "q", "chosen": END, "rejected": "a" }),
            RecordKind::Preference,
            "chosen",
        ),
    ] {
        let RecordFault::EmptyReply { field } = fault(&engine, kind, line) else {
            panic!("{wanted}");
        };
        assert_eq!(field, wanted);
    }
}

#[test]
fn lines_that_contradict_each_other_are_named() {
    let engine = tiny(|_| {});
    let data = [
        json!({ "prompt": "q", "completion": "a", "label": true }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "b" }),
        json!({ "prompt": "q", "chosen": "b", "rejected": "a", "edit": true }),
        json!({ "prompt": "q", "completion": "a", "label": false }),
    ];
    let refused = read(&engine, RecordKind::Feedback, &data).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "lines 2 and 3 contradict each other: the same two replies to the same prompt stand in \
         both orders"
    );
    let thumbs = [data[0].clone(), data[1].clone(), data[3].clone()];
    let refused = read(&engine, RecordKind::Feedback, &thumbs).unwrap_err();
    assert!(matches!(
        refused,
        DatasetError::Contradiction {
            earlier: 1,
            line: 3,
            contradiction: Contradiction::Thumbs
        }
    ));
}

fn skipping(engine: &Engine) -> Encoder<'_> {
    Encoder::with(
        engine,
        EncodingOptions {
            sequence_tokens: 40,
            skip_unusable: true,
            ..EncodingOptions::default()
        },
    )
}

#[test]
fn no_line_stops_a_file_when_asked_so() {
    let engine = tiny(|_| {});
    let thumb = |reply: &str, up: bool| {
        json!({ "prompt": "q", "completion": reply, "label": up }).to_string()
    };
    let lines = [
        thumb("a", true),
        "{\"prompt\": ".to_owned(),
        "no JSON".to_owned(),
        thumb(&"long ".repeat(40), true),
        "[1]".to_owned(),
        "x".repeat(3 << 20),
        thumb("b", true),
        "\u{0}".to_owned(),
        thumb("c", true),
        json!({ "prompt": "q", "completion": "a" }).to_string(),
        thumb("c", false),
        json!({ "prompt": "q", "chosen": "e", "rejected": "e" }).to_string(),
        String::new(),
        json!({ "prompt": "q", "chosen": "d", "rejected": "e" }).to_string(),
    ];
    let read = skipping(&engine).read(lines.join("\n").as_bytes(), RecordKind::Feedback);
    let read = read.unwrap();
    assert_eq!((read.counts.thumbs_up, read.counts.pairs), (2, 1));
    assert_eq!(read.samples.len(), 3);
    assert_eq!(read.skipped.count, 10);
    let told: Vec<usize> = read.skipped.first.iter().map(|it| it.0).collect();
    assert_eq!(told, [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    for (line, fault) in &read.skipped.first {
        let sees = match line {
            2 | 3 | 5 | 6 | 8 => matches!(fault, RecordFault::Line(_)),
            4 => matches!(fault, RecordFault::TooManyTokens { .. }),
            9 => matches!(fault, RecordFault::Contradicts { line: 11, .. }),
            10 => matches!(fault, RecordFault::Unlabelled(RecordKind::Feedback)),
            11 => matches!(fault, RecordFault::Contradicts { line: 9, .. }),
            _ => matches!(fault, RecordFault::SameReplies),
        };
        assert!(sees, "line {line}: {fault}");
    }
}

#[test]
fn a_file_of_which_nothing_is_left_says_why() {
    let engine = tiny(|model| {
        model.remove("tokenizer.chat_template");
    });
    let talk = json!({ "messages": [said("user", "a"), said("assistant", "b")] }).to_string();
    let unusable = format!("\n{talk}\n{}\n", json!({ "prompt": "a" }));
    let refused = skipping(&engine).read(unusable.as_bytes(), RecordKind::Completion);
    let Err(DatasetError::NothingUsable { lines, line, fault }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((lines, line), (2, 2));
    assert!(fault.to_string().contains("no chat template"), "{fault}");
    // Texts need none.
    let some = format!("{talk}\n{}", json!({ "text": "ab" }));
    let read = skipping(&engine).read(some.as_bytes(), RecordKind::Completion);
    let read = read.unwrap();
    assert_eq!((read.samples.len(), read.skipped.count), (1, 1));
    let empty = skipping(&engine).read(&b"\n\n"[..], RecordKind::Completion);
    assert!(matches!(empty, Err(DatasetError::Empty)));
}

#[test]
fn thumbs_are_no_demonstrations_and_completions_no_thumbs() {
    let engine = tiny(|_| {});
    for label in [json!(true), json!(false), json!(1), json!("good")] {
        let line = json!({ "prompt": "a", "completion": "b", "label": label });
        let fault = fault(&engine, RecordKind::Completion, line);
        assert!(matches!(
            fault,
            RecordFault::Form {
                form: Form::Unpaired,
                kind: RecordKind::Completion
            }
        ));
    }
    let bare = json!({ "prompt": "a", "completion": "b", "label": null });
    sample(&engine, RecordKind::Completion, bare);
    let bare = json!({ "prompt": "a", "completion": "b" });
    for kind in [RecordKind::Thumb, RecordKind::Feedback] {
        let fault = fault(&engine, kind, bare.clone());
        assert!(matches!(fault, RecordFault::Unlabelled(_)), "{fault}");
    }
}
