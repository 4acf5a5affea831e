//! What is printed for a person never steers the terminal, whatever files, names and
//! statements of others hold.

use std::fs;
use std::path::Path;
use std::process::Output;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use pocketune_adapter::{Envelope, Predicate, SecretKey, Statement};
use pocketune_base::steers;
use pocketune_gguf::fixtures::TinyModel;
use serde_json::Value;

use crate::adapter::Desk;
use crate::run::{json, pocketune, run, stderr, stdout};

/// Sets the title, clears the screen in a way of its own, turns what follows around, goes
/// back over the line, and looks like a row of its own.
const HOSTILE: &str = "x\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{2066}\u{2028}\u{7f}\r\nsigned  yes";

/// What is left of it to see.
const SHOWN: &str = "x\\u{1b}]0;owned\\u{7}\\u{9b}2J\\u{202e}\\u{2066}\\u{2028}\\u{7f}\\r";

fn harmless(text: &str) -> bool {
    text.chars().all(|c| !steers(c) || matches!(c, '\n' | '\t'))
}

/// All that was printed, with nothing in it that steers.
fn said(output: &Output, what: &str) -> String {
    let all = stdout(output) + &stderr(output);
    assert!(harmless(&all), "{what}: {all:?}");
    assert!(!all.contains("\nsigned  yes"), "{what}: {all:?}");
    all
}

/// Runs a command with and without `--json`; it shows what is left of the hostile text.
fn shows(arguments: &[&str]) {
    let what = format!("{arguments:?}");
    let all = said(&run(arguments), &what);
    assert!(all.contains(SHOWN), "{what}: {all:?}");
    let with_json = run(&[arguments, &["--json"]].concat());
    said(&with_json, &what);
    json(&with_json);
}

impl Desk {
    fn hostile_model(&self) -> String {
        let mut model = TinyModel::llama();
        model.set("general.name", HOSTILE);
        model.set("general.license", HOSTILE);
        self.write("hostile.gguf", model.build().unwrap())
    }

