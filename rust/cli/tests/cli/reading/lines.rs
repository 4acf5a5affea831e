//! Every reader of lines, and every way in which a line or a file of them can be wrong.

use serde_json::{Value, json};

use super::{Desk, accepted, owned, refused, utf16};

/// A command that reads lines.
struct Reader {
    name: &'static str,
    /// One good line.
    good: Value,
    /// Lines that it needs beside it to succeed.
    rest: String,
    /// A field of it that is a text, with what it must be.
    field: &'static str,
    expected: &'static str,
    /// Whether fields that are not known are refused.
    strict: bool,
    command: fn(&Desk, &str) -> Vec<String>,
}

fn readers() -> Vec<Reader> {
    let said = |role: &str, content: &str| json!([{ "role": role, "content": content }]);
    let side = "text or a list of messages";
    vec![
        Reader {
            name: "tune --objective dpo --data",
            good: json!({ "prompt": "a", "chosen": "b", "rejected": "c" }),
            rest: String::new(),
            field: "chosen",
            expected: side,
            strict: false,
            command: |desk, file| tune(desk, "dpo", &["--data", file]),
        },
        Reader {
            name: "tune --objective dpo, conversational",
            good: json!({ "prompt": said("user", "a"), "chosen": said("assistant", "b"),
                "rejected": said("assistant", "c") }),
            rest: String::new(),
            field: "rejected",
            expected: side,
            strict: false,
            command: |desk, file| tune(desk, "dpo", &["--data", file]),
        },
        Reader {
            name: "tune --objective sft --data",
            good: json!({ "prompt": "a", "completion": "b" }),
            rest: String::new(),
            field: "prompt",
            expected: side,
            strict: false,
            command: |desk, file| tune(desk, "sft", &["--data", file]),
        },
        Reader {
            name: "reward train --data",
            good: json!({ "prompt": "a", "chosen": "b", "rejected": "c", "annotator": "ann" }),
            rest: (0..23).map(pair).collect(),
            field: "chosen",
            expected: side,
            strict: false,
            command: |desk, file| {
                let out = desk.path("head.gguf");
                let train = ["reward", "train", "--model", &desk.model, "--minimum", "1"];
                owned(&[&train[..], &["--data", file, "--out", &out]].concat())
            },
        },
        Reader {
            name: "evaluate --suite",
            good: json!({ "form": "choice", "id": "a", "kind": "k", "licence": "MIT",
                "source": "s", "question": "hi", "choices": ["a", "b"], "answer": 1 }),
            rest: String::new(),
            field: "question",
            expected: "text",
            strict: true,
            command: |desk, file| owned(&["evaluate", "--model", &desk.model, "--suite", file]),
        },
        Reader {
            name: "evaluate --suite, preference",
            good: json!({ "form": "preference", "id": "b", "kind": "l", "licence": "MIT",
                "source": "s", "prompt": "hi", "chosen": "ab", "rejected": "ba" }),
            rest: String::new(),
            field: "chosen",
            expected: "text",
            strict: true,
            command: |desk, file| owned(&["evaluate", "--model", &desk.model, "--suite", file]),
        },
        Reader {
            name: "experiment analyze --ledger",
            good: json!({ "event": "exposure", "unit": "a", "arm": "incumbent", "at_s": 10 }),
            rest: String::new(),
            field: "unit",
            expected: "text",
            strict: true,
            command: |desk, file| {
                let analyze = ["experiment", "analyze", "--definition", &desk.definition];
                owned(&[&analyze[..], &["--ledger", file]].concat())
            },
        },
        Reader {
            name: "experiment simulate --items",
            good: json!({ "pick": { "pick": "challenger" } }),
            rest: String::new(),
            field: "pick",
            expected: "one of pick, value, pair",
            strict: true,
            command: |desk, file| {
                let simulate = ["experiment", "simulate", "--definition", &desk.definition];
                owned(&[&simulate[..], &["--items", file, "--experiments", "2"]].concat())
            },
        },
        Reader {
            name: "experiment report --samples",
            good: json!({ "id": "1", "prompt": "p", "incumbent": "i", "challenger": "c",
                "consent": true }),
            rest: String::new(),
            field: "prompt",
            expected: "text",
            strict: true,
            command: |desk, file| {
                let ledger = desk.ledger();
                let out = desk.path("report.html");
                let report = ["experiment", "report", "--definition", &desk.definition];
                let files = ["--ledger", &ledger, "--samples", file, "--out", &out];
                owned(&[&report[..], &files].concat())
            },
        },
    ]
}

