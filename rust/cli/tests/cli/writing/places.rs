//! Where files go: refused before the work where they cannot, whole where they can.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use super::desk::Desk;
use super::table::{WRITING, Writing};
use crate::run::{json, run, stderr};

const OLD: &[u8] = b"something good";

/// What a command finds of what it is to read.
#[derive(Clone, Copy)]
enum Inputs {
    There,
    /// None is there: whoever looked at one first would say so.
    Missing,
    /// One is no such file.
    Broken(&'static str),
}

impl Desk {
    /// The command's arguments, with this output and `--json`.
    fn arguments(&self, writing: &Writing, inputs: Inputs, out: &str) -> Vec<String> {
        let argument = |argument: &&'static str| {
            let inner = argument
                .strip_prefix('{')
                .and_then(|it| it.strip_suffix('}'));
            match (inner, inputs) {
                (None, _) => (*argument).to_owned(),
                (Some(_), Inputs::Missing) => self.path("no such file"),
                (Some(_), Inputs::Broken(broken)) if *argument == broken => self.path("passphrase"),
                (Some(name), _) => self.path(name),
            }
        };
        let to = [writing.option, out, "--json"].map(str::to_owned);
        writing.arguments.iter().map(argument).chain(to).collect()
    }

    /// The arguments of a command that succeeds, and writes to `out`.
    pub(super) fn arguments_for(&self, writing: &Writing, out: &str) -> Vec<String> {
        self.arguments(writing, Inputs::There, out)
    }

    fn write_to(&self, writing: &Writing, inputs: Inputs, out: &str) -> Output {
        run_all(&self.arguments(writing, inputs, out))
    }
}

