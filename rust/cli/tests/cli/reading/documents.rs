//! Every reader of one JSON document.

use std::fs;

use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};

use super::{Desk, accepted, definition, owned, refused, utf16};
use crate::run::run;

/// A command that reads a document.
struct Reader {
    name: &'static str,
    good: Value,
    /// A field of it that is a text.
    field: &'static str,
    /// Whether fields that are not known are refused.
    strict: bool,
    command: fn(&Desk, &str) -> Vec<String>,
}

fn analyze(desk: &Desk, definition: &str, more: &[&str]) -> Vec<String> {
    let analyze = ["experiment", "analyze", "--definition", definition];
    let ledger = desk.ledger();
    let ledger: &[&str] = if more.is_empty() {
        &["--ledger", &ledger]
    } else {
        more
    };
    owned(&[&analyze[..], ledger].concat())
}

fn readers(desk: &Desk) -> Vec<Reader> {
    let out = desk.path("counted.json");
    let count = analyze(desk, &desk.definition, &[]);
    accepted(&[count, owned(&["--summary-out", &out])].concat());
    let summary = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let fixture = format!(
        "{}/tests/fixtures/report/reward.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let reward: Value = serde_json::from_slice(&fs::read(fixture).unwrap()).unwrap();
    let policy: Value = serde_json::from_slice(&fs::read(policy(desk)).unwrap()).unwrap();
    vec![
        Reader {
            name: "--definition",
            good: definition(),
            field: "hypothesis",
            strict: true,
            command: |desk, file| analyze(desk, file, &[]),
        },
        Reader {
            name: "--summary",
            good: summary,
            field: "experiment",
            strict: true,
            command: |desk, file| analyze(desk, &desk.definition, &["--summary", file]),
        },
        Reader {
            name: "experiment report --reward",
            good: reward,
            field: "",
            strict: false,
            command: |desk, file| {
                let (ledger, out) = (desk.ledger(), desk.path("report.html"));
                let report = ["experiment", "report", "--definition", &desk.definition];
                let files = ["--ledger", &ledger, "--reward", file, "--out", &out];
                owned(&[&report[..], &files].concat())
            },
        },
        Reader {
            name: "policy show",
            good: policy,
            field: "payloadType",
            strict: false,
            command: |_, file| owned(&["policy", "show", file]),
        },
    ]
}

/// A policy with keys that are made for it.
fn policy(desk: &Desk) -> String {
    let keys = ["root", "release", "validation"].map(|name| {
        let key = desk.path(&format!("{name}.pem"));
        accepted(&owned(&[
            "key",
            "generate",
            "--no-passphrase",
            "--out",
            &key,
        ]));
        key
    });
    let public = keys.each_ref().map(|key| format!("{key}.pub"));
    let out = desk.path("made.policy.json");
    accepted(&owned(&[
        "policy",
        "new",
        "--name",
        "p",
        "--root",
        &public[0],
        "--release",
        &public[1],
        "--validation",
        &public[2],
        "--sign",
        &keys[0],
        "--out",
        &out,
    ]));
    out
}

#[test]
fn documents_are_read_or_told() {
    let desk = Desk::new();
    for reader in readers(&desk) {
        let file = |bytes: &[u8]| {
            let file = desk.write("document.json", bytes);
            (reader.command)(&desk, &file)
        };
        let told = |bytes: &[u8], says: &str| {
            let message = refused(&file(bytes));
            assert!(
                message.contains(says),
                "{}: {message:?} does not say {says:?}",
                reader.name
            );
            assert!(
                message.contains("document.json"),
                "{}: {message}",
                reader.name
            );
            assert!(!message.contains("my own words"), "{message}");
        };
        let good = reader.good.to_string();
        let pretty = serde_json::to_string_pretty(&reader.good).unwrap();
        for text in [&good, &pretty, &pretty.replace('\n', "\r\n")] {
            accepted(&file(text.as_bytes()));
            accepted(&file(format!("\u{feff}{text}\n").as_bytes()));
        }
        told(&utf16(&pretty), "this is UTF-16: save it as UTF-8");
        told(b"{\n\"a\": \"\xe4\"}", "line 2: it is no UTF-8");
        told(b"{\n\n\0", "line 3: it holds a NUL character");
        told(b"", "it is empty");
        told(b" \r\n", "it is empty");
        told(&pretty.as_bytes()[..pretty.len() - 1], "it is not complete");
        told(
            format!("[{good}]").as_bytes(),
            "it must be an object, found a list",
        );
        told(
            format!("{good}\n{good}").as_bytes(),
            "something follows the value at line 2",
        );
        told(
            pretty.replace('"', "'").as_bytes(),
            "it is no JSON at line 2",
        );
        told(b"null", "it must be an object, found null");
        told("[".repeat(100_000).as_bytes(), "nested more than");
        let surplus = format!("{},\"surplus\":\"my own words\"}}", &good[..good.len() - 1]);
        if reader.strict {
            told(surplus.as_bytes(), "unknown field `surplus`");
        }
        if reader.field.is_empty() {
            continue;
        }
        let field = reader.field;
        for (value, found) in [
            (Value::Null, "null"),
            (json!(3), "a number"),
            (json!(["my own words"]), "a list"),
        ] {
            let mut document = reader.good.clone();
            document[field] = value;
            let says = format!("`{field}` must be text, found {found}");
            told(document.to_string().as_bytes(), &says);
        }
        let mut without = reader.good.clone();
        without.as_object_mut().unwrap().remove(field);
        told(
            without.to_string().as_bytes(),
            &format!("`{field}` is missing"),
        );
        let twice = format!("{},\"{field}\":\"my own words\"}}", &good[..good.len() - 1]);
        told(
            twice.as_bytes(),
            &format!("two values for the key `{field}`"),
        );
        for (path, found) in [(desk.pipe().as_str(), "a pipe"), ("/dev/zero", "a device")] {
            let message = refused(&(reader.command)(&desk, path));
            assert!(message.contains("must be a regular file"), "{message}");
            assert!(message.contains(&format!(" is {found}")), "{message}");
        }
    }
}

#[test]
fn fields_of_a_definition_are_told_in_their_places() {
    let desk = Desk::new();
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (
            &|it| it["format"] = json!("1"),
            "`format` must be a whole number, 0 or more, found text",
        ),
        (
            &|it| it["arms"]["incumbent"] = json!("base"),
            "`arms.incumbent` must be an object, found text",
        ),
        (
            &|it| it["metrics"][0]["role"] = json!("first"),
            "`metrics[0].role` must be one of primary",
        ),
        (
            &|it| it["metrics"] = json!({}),
            "`metrics` must be a list, found an object",
        ),
        (
            &|it| it["metrics"][0]["range"] = json!([0]),
            "`metrics[0].range` must be a list of 2",
        ),
        (
            &|it| it["weights"] = json!([0.5, 0.25, 0.25]),
            "`weights` must be a list of 2",
        ),
        (
            &|it| it["limits"]["maxDays"] = json!(28.5),
            "`limits.maxDays` must be a whole number",
        ),
        (
            &|it| it["limits"]["max_days"] = json!(28),
            "unknown field `limits.max_days`",
        ),
        (
            &|it| it["goal"] = json!({ "not_worse_by": "0.1" }),
            "`goal.not_worse_by` must be a number",
        ),
    ];
    for (change, says) in cases {
        let mut document = definition();
        change(&mut document);
        let file = desk.write("changed.json", document.to_string());
        let message = refused(&analyze(&desk, &file, &[]));
        assert!(message.contains(says), "{message:?} does not say {says:?}");
        assert!(message.contains("changed.json"), "{message}");
    }
}