/// A preference with an answer that depends on nothing but its number.
fn pair(number: usize) -> String {
    let reply = |text: &str| format!("{text} {number}");
    let pair = json!({ "prompt": reply("q"), "chosen": reply("a b c"),
        "rejected": reply("x y z x"), "annotator": "ann" });
    format!("{pair}\n")
}

fn tune(desk: &Desk, objective: &str, more: &[&str]) -> Vec<String> {
    let out = desk.path("tuned.gguf");
    let tune = [
        "tune",
        "--objective",
        objective,
        "--plan",
        "--model",
        &desk.model,
    ];
    owned(&[&tune[..], &["--out", &out], more].concat())
}

impl Reader {
    fn accepts(&self, desk: &Desk, bytes: &[u8]) {
        let rest = self.rest.as_bytes();
        let file = desk.write("data.jsonl", [bytes, b"\n", rest].concat());
        println!(
            "{}: {:?}",
            self.name,
            String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
        );
        accepted(&(self.command)(desk, &file));
    }

    fn refuses(&self, desk: &Desk, bytes: &[u8], line: usize, says: &str) {
        let file = desk.write("data.jsonl", bytes);
        let message = refused(&(self.command)(desk, &file));
        let place = format!("line {line}");
        for part in ["data.jsonl", &place, says] {
            assert!(
                message.contains(part),
                "{}: {message:?} does not say {part:?}",
                self.name
            );
        }
        assert!(!message.contains("my own words"), "{message}");
    }

    /// The good line with this field.
    fn with(&self, field: &str, value: Value) -> String {
        let mut line = self.good.clone();
        line[field] = value;
        line.to_string()
    }
}

#[test]
fn what_says_nothing_is_passed_over() {
    let desk = Desk::new();
    for reader in readers() {
        let good = reader.good.to_string();
        for text in [
            format!("{good}\n"),
            format!("\u{feff}{good}"),
            format!("\u{feff}\u{feff}{good}\n"),
            // Joined files, of which the first is empty but for its mark.
            format!("\u{feff}\n\u{feff}{good}\n\u{feff}\n"),
            format!("\r\n  {good}\t\r\n\r\n"),
            format!("{good}{}", "\n".repeat(9_000)),
        ] {
            reader.accepts(&desk, text.as_bytes());
        }
    }
}

#[test]
fn files_that_are_no_lines_of_text_are_told() {
    let desk = Desk::new();
    for reader in readers() {
        let good = reader.good.to_string();
        let pretty = serde_json::to_string_pretty(&reader.good).unwrap();
        let list = serde_json::to_string_pretty(&json!([reader.good, reader.good])).unwrap();
        let bare: Vec<u8> = good.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let array = "JSON array; one object a line is expected";
        for (bytes, line, says) in [
            (utf16(&good), 1, "this is UTF-16: save it as UTF-8"),
            (bare, 1, "this is UTF-16: save it as UTF-8"),
            (b"\n\n{\"a\": \"\xe4\"}\n".to_vec(), 3, "it is no UTF-8"),
            (format!("\n{good}\0\n").into(), 2, "NUL"),
            (vec![0; 4096], 1, "NUL"),
            (format!("\u{feff}\n{list}").into(), 2, array),
            (format!("[{good},{good}]").into(), 1, array),
            ("[]".into(), 1, array),
            (
                pretty.clone().into(),
                1,
                "each object must stand on one line",
            ),
            (
                format!("\n\n{pretty}").into(),
                3,
                "each object must stand on one line",
            ),
            (good[..good.len() - 1].into(), 1, "it is not complete"),
            (
                format!("{good}{good}").into(),
                1,
                "something follows the object",
            ),
            (
                format!("{good},\n{good}").into(),
                1,
                "something follows the object",
            ),
            (
                good.replace('"', "'").into(),
                1,
                "it is no JSON at column 2",
            ),
            (
                format!("\n{}", "\n".repeat(20_000)).into(),
                10_001,
                "blank lines",
            ),
            (
                format!("\n{}", " ".repeat(2 << 20)).into(),
                2,
                "longer than 1048576 bytes",
            ),
            (
                format!("{{\"a\": \"{}", "x".repeat(2 << 20)).into(),
                1,
                "longer than 1048576",
            ),
        ] {
            reader.refuses(&desk, &bytes, line, says);
        }
    }
}