fn run_all(arguments: &[String]) -> Output {
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs it where nothing can be written: a limit on the size of files stands in for a full
/// disk.
fn run_on_full_disk(arguments: &[String]) -> Output {
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    Command::new("sh")
        .args(["-c", limited, "sh", env!("CARGO_BIN_EXE_pocketune")])
        .args(arguments)
        .output()
        .unwrap()
}

fn kind(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    json(output)["error"]["kind"].as_str().unwrap().to_owned()
}

/// It may have found a change to be worse.
fn assert_done(output: &Output) {
    assert!(json(output)["error"].is_null(), "{}", stderr(output));
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_bad_place_is_refused_before_anything_is_read() {
    let desk = Desk::new();
    let long = "n".repeat(300);
    let places = [
        "folder",
        "folder/",
        "new/",
        "missing/new",
        "suite.jsonl/new",
        "pipe",
        "link to pipe",
        "dangling link",
        &long,
    ];
    let before = desk.everything();
    for writing in &WRITING {
        let places = places.map(|place| desk.path(place)).into_iter();
        for place in places.chain(["-".to_owned()]) {
            let output = desk.write_to(writing, Inputs::Missing, &place);
            let what = format!("{:?} {} {place:?}", writing.arguments, writing.option);
            assert_eq!(kind(&output), "not_written", "{what}: {}", stderr(&output));
            desk.assert_unchanged(&before, &what);
        }
    }
}

#[test]
fn what_a_command_reads_is_no_place_for_what_it_writes() {
    for writing in &WRITING {
        let desk = Desk::new();
        let input = desk.path(writing.input);
        let [link, twin] = ["link", "twin"].map(|name| desk.path(name));
        symlink(&input, &link).unwrap();
        fs::hard_link(&input, &twin).unwrap();
        let before = desk.everything();
        for place in [&input, &link, &twin] {
            let output = desk.write_to(writing, Inputs::There, place);
            let what = format!("{:?} {} {place}", writing.arguments, writing.option);
            assert_eq!(kind(&output), "not_written", "{what}: {}", stderr(&output));
            assert!(stderr(&output).contains("this command reads"), "{what}");
            desk.assert_unchanged(&before, &what);
        }
    }
}

#[test]
fn a_refusal_leaves_the_older_file() {
    let desk = Desk::new();
    let older = desk.path("older");
    fs::write(&older, OLD).unwrap();
    let before = desk.everything();
    for writing in &WRITING {
        let output = desk.write_to(writing, Inputs::Broken(writing.breaks), &older);
        assert_ne!(kind(&output), "not_written");
        desk.assert_unchanged(&before, &format!("{:?}", writing.arguments));
    }
}

#[test]
fn a_full_disk_leaves_the_older_file_and_one_object() {
    let desk = Desk::new();
    let older = desk.path("older");
    fs::write(&older, OLD).unwrap();
    let before = desk.everything();
    for writing in &WRITING {
        let arguments = desk.arguments(writing, Inputs::There, &older);
        let output = run_on_full_disk(&arguments);
        let what = format!("{:?} {}", writing.arguments, writing.option);
        assert_eq!(kind(&output), "not_written", "{what}: {}", stderr(&output));
        desk.assert_unchanged(&before, &what);
    }
}

#[test]
fn a_success_replaces_the_older_file_and_leaves_nothing_else() {
    for writing in &WRITING {
        let desk = Desk::new();
        let [older, link] = ["folder/older", "link"].map(|name| desk.path(name));
        fs::write(&older, OLD).unwrap();
        fs::set_permissions(&older, Permissions::from_mode(0o640)).unwrap();
        symlink(&older, &link).unwrap();
        let before = desk.everything();
        let output = desk.write_to(writing, Inputs::There, &link);
        let what = format!("{:?} {}", writing.arguments, writing.option);
        assert_done(&output);
        assert_ne!(fs::read(&older).unwrap(), OLD, "{what}");
        // A conversation is its user's alone.
        let expected = if writing.option == "--save" {
            0o600
        } else {
            0o640
        };
        assert_eq!(mode(&older), expected, "{what}");
        if writing.option == "--payload-out" {
            fs::remove_file(format!("{link}.statement.json")).unwrap();
        }
        fs::write(&older, OLD).unwrap();
        desk.assert_unchanged(&before, &what);
    }
}

#[test]
fn of_two_outputs_both_are_written_or_none() {
    let desk = Desk::new();
    let [one, other] = ["one", "other"].map(|name| desk.path(name));
    let [model, suite, adapter] =
        ["model.gguf", "suite.jsonl", "adapter.gguf"].map(|name| desk.path(name));
    let evaluate = |items: &str, validation: &str| {
        let asked = [
            "evaluate",
            "--model",
            &model,
            "--suite",
            &suite,
            "--candidate",
            &adapter,
        ];
        let how = [
            "--by",
            "both",
            "--max-tokens",
            "2",
            "--context",
            "128",
            "--margin",
            "0.99",
        ];
        let out = [
            "--items-out",
            items,
            "--validation-out",
            validation,
            "--json",
        ];
        run(&[&asked[..], &how, &out].concat())
    };
    let before = desk.everything();
    let linked = desk.path("folder/../one");
    for (items, validation) in [
        (&one, &one),
        (&one, &linked),
        (&one, &desk.path("missing/other")),
        (&one, &desk.path("folder")),
    ] {
        assert_eq!(kind(&evaluate(items, validation)), "not_written");
        desk.assert_unchanged(&before, "evaluate");
    }
    let output = evaluate(&one, &other);
    assert_done(&output);
    assert!(Path::new(&one).exists() && Path::new(&other).exists());

    let payload = desk.path("payload");
    fs::create_dir(format!("{payload}.statement.json")).unwrap();
    let before = desk.everything();
    let output = desk.write_to(&WRITING[3], Inputs::There, &payload);
    assert_eq!(kind(&output), "not_written");
    desk.assert_unchanged(&before, "attest");
}

#[test]
fn a_refused_import_leaves_the_older_adapter() {
    let desk = Desk::new();
    let older = desk.path("older.gguf");
    fs::write(&older, OLD).unwrap();
    // Its last number is none.
    let tensors = desk.path("peft/adapter_model.safetensors");
    let mut bytes = fs::read(&tensors).unwrap();
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    fs::write(&tensors, bytes).unwrap();
    let before = desk.everything();
    let output = desk.write_to(&WRITING[2], Inputs::There, &older);
    assert_ne!(kind(&output), "not_written", "{}", stderr(&output));
    desk.assert_unchanged(&before, "import-peft");
}

#[test]
fn a_key_is_made_whole_or_not_at_all() {
    let desk = Desk::new();
    let key = desk.path("key.pem");
    let public = format!("{key}.pub");
    let generate = |more: &[&str]| {
        let generate = ["key", "generate", "--out", &key, "--json"];
        run(&[&generate[..], more].concat())
    };
    for taken in [&key, &public] {
        fs::write(taken, OLD).unwrap();
        let before = desk.everything();
        // No passphrase is asked for where none is needed.
        let no_file = ["--passphrase-file", "no such file"];
        assert_eq!(kind(&generate(&no_file)), "not_written");
        desk.assert_unchanged(&before, "key generate");
        fs::remove_file(taken).unwrap();
    }
    fs::create_dir(&public).unwrap();
    let before = desk.everything();
    assert_eq!(kind(&generate(&["--no-passphrase"])), "not_written");
    desk.assert_unchanged(&before, "key generate");
    fs::remove_dir(&public).unwrap();
    let done = generate(&["--no-passphrase"]);
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(mode(&key), 0o600);
    assert_ne!(mode(&public) & 0o400, 0);
}

#[test]
fn a_lora_for_peft_is_whole_or_not_there() {
    let desk = Desk::new();
    let export = |adapter: &str, out: &str| {
        let adapter = desk.path(adapter);
        let (model, out) = (desk.path("model.gguf"), desk.path(out));
        let export = ["adapter", "export-peft", &adapter, "--model", &model];
        run(&[&export[..], &["--out", &out, "--json"]].concat())
    };
    fs::create_dir_all(desk.path("taken/adapter_config.json")).unwrap();
    let before = desk.everything();
    for out in [
        "suite.jsonl",
        "suite.jsonl/new",
        "pipe",
        "dangling link",
        "taken",
    ] {
        assert_eq!(kind(&export("no such file", out)), "not_written", "{out}");
        desk.assert_unchanged(&before, out);
    }
    assert_ne!(kind(&export("pairs.jsonl", "new/folder")), "not_written");
    desk.assert_unchanged(&before, "a refused adapter");
    let done = export("adapter.gguf", "new/folder");
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(fs::read_dir(desk.path("new/folder")).unwrap().count(), 2);
}

#[test]
fn a_policy_in_force_is_not_replaced_by_the_next() {
    let desk = Desk::new();
    let [policy, key] = ["policy.json", "root.pem"].map(|name| desk.path(name));
    let rotate = |out: &str| {
        run(&[
            "policy", "rotate", &policy, "--sign", &key, "--out", out, "--json",
        ])
    };
    let before = desk.everything();
    assert_eq!(kind(&rotate(&policy)), "not_written");
    desk.assert_unchanged(&before, "policy rotate");
    let next = rotate(&desk.path("next.json"));
    assert!(next.status.success(), "{}", stderr(&next));
}

#[test]
fn a_run_that_is_refused_leaves_no_checkpoint_and_none_is_an_output() {
    let desk = Desk::new();
    let run_folder = desk.path("run");
    let out = desk.path("run/checkpoint.gguf");
    let [model, pairs] = ["model.gguf", "pairs.jsonl"].map(|name| desk.path(name));
    let tune = |data: &str, out: &str| {
        let tune = [
            "tune",
            "--objective",
            "dpo",
            "--model",
            &model,
            "--data",
            data,
        ];
        run(&[
            &tune[..],
            &["--checkpoint", &run_folder, "--out", out, "--json"],
        ]
        .concat())
    };
    let before = desk.everything();
    assert_eq!(
        kind(&tune(&desk.path("suite.jsonl"), &desk.path("a.gguf"))),
        "data_invalid"
    );
    desk.assert_unchanged(&before, "tune");
    fs::create_dir(&run_folder).unwrap();
    let before = desk.everything();
    // It would be removed with the checkpoint at the end of the run.
    assert_eq!(kind(&tune(&pairs, &out)), "not_written");
    desk.assert_unchanged(&before, "tune");
}

#[test]
fn attestations_are_added_whole_or_not_at_all() {
    let desk = Desk::new();
    let adapter = desk.path("adapter.gguf");
    let bundle = format!("{adapter}.intoto.jsonl");
    let [model, key] = ["model.gguf", "release.pem"].map(|name| desk.path(name));
    let attest = |key: &str| -> Vec<String> {
        let attest = ["adapter", "attest", "release", &adapter, "--model", &model];
        let what = ["--name", "n", "--channel", "c", "--version", "1"];
        let signed = ["--changelog", "x", "--sign", key, "--json"];
        let all = [&attest[..], &what, &signed].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    fs::create_dir(&bundle).unwrap();
    assert_eq!(kind(&run_all(&attest("no such key"))), "not_written");
    fs::remove_dir(&bundle).unwrap();

    // What is there stays, even a line that was cut off.
    fs::write(&bundle, "{\"cut\": ").unwrap();
    let before = desk.everything();
    assert_eq!(kind(&run_on_full_disk(&attest(&key))), "not_written");
    desk.assert_unchanged(&before, "attest");
    let done = run_all(&attest(&key));
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(json(&done)["bundle"], bundle.as_str());
    let text = fs::read_to_string(&bundle).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], "{\"cut\": ");
}

#[test]
fn a_store_is_made_by_an_installation_alone() {
    let desk = Desk::new();
    let before = desk.everything();
    let [store, model] = ["misspelt", "model.gguf"].map(|name| desk.path(name));
    let about = ["--store", &store, "--model", &model, "--json"];
    for command in [
        &["adapter", "list"][..],
        &["adapter", "roll-back"],
        &["adapter", "review", &desk.path("adapter.gguf")],
        &["chat", "--prompt", "a"],
        &["evaluate"],
    ] {
        assert_eq!(
            kind(&run(&[command, &about].concat())),
            "no_store",
            "{command:?}"
        );
    }
    let policy = desk.path("suite.jsonl");
    let install = [
        "adapter",
        "install",
        &desk.path("adapter.gguf"),
        "--policy",
        &policy,
    ];
    assert!(!run(&[&install[..], &about].concat()).status.success());
    desk.assert_unchanged(&before, "commands on a store that is none");
}