/// A bundle with marks is the same bundle; what is signed inside it stays as it is.
#[test]
fn attestations_are_read_with_marks_and_told_by_line() {
    let desk = Desk::new();
    let policy = policy(&desk);
    let (model, adapter) = (&desk.model, &desk.adapter);
    let key = desk.path("release.pem");
    let small = TinyModel::llama().adapter(4, 0.01).build().unwrap();
    fs::write(adapter, small).unwrap();
    accepted(&owned(&[
        "adapter",
        "attest",
        "release",
        adapter,
        "--model",
        model,
        "--name",
        "a",
        "--channel",
        "c",
        "--version",
        "1",
        "--changelog",
        "New.",
        "--sign",
        &key,
    ]));
    let bundle = format!("{adapter}.intoto.jsonl");
    let line = fs::read_to_string(&bundle).unwrap();
    let verify = [
        "adapter", "verify", adapter, "--model", model, "--policy", &policy, "--json",
    ];
    let verdict = |bytes: &[u8]| {
        fs::write(&bundle, bytes).unwrap();
        let output = run(&verify);
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| verdict[name].as_str().unwrap().to_owned();
        (text("reason"), text("detail"))
    };
    let honest = verdict(line.as_bytes());
    assert_eq!(honest.0, "no_validation", "{}", honest.1);
    for same in [
        format!("\u{feff}{line}"),
        format!("\u{feff}\r\n\u{feff}{}\r\n", line.trim_end()),
    ] {
        assert_eq!(verdict(same.as_bytes()), honest);
    }
    let parsed: Value = serde_json::from_str(&line).unwrap();
    let pretty = serde_json::to_string_pretty(&parsed).unwrap();
    for (bytes, says) in [
        (format!("[{line}]").into(), "JSON array"),
        (pretty.into_bytes(), "each object must stand on one line"),
        (utf16(&line), "this is UTF-16"),
        (
            format!("{line}null\n").into(),
            "it must be an object, found null",
        ),
        (
            format!("{line}\n{{\"payload\":3}}").into(),
            "`payload` must be text, found a number",
        ),
    ] {
        let (reason, detail) = verdict(&bytes);
        assert_eq!(reason, "envelope_invalid", "{detail}");
        assert!(
            detail.contains(says) && detail.contains("line"),
            "{detail:?}, {says:?}"
        );
    }
}