#[test]
fn fields_are_told_by_name_and_kind() {
    let desk = Desk::new();
    for reader in readers() {
        let (field, expected) = (reader.field, reader.expected);
        let kind = |found: &str| format!("`{field}` must be {expected}, found {found}");
        for (value, found) in [
            (Value::Null, "null"),
            (json!(3), "a number"),
            (json!(0.5), "a number with a fraction"),
            (json!(true), "true or false"),
        ] {
            let line = format!("\n{}", reader.with(field, value));
            reader.refuses(&desk, line.as_bytes(), 2, &kind(found));
        }
        let good = reader.good.to_string();
        let twice = format!("{},\"{field}\":\"my own words\"}}", &good[..good.len() - 1]);
        let says = format!("two values for the key `{field}`");
        reader.refuses(&desk, twice.as_bytes(), 1, &says);
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let deep = format!("{},\"deep\":{deep}}}", &good[..good.len() - 1]);
        reader.refuses(&desk, deep.as_bytes(), 1, "nested more than 64 deep");
        for other in [json!("my own words"), json!(7), Value::Null] {
            let says = "it must be an object, found ";
            reader.refuses(&desk, other.to_string().as_bytes(), 1, says);
        }
        if field != "pick" {
            let mut without = reader.good.clone();
            without.as_object_mut().unwrap().remove(field);
            let says = format!("`{field}` is missing");
            reader.refuses(&desk, without.to_string().as_bytes(), 1, &says);
        }
        let surplus = reader.with("surplus", json!("my own words"));
        match reader.strict {
            true if field == "pick" => reader.refuses(&desk, surplus.as_bytes(), 1, "one of pick"),
            true => reader.refuses(&desk, surplus.as_bytes(), 1, "unknown field `surplus`"),
            false => reader.accepts(&desk, surplus.as_bytes()),
        }
    }
}

#[test]
fn pipes_and_devices_are_refused_and_not_waited_for() {
    let desk = Desk::new();
    let pipe = desk.pipe();
    for reader in readers() {
        for (file, says) in [
            (pipe.as_str(), "a pipe"),
            ("/dev/zero", "a device"),
            ("/", "a directory"),
        ] {
            let message = refused(&(reader.command)(&desk, file));
            assert!(
                message.contains("must be a regular file")
                    && message.contains(&format!(" is {says}")),
                "{}: {message}",
                reader.name
            );
            assert!(message.contains(file), "{message}");
        }
    }
}

