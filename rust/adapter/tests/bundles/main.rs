//! Lines of others in a bundle can neither help nor harm.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod python;
mod world;

use pocketune_adapter::fixtures::key;
use pocketune_adapter::{BUNDLE_BYTES_MAX, EnvelopeError, Refusal, StatementError};
use serde_json::{Value, json};

use world::{World, crowded, signed, stated, under_the_name};

const SLSA: &str = "https://slsa.dev/provenance/v1";
const RELEASE: &str = "https://pocketune.dev/attestation/release/v1";
const VALIDATION: &str = "https://pocketune.dev/attestation/validation/v1";

/// Release keys, the validation key, this device's key; a stranger's.
const OWN: [&[u8]; 4] = [&[11, 12], &[21], &[31], &[77]];

fn changed(mut statement: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut statement);
    statement
}

/// Lines that decide nothing, whoever signed them.
fn lines_of_others(world: &World) -> Vec<(&'static str, String)> {
    let bill = |bytes: usize| json!({ "bomFormat": "CycloneDX", "x": "y".repeat(bytes) });
    let mut lines = vec![
        ("no JSON", "hello".to_owned()),
        ("half a line", world.lines[0][..99].to_owned()),
        ("nothing", "{}".to_owned()),
        ("a list", format!("[{}]", world.lines[0])),
        ("a number", "7".to_owned()),
        ("two objects", "{} {}".to_owned()),
        ("NUL", "\0".to_owned()),
        ("blank lines", "\n \n\t\n".to_owned()),
        ("a mark", "\u{feff}".to_owned()),
        ("keys twice", r#"{"payload":"","payload":"","payloadType":"t","signatures":[]}"#.to_owned()),
        ("no base64", r#"{"payload":"*","payloadType":"t","signatures":[]}"#.to_owned()),
        ("signatures that are none", r#"{"payload":"","payloadType":"t","signatures":{}}"#.to_owned()),
        ("depth", "[".repeat(100_000)),
        (
            "a Sigstore bundle",
            json!({
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": { "certificate": { "rawBytes": "MIIC" }, "tlogEntries": [] },
                "dsseEnvelope": serde_json::from_str::<Value>(&world.lines[1]).unwrap(),
            })
            .to_string(),
        ),
    ];
    for keys in OWN {
        let about = |type_: &str, predicate| world.statement(type_, predicate);
        let others = [
            (
                "provenance",
                about(SLSA, json!({ "builder": { "id": "x" } })),
            ),
            (
                "a bill of materials",
                about("https://cyclonedx.org/bom", bill(100_000)),
            ),
            (
                "a long bill of materials",
                about("https://cyclonedx.org/bom", bill(300_000)),
            ),
            (
                "depth",
                about(
                    SLSA,
                    serde_json::from_str(&("[".repeat(60) + &"]".repeat(60))).unwrap(),
                ),
            ),
            (
                "a future kind",
                about("https://example.com/halt/v9", Value::Null),
            ),
            (
                "an older statement",
                changed(about(SLSA, json!({})), |it| {
                    it["_type"] = "https://in-toto.io/Statement/v0.1".into()
                }),
            ),
            (
                "a later statement",
                changed(world.said(1), |it| {
                    it["_type"] = "https://in-toto.io/Statement/v2".into()
                }),
            ),
            (
                "a commit",
                changed(world.said(0), |it| {
                    it["subject"][0]["digest"] = json!({ "gitCommit": "af2c1e" })
                }),
            ),
            (
                "no subject",
                changed(world.said(1), |it| it["subject"] = json!([])),
            ),
            (
                "a subject without a digest",
                changed(about(SLSA, json!({})), |it| {
                    it["subject"] = json!([{ "uri": "git+https://x" }])
                }),
            ),
            (
                "many subjects",
                changed(about(SLSA, json!({})), |it| {
                    let one = it["subject"][0].clone();
                    it["subject"] = vec![one; 500].into();
                }),
            ),
            (
                "other bytes that failed",
                changed(world.said(1), |it| {
                    it["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
                    it["predicate"]["result"] = "FAILED".into();
                }),
            ),
            (
                "a release of other bytes that cannot be read",
                changed(world.said(0), |it| {
                    it["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
                    it["predicate"]["onlyFor"] = "me".into();
                }),
            ),
            (
                "a link",
                json!({ "_type": "link", "name": "build", "materials": {}, "products": {} }),
            ),
            ("no object", json!("text")),
        ];
        lines.extend(others.map(|(name, statement)| (name, stated(&statement, keys))));
        lines.extend([
            (
                "another payload",
                signed("application/json", &world.said(0).to_string(), keys),
            ),
            (
                "no statement",
                signed("application/vnd.in-toto+json", "hello", keys),
            ),
        ]);
    }
    // What a stranger says of these bytes.
    let strange = [
        changed(world.said(1), |it| {
            it["predicate"]["result"] = "FAILED".into()
        }),
        changed(world.said(0), |it| it["predicate"]["version"] = 99.into()),
        changed(world.said(0), |it| it["predicate"]["onlyFor"] = "me".into()),
        world.statement(VALIDATION, Value::Null),
    ];
    for statement in strange {
        let line = stated(&statement, &[77, 78]);
        lines.push(("a stranger's", line.clone()));
        for number in [11, 12, 21, 31] {
            let name = key(number).public().id().to_string();
            lines.push(("a stranger's under our name", under_the_name(&line, &name)));
        }
    }
    lines
}

#[test]
fn lines_of_others_change_nothing() {
    let world = World::new();
    let [release, validation] = &world.lines;
    for (name, line) in lines_of_others(&world) {
        for bundle in [
            format!("{line}\n{release}\n{validation}\n"),
            format!("{release}\n{line}\r\n{validation}"),
            format!("{release}\n{validation}\n{line}"),
        ] {
            let verdict = world.verify(bundle.as_bytes());
            assert!(verdict.is_ok(), "{name}: {:?}", verdict.err());
        }
        // They do not help either.
        for (own, reason) in [(release, "no_validation"), (validation, "no_release")] {
            let found = world.verdict(&format!("{line}\n{own}\n"));
            let told = [
                "envelope_invalid",
                "statement_invalid",
                "other_subject",
                "other_bytes_validated",
            ];
            let told = found == reason || told.contains(&found);
            assert!(told || found.starts_with("below_"), "{name}: {found}");
        }
    }
}

#[test]
fn bytes_of_others_change_nothing() {
    let world = World::new();
    let own = world.lines.join("\n");
    for line in [
        &b"\xff\xfe{\0"[..],
        b"\xc3\x28",
        &[b'x'; 300_000],
        &[b'\n'; 20_000],
    ] {
        let bundle = [line, b"\n", own.as_bytes(), b"\n", line].concat();
        let verdict = world.verify(&bundle);
        assert!(verdict.is_ok(), "{:?}", verdict.err());
    }
}

/// Anybody may sign an envelope beside those who did.
#[test]
fn signatures_of_others_change_nothing() {
    let world = World::new();
    let strange = |count: usize| -> Vec<Value> {
        let line: Value = serde_json::from_str(&signed("t", "x", &[77])).unwrap();
        vec![line["signatures"][0].clone(); count]
    };
    let mut of_no_form = vec![json!({ "sig": "***" }), json!({}), json!("x"), json!(null)];
    of_no_form.push(json!({ "keyid": 7, "sig": "AAAA" }));
    of_no_form.push(json!({ "sig": "MEUCIQ==", "cert": "-----BEGIN CERTIFICATE-----" }));
    for others in [strange(1), strange(100), of_no_form] {
        for first in [true, false] {
            let lines = world.lines.each_ref().map(|line| {
                let mut envelope: Value = serde_json::from_str(line).unwrap();
                let own = envelope["signatures"].as_array().unwrap();
                let both = match first {
                    true => [others.as_slice(), own].concat(),
                    false => [own, others.as_slice()].concat(),
                };
                envelope["signatures"] = both.into();
                envelope.to_string()
            });
            assert_eq!(world.verdict(&lines.join("\n")), "accepted");
        }
    }
}

#[test]
fn names_of_keys_are_hints() {
    let world = World::new();
    let others = [11, 12, 21, 31, 77].map(|number| key(number).public().id().to_string());
    let names = ["", "SHA256:u9v", "release", "0".repeat(64).as_str()].map(str::to_owned);
    for name in names.iter().chain(&others) {
        let lines = world
            .lines
            .each_ref()
            .map(|line| under_the_name(line, name));
        assert_eq!(world.verdict(&lines.join("\n")), "accepted", "{name:?}");
    }
    // One key counts once, whatever its signatures are called.
    let envelope = stated(&world.said(0), &[11, 11]);
    let twice = envelope.replacen(&others[0], &others[1], 1);
    let bundle = format!("{twice}\n{}", world.lines[1]);
    assert_eq!(world.verdict(&bundle), "below_release_threshold");
}

/// Whoever wrote such a statement wanted something that this version would not do.
#[test]
fn what_would_count_and_cannot_be_read_refuses() {
    let world = World::new();
    let own = world.lines.join("\n");
    let unknown = |line: usize| {
        changed(world.said(line), |it| {
            it["predicate"]["onlyFor"] = "me".into()
        })
    };
    let failed = changed(unknown(1), |it| it["predicate"]["result"] = "FAILED".into());
    let verdict = |statement: &Value, keys: &[u8]| {
        world.verdict(&format!("{own}\n{}", stated(statement, keys)))
    };
    for (statement, keys) in [
        (&unknown(0), &[11, 12][..]),
        (&unknown(0), &[31]),
        (&unknown(1), &[21]),
        (&failed, &[21]),
        (&failed, &[77, 21]),
        (&failed, &[31]),
        (&world.statement(RELEASE, Value::Null), &[11, 12]),
        (&world.statement(VALIDATION, json!([])), &[21]),
    ] {
        assert_eq!(verdict(statement, keys), "statement_invalid", "{keys:?}");
        if *keys == [31] {
            continue;
        }
        // Its name is a hint here too; a device alone always writes its own.
        let unnamed = under_the_name(&stated(statement, keys), "");
        let bundle = format!("{unnamed}\n{own}");
        assert_eq!(world.verdict(&bundle), "statement_invalid", "{keys:?}");
    }
    // What would not count does not refuse: too few keys, those of another role, strangers.
    for (statement, keys) in [
        (&unknown(0), &[11][..]),
        (&unknown(0), &[11, 11]),
        (&unknown(0), &[21]),
        (&failed, &[11, 12]),
        (&failed, &[77]),
        (&failed, &[]),
    ] {
        assert_eq!(verdict(statement, keys), "accepted", "{keys:?}");
    }
}

#[test]
fn what_was_passed_over_is_told_where_nothing_else_is_there() {
    let world = World::new();
    let refusal = |bundle: &str| world.verify(bundle.as_bytes()).unwrap_err();
    let [release, validation] = &world.lines;
    // Nobody who is known signed anything: the first line that is no envelope.
    let strange = stated(&world.said(0), &[77]);
    let cut = &release[..99];
    let told = refusal(&format!("{strange}\n{cut}\nhello"));
    assert!(
        matches!(
            told,
            Refusal::Envelope {
                line: 2,
                cause: EnvelopeError::Line(_)
            }
        ),
        "{told}"
    );
    assert_eq!(refusal(&strange), Refusal::NoTrustedSignature);
    // Somebody did: what of theirs could not be read.
    let older = |line: usize| {
        let statement = changed(world.said(line), |it| {
            it["_type"] = "https://in-toto.io/Statement/v0.1".into();
        });
        stated(&statement, if line == 0 { &[11, 12] } else { &[21] })
    };
    let cause = StatementError::Version;
    let told = refusal(&format!("hello\n{release}\n{}", older(1)));
    assert_eq!(
        told,
        Refusal::Statement {
            line: 3,
            cause: cause.clone()
        }
    );
    let told = refusal(&format!("hello\n{}\n{validation}", older(0)));
    assert_eq!(told, Refusal::Statement { line: 2, cause });
    let other = changed(world.statement(SLSA, json!({})), |it| {
        it["_type"] = "https://in-toto.io/Statement/v0.1".into();
    });
    let told = refusal(&format!("{}\n{release}", stated(&other, &[21])));
    assert_eq!(told, Refusal::NoValidation);
    assert_eq!(refusal(release), Refusal::NoValidation);
    // It may have stood on a line that cannot be read.
    let told = refusal(&format!("{release}\n{cut}"));
    assert!(matches!(told, Refusal::Envelope { line: 2, .. }), "{told}");
    // Signed by too few, and not readable.
    let unknown = changed(world.said(0), |it| it["predicate"]["onlyFor"] = "me".into());
    let told = refusal(&format!("{}\n{validation}", stated(&unknown, &[11])));
    assert!(matches!(told, Refusal::Statement { line: 1, .. }), "{told}");
}

/// A thousand lines of strangers, before a delivery's own: of other things, of this very
/// adapter, with many signatures, under names that are no help.
#[test]
fn a_thousand_lines_of_strangers_change_nothing() {
    let world = World::new();
    let of_other = changed(world.statement(SLSA, json!({})), |it| {
        it["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
    });
    let failed = changed(world.said(1), |it| {
        it["predicate"] = json!({ "result": "FAILED" })
    });
    let released = world.statement(RELEASE, json!({}));
    for (line, signatures) in [
        (&of_other, 1),
        (&world.statement(SLSA, json!({})), 1),
        (&failed, 1),
        (&released, 2),
        (&failed, 16),
    ] {
        for names in [None, Some("")] {
            let bundle = crowded(&world, line, signatures, names);
            if signatures < 16 {
                assert_eq!(bundle.lines().count(), 1_002);
            }
            assert!(bundle.len() <= BUNDLE_BYTES_MAX);
            assert_eq!(world.verdict(&bundle), "accepted", "{signatures} {names:?}");
        }
    }
}

/// Strangers who give our names for all their signatures do not keep ours from being tried.
#[test]
fn forged_names_crowd_nobody_out() {
    let world = World::new();
    let failed = changed(world.said(1), |it| {
        it["predicate"] = json!({ "result": "FAILED" })
    });
    let bundle = crowded(&world, &failed, 16, None);
    let name = key(21).public().id().to_string();
    let (strange, own) = bundle.split_at(bundle.len() - world.lines.join("\n").len());
    let forged: Vec<String> = strange
        .lines()
        .map(|line| under_the_name(line, &name))
        .collect();
    assert!(forged.len() > 200);
    assert_eq!(
        world.verdict(&format!("{}\n{own}", forged.join("\n"))),
        "accepted"
    );
}