    fn hostile_adapter(&self) -> String {
        let mut adapter = TinyModel::llama().adapter(4, 0.5);
        adapter.set("pocketune.objective", HOSTILE);
        adapter.set(&format!("pocketune.{HOSTILE}"), "a name");
        self.write("hostile.adapter.gguf", adapter.build().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn key_of(&self, name: &str) -> SecretKey {
        let pem = fs::read_to_string(self.path(&format!("{name}.pem"))).unwrap();
        SecretKey::from_seed(SigningKey::from_pkcs8_pem(&pem).unwrap().as_bytes())
    }
}

#[test]
fn unsigned_files_are_inspected_without_a_title_or_a_cleared_screen() {
    let desk = Desk::new();
    let (model, hostile, adapter) = (
        desk.path("model.gguf"),
        desk.hostile_model(),
        desk.hostile_adapter(),
    );
    shows(&["adapter", "inspect", &adapter, "--model", &model]);
    shows(&["inspect", "--model", &hostile]);
    shows(&["inspect", "--model", &hostile, "--tensors"]);
    let rows = stdout(&run(&["adapter", "inspect", &adapter, "--model", &model]));
    assert_eq!(rows.matches("says").count(), 2, "{rows}");
}

#[test]
fn what_a_bundle_says_is_shown_and_steers_nothing() {
    let desk = Desk::new();
    desk.released("1", "release");
    desk.validated();
    let bundle = desk.path("adapter.gguf.intoto.jsonl");
    let lines = fs::read_to_string(&bundle).unwrap();
    let lines = lines.lines().map(|line| {
        let mut statement =
            Statement::unverified(&Envelope::parse(line.as_bytes()).unwrap()).unwrap();
        let key = match &mut statement.predicate {
            Predicate::Release(release) => {
                release.changelog = format!("Shorter.\n{HOSTILE}");
                release.data_summary = HOSTILE.to_owned();
                "release"
            }
            Predicate::Validation(validation) => {
                validation.configuration[0].name = HOSTILE.to_owned();
                validation.measurements[0].metric = HOSTILE.to_owned();
                "validation"
            }
            Predicate::Halt(_) | Predicate::Other { .. } => unreachable!(),
        };
        let mut envelope = statement.envelope();
        envelope.sign(&desk.key_of(key));
        envelope.to_json() + "\n"
    });
    fs::write(&bundle, lines.collect::<String>()).unwrap();
    let [adapter, model, policy, store] =
        ["adapter.gguf", "model.gguf", "policy.json", "app"].map(|name| desk.path(name));
    let about = [adapter.as_str(), "--model", &model, "--policy", &policy];
    shows(&[&["adapter", "verify"], &about[..]].concat());
    let about = [&about[..], &["--store", &store]].concat();
    shows(&[&["adapter", "review"], &about[..]].concat());
    shows(&[&["adapter", "install"], &about[..]].concat());
    for command in [
        &["adapter", "history", "--store", &store][..],
        &["adapter", "list", "--store", &store, "--model", &model],
    ] {
        said(&run(command), &format!("{command:?}"));
    }
}

#[test]
fn arms_kinds_annotators_and_samples_steer_nothing() {
    let desk = Desk::new();
    let text = |value: &str| Value::from(value).to_string();
    let hostile = text(HOSTILE);
    let definition = desk.write(
        "definition.json",
        format!(
            r#"{{"format":1,"id":"x","hypothesis":{hostile},"design":"side_by_side","salt":"s","arms":{{"incumbent":{{"name":{hostile}}},"challenger":{{"name":"b"}}}},"metrics":[{{"measure":"pick","role":"primary"}}],"limits":{{"maxOutcomes":40,"maxDays":28}}}}"#
        ),
    );
    let ledger = desk.path("ledger.jsonl");
    let simulated = run(&[
        "experiment",
        "simulate",
        "--definition",
        &definition,
        "--rate",
        "pick=0.9:0.1",
        "--experiments",
        "1",
        "--ledger-out",
        &ledger,
    ]);
    assert!(simulated.status.success(), "{}", stderr(&simulated));
    let about = ["--definition", &definition, "--ledger", &ledger];
    let page = desk.path("report.html");
    for command in [
        [&["experiment", "analyze"], &about[..]].concat(),
        [&["experiment", "report", "--out", &page], &about[..]].concat(),
    ] {
        said(&run(&command), &format!("{command:?}"));
        said(
            &run(&[&command[..], &["--json"]].concat()),
            &format!("{command:?}"),
        );
    }
    assert!(harmless(&fs::read_to_string(&page).unwrap()));

    let model = desk.path("model.gguf");
    let suite = desk.write(
        &format!("suite{}.jsonl", HOSTILE.replace('/', "")),
        format!(
            r#"{{"form":"choice","id":"1","kind":{hostile},"licence":"CC0-1.0","source":"here","question":"q","choices":["a","b"],"answer":0}}"#
        ),
    );
    shows(&["evaluate", "--model", &model, "--suite", &suite]);
}

#[test]
fn tokens_policies_and_patterns_steer_nothing() {
    let desk = Desk::new();
    let model = desk.path("model.gguf");
    let hostile = desk.hostile_model();
    for command in [
        &["tokenize", HOSTILE, "--model", &model][..],
        &[
            "score", "--prompt", "a", "--reply", HOSTILE, "--raw", "--model", &model,
        ],
        &[
            "bench",
            "--model",
            &hostile,
            "--prompt-tokens",
            "8",
            "--decode-tokens",
            "4",
            "--repetitions",
            "1",
        ],
    ] {
        let output = run(command);
        assert!(output.status.success(), "{}", stderr(&output));
        said(&output, &format!("{command:?}"));
        said(
            &run(&[command, &["--json"]].concat()),
            &format!("{command:?}"),
        );
    }

    let mut policy: Value = {
        let envelope = fs::read(desk.path("policy.json")).unwrap();
        let envelope = Envelope::parse(&envelope).unwrap();
        serde_json::from_slice(envelope.unverified_payload()).unwrap()
    };
    policy["name"] = HOSTILE.into();
    let mut envelope = Envelope::new(
        pocketune_adapter::POLICY_TYPE,
        serde_json::to_vec(&policy).unwrap(),
    );
    envelope.sign(&desk.key_of("root"));
    let policy = desk.write("hostile.json", envelope.to_json());
    shows(&["policy", "show", &policy]);
}

#[test]
fn names_of_files_and_arguments_steer_nothing() {
    let desk = Desk::new();
    let name = HOSTILE.replace('/', "");
    let file = desk.path(&name);
    // In front of everything else that goes wrong.
    for command in [
        &["inspect", "--model", &file][..],
        &["adapter", "inspect", &file],
        &["policy", "show", &file],
        &["key", "show", &file],
        &[
            "experiment",
            "analyze",
            "--definition",
            &file,
            "--ledger",
            &file,
        ],
        &["reward", "train", "--data", &file, "--out", "x"],
        &["inspect", HOSTILE],
        &[HOSTILE],
        &["chat", "--temperature", HOSTILE],
        &["adapter", "activate", HOSTILE, "--store", "x"],
    ] {
        for more in [&[][..], &["--json"]] {
            let arguments = [command, more].concat();
            let output = run(&arguments);
            assert!(!output.status.success());
            let all = said(&output, &format!("{command:?}"));
            assert!(!all.is_empty());
        }
    }
    // Every line that is no JSON of a file that is there.
    fs::write(&file, "\u{1b}[31m{").unwrap();
    for command in [
        &["policy", "show", &file][..],
        &["key", "show", &file],
        &["experiment", "simulate", "--definition", &file],
        &["reward", "train", "--data", &file, "--out", "x"],
    ] {
        let output = run(command);
        assert!(!output.status.success());
        said(&output, &format!("{command:?}"));
    }
}

#[test]
fn logs_steer_nothing_either() {
    let desk = Desk::new();
    let hostile = desk.hostile_model();
    let output = run(&["tokenize", "a", "--model", &hostile, "--verbose"]);
    assert!(output.status.success());
    let all = said(&output, "tokenize --verbose");
    assert!(all.contains("llama.cpp"), "{all}");
}

#[test]
fn json_escapes_what_it_need_not_and_keeps_every_value() {
    let desk = Desk::new();
    let hostile = desk.hostile_model();
    let output = run(&["inspect", "--model", &hostile, "--json"]);
    assert!(stdout(&output).chars().all(|c| !steers(c) || c == '\n'));
    assert_eq!(json(&output)["name"], HOSTILE);
}

/// With a terminal on standard output, as far as this system has `script`.
#[cfg(target_os = "linux")]
#[test]
fn a_reply_steers_no_terminal_and_is_whole_in_a_pipe() {
    let desk = Desk::new();
    let model = desk.path("model.gguf");
    // Greedy replies of a grammar that allows one text.
    let text = "a\u{1b}[2Jb";
    let grammar = desk.write("one.gbnf", r#"root ::= "a\x1B[2Jb""#);
    let chat = [
        "chat",
        "--model",
        &model,
        "--raw",
        "--prompt",
        "a",
        "--grammar",
        &grammar,
        "--max-tokens",
        "40",
        "--quiet",
        "--context",
        "64",
    ];
    let piped = run(&chat);
    assert!(piped.status.success(), "{}", stderr(&piped));
    assert_eq!(stdout(&piped).trim_end_matches('\n'), text);
    let quoted: Vec<String> = chat.iter().map(|it| format!("'{it}'")).collect();
    let command = format!("'{}' {}", env!("CARGO_BIN_EXE_pocketune"), quoted.join(" "));
    let output = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("util-linux has `script`");
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(seen.contains("a\\u{1b}[2Jb"), "{seen:?}");
    assert!(!seen.contains("\u{1b}[2J"), "{seen:?}");
}

#[test]
fn nobody_signs_what_steers() {
    let desk = Desk::new();
    let (model, adapter) = (desk.path("model.gguf"), desk.path("adapter.gguf"));
    let (hostile_model, hostile_adapter) = (desk.hostile_model(), desk.hostile_adapter());
    let key = desk.path("release.pem");
    let named = desk.path("a\u{1b}[2J.gguf");
    fs::copy(&adapter, &named).unwrap();
    let attest = |file: &str, model: &str, changelog: &str, more: &[&str]| {
        let attest = ["adapter", "attest", "release", file, "--model", model];
        let what = ["--name", "n", "--channel", "c", "--version", "1"];
        let rest = ["--changelog", changelog, "--sign", &key];
        desk.try_to(&[&attest[..], &what, &rest, more].concat())
    };
    let refused = |output: &Output, field: &str| {
        said(output, field);
        let error = &json(output)["error"];
        assert_eq!(error["kind"], "text_unsignable", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(field), "{message}");
        assert!(message.contains("U+"), "{message}");
    };
    let steering = [
        "\u{1b}", "\r", "\t", "\u{7f}", "\u{9b}", "\u{202e}", "\u{2067}", "\u{2029}",
    ];
    for character in steering {
        let text = format!("a{character}b");
        refused(&attest(&adapter, &model, &text, &[]), "changelog");
        refused(
            &attest(&adapter, &model, "x", &["--data", &text]),
            "data summary",
        );
        refused(
            &attest(&adapter, &model, "x", &["--objective", &text]),
            "objective",
        );
    }
    refused(
        &attest(&adapter, &model, "x", &["--data", "a\nb"]),
        "data summary",
    );
    refused(&attest(&hostile_adapter, &model, "x", &[]), "objective");
    refused(&attest(&adapter, &hostile_model, "x", &[]), "general.name");
    refused(&attest(&named, &model, "x", &[]), "file's name");
    for file in [&adapter, &hostile_adapter, &named] {
        assert!(
            !Path::new(&format!("{file}.intoto.jsonl")).exists(),
            "{file}"
        );
    }
    // What stands on several lines, or from right to left, is honest.
    let several = "Shorter.\n\u{5d0}\u{200f} \u{5d1}";
    let done = attest(&adapter, &model, several, &["--objective", "dpo"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let done = attest(&hostile_adapter, &model, "x", &["--objective", "dpo"]);
    assert!(done.status.success(), "{}", stderr(&done));

    let validate = |more: &[&str]| {
        let attest = [
            "adapter",
            "attest",
            "validation",
            &adapter,
            "--model",
            &model,
        ];
        desk.try_to(&[&attest[..], &["--result", "passed", "--sign", &key], more].concat())
    };
    let suite = format!("a\u{1b}[2J={model}");
    refused(&validate(&["--suite", &suite]), "suite's name");
    let plain = format!("a={model}");
    let metric = ["--suite", &plain, "--measured", "a:m\u{9b}2J=1"];
    refused(&validate(&metric), "metric's name");

    let policy = |name: &str| {
        let public = |name: &str| desk.path(&format!("{name}.pem.pub"));
        let roles = ["policy", "new", "--name", name, "--root"];
        let (root, release, validation) = (public("root"), public("release"), public("validation"));
        let keys = [
            root.as_str(),
            "--release",
            &release,
            "--validation",
            &validation,
        ];
        let (root, out) = (desk.path("root.pem"), desk.path("p.json"));
        desk.try_to(&[&roles[..], &keys, &["--sign", &root, "--out", &out]].concat())
    };
    refused(&policy("a\u{1b}[2J"), "policy's name");
    assert!(policy("a").status.success());
}

#[test]
fn what_came_back_from_elsewhere_is_looked_at_too() {
    let desk = Desk::new();
    let (adapter, model, payload) = (
        desk.path("adapter.gguf"),
        desk.path("model.gguf"),
        desk.path("payload"),
    );
    let attest = ["adapter", "attest", "release", &adapter, "--model", &model];
    let what = [
        "--name",
        "n",
        "--channel",
        "c",
        "--version",
        "1",
        "--changelog",
        "x",
    ];
    desk.done(&[&attest[..], &what, &["--payload-out", &payload]].concat());
    let path = format!("{payload}.statement.json");
    let envelope = Envelope::parse(&fs::read(&path).unwrap()).unwrap();
    let mut statement = Statement::unverified(&envelope).unwrap();
    if let Predicate::Release(release) = &mut statement.predicate {
        release.changelog = HOSTILE.to_owned();
    }
    let envelope = statement.envelope();
    fs::write(&path, envelope.to_json()).unwrap();
    let signature = desk.key_of("release").sign(&envelope.signed_bytes());
    let signature = desk.write("signature", signature);
    let back = [
        "--statement-in",
        &path,
        "--signature-in",
        &signature,
        "--public",
        &desk.path("release.pem.pub"),
        "--json",
    ];
    let output = pocketune(&[&attest[..], &what, &back].concat())
        .output()
        .unwrap();
    assert_eq!(json(&output)["error"]["kind"], "text_unsignable");
}