/// Numbers as text, places that are no whole numbers, names of events and roles.
#[test]
fn fields_of_other_kinds_are_told_in_their_places() {
    let desk = Desk::new();
    let all = readers();
    let reader = |name: &str| all.iter().find(|it| it.name == name).unwrap();
    let suite = reader("evaluate --suite");
    let whole = "must be a whole number, 0 or more, found";
    for (value, found) in [
        (json!("1"), "text"),
        (json!(1.5), "a number with a fraction"),
        (json!(-1), "a negative number"),
        (Value::Null, "null"),
    ] {
        let line = suite.with("answer", value);
        suite.refuses(
            &desk,
            line.as_bytes(),
            1,
            &format!("`answer` {whole} {found}"),
        );
    }
    let form = suite.with("form", json!("essay"));
    suite.refuses(
        &desk,
        form.as_bytes(),
        1,
        "`form` must be one of choice, preference",
    );
    let choices = suite.with("choices", json!(["a", null]));
    suite.refuses(
        &desk,
        choices.as_bytes(),
        1,
        "`choices[1]` must be text, found null",
    );
    let preference = reader("evaluate --suite, preference");
    for (expect, says) in [
        (json!({ "formt": "json" }), "unknown field `expect.formt`"),
        (
            json!({ "format": "prose" }),
            "`expect.format` must be one of json",
        ),
        (
            json!({ "length": { "max_words": "20" } }),
            "`expect.length.max_words` must be a whole",
        ),
        (
            json!({ "refusal": true }),
            "`expect.refusal` must be one of no, yes, either",
        ),
    ] {
        let line = preference.with("expect", expect);
        preference.refuses(&desk, line.as_bytes(), 1, says);
    }
    let ledger = reader("experiment analyze --ledger");
    for (field, value, says) in [
        (
            "event",
            json!("seen"),
            "`event` must be one of start, exposure, outcome, end",
        ),
        ("event", Value::Null, "`event` must be text, found null"),
        (
            "at_s",
            json!("10"),
            "`at_s` must be a whole number, found text",
        ),
        (
            "at_s",
            json!(10.5),
            "`at_s` must be a whole number, found a number with a fraction",
        ),
        (
            "at_s",
            json!("2026-11-25T07:00:00Z"),
            "`at_s` must be a whole number, found text",
        ),
    ] {
        ledger.refuses(&desk, ledger.with(field, value).as_bytes(), 1, says);
    }
    let reward = reader("reward train --data");
    for (field, value, says) in [
        (
            "annotator",
            Value::Null,
            "`annotator` must be text or a whole number, found null",
        ),
        (
            "annotator",
            json!(["ann"]),
            "`annotator` must be text or a whole number, found a list",
        ),
        (
            "tie",
            json!("true"),
            "`tie` must be true or false, found text",
        ),
        (
            "id",
            json!(1.5),
            "`id` must be text or a whole number, found a number with a fraction",
        ),
    ] {
        reward.refuses(&desk, reward.with(field, value).as_bytes(), 1, says);
    }
    let talk = reader("tune --objective dpo, conversational");
    for (message, says) in [
        (
            json!({ "role": "assistant", "content": null }),
            "`chosen[0].content` must be text, found null",
        ),
        (
            json!({ "role": "bot", "content": "b" }),
            "`chosen[0].role` must be one of system, user",
        ),
        (json!({ "content": "b" }), "`chosen[0].role` is missing"),
        (json!("b"), "`chosen[0]` must be an object, found text"),
    ] {
        let line = talk.with("chosen", json!([message]));
        talk.refuses(&desk, line.as_bytes(), 1, says);
    }
}

/// Lines as TRL, PEFT and others write them that nothing here learns from yet.
#[test]
fn known_forms_that_are_not_supported_are_named() {
    let desk = Desk::new();
    let all = readers();
    let reader = |name: &str| all.iter().find(|it| it.name == name).unwrap();
    let (sft, dpo) = (
        reader("tune --objective sft --data"),
        reader("tune --objective dpo --data"),
    );
    let unpaired = json!({ "prompt": "a", "completion": "b", "label": false });
    let talk = json!({ "conversations": [{ "from": "human", "value": "q" }] });
    let call = json!({ "messages": [{ "role": "user", "content": "q" },
        { "role": "assistant", "content": "", "tool_calls": [{ "type": "function" }] }] });
    for (reader, line, says) in [
        (
            sft,
            &unpaired,
            "unpaired preferences (`prompt`, `completion`, `label`) are not supported",
        ),
        (
            dpo,
            &unpaired,
            "unpaired preferences (`prompt`, `completion`, `label`) are not supported",
        ),
        (
            reader("reward train --data"),
            &unpaired,
            "unpaired preferences",
        ),
        (sft, &talk, "ShareGPT"),
        (dpo, &talk, "ShareGPT"),
        (sft, &call, "tool calls"),
        (sft, &dpo.good, "--objective dpo"),
        (dpo, &sft.good, "--objective sft"),
    ] {
        reader.refuses(&desk, line.to_string().as_bytes(), 1, says);
        reader.refuses(&desk, line.to_string().as_bytes(), 1, "a line has");
    }
    // A published set of preferences: the prompt as text beside whole conversations.
    let whole = |reply: &str| json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": reply }]);
    let published = json!({ "prompt": "a", "chosen": whole("b"), "rejected": whole("c"),
        "messages": whole("b"), "score_chosen": 8.5, "score_rejected": null });
    dpo.accepts(&desk, published.to_string().as_bytes());
}
