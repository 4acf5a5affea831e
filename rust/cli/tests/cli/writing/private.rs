//! What people wrote, and what was made from that, is their own, whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::desk::Desk;
use super::table::WRITING;
use crate::run::stderr;

/// Outputs that are for others: what is to be signed, and whom to believe.
const FOR_OTHERS: [&str; 2] = ["attest", "policy"];

/// Runs it where new files are everybody's to read and write.
fn run_openly(arguments: &[impl AsRef<str>]) -> Output {
    Command::new("sh")
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_pocketune"))
        .args(arguments.iter().map(AsRef::as_ref))
        .output()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(everything(&path)),
            false => found.push(path),
        }
    }
    found
}

fn assert_private(folder: &str) {
    for path in everything(folder.as_ref()) {
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), private, "{}", path.display());
    }
}

#[test]
fn new_files_are_private_but_for_those_that_others_need() {
    let desk = Desk::new();
    let out = desk.path("new");
    for writing in &WRITING {
        let output = run_openly(&desk.arguments_for(writing, &out));
        let what = format!("{:?} {}", writing.arguments, writing.option);
        let open = FOR_OTHERS.iter().any(|it| writing.arguments.contains(it));
        let expected = if open { 0o666 } else { 0o600 };
        assert!(Path::new(&out).exists(), "{what}: {}", stderr(&output));
        assert_eq!(mode(out.as_ref()), expected, "{what}");
        fs::remove_file(&out).unwrap();
        let _ = fs::remove_file(format!("{out}.statement.json"));
    }
}

#[test]
fn a_lora_for_peft_a_key_and_a_store_are_private() {
    let desk = Desk::new();
    let [adapter, model, folder, key, store, policy] = [
        "adapter.gguf",
        "model.gguf",
        "made/peft",
        "made/key.pem",
        "made/app",
        "policy.json",
    ]
    .map(|name| desk.path(name));
    let done = |arguments: &[&str]| {
        let output = run_openly(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let export = ["adapter", "export-peft", &adapter, "--model", &model];
    done(&[&export[..], &["--out", &folder]].concat());
    assert_private(&desk.path("made"));
    done(&["key", "generate", "--no-passphrase", "--out", &key]);
    assert_eq!(mode(key.as_ref()), 0o600);
    fs::remove_file(format!("{key}.pub")).unwrap();

    let about = [adapter.as_str(), "--model", &model];
    for (statement, more) in [
        (
            "release",
            &[
                "--name",
                "n",
                "--channel",
                "c",
                "--version",
                "1",
                "--changelog",
                "x",
            ][..],
        ),
        ("validation", &["--result", "passed"]),
    ] {
        let key = desk.path(&format!("{statement}.pem"));
        let attest = [&["adapter", "attest", statement], &about[..], more];
        done(&[&attest.concat()[..], &["--sign", &key]].concat());
    }
    let install = [&["adapter", "install"], &about[..], &["--store", &store]].concat();
    done(&[&install[..], &["--policy", &policy]].concat());
    assert_private(&desk.path("made"));
}

#[test]
fn a_checkpoint_is_private() {
    let desk = Desk::new();
    let [model, pairs, ordinary, folder, out] = [
        "model.gguf",
        "pairs.jsonl",
        "ordinary.jsonl",
        "run",
        "a.gguf",
    ]
    .map(|name| desk.path(name));
    let tune = [
        "tune",
        "--objective",
        "dpo",
        "--model",
        &model,
        "--data",
        &pairs,
        "--ordinary",
        &ordinary,
        "--max-kl",
        "0",
        "--batch",
        "1",
        "--steps",
        "100000",
        "--checkpoint",
        &folder,
        "--out",
        &out,
    ];
    let mut child = Command::new("sh")
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_pocketune"))
        .args(tune)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let checkpoint = Path::new(&folder).join("checkpoint.gguf");
    let started = std::time::Instant::now();
    while !checkpoint.exists() && started.elapsed().as_secs() < 120 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(checkpoint.exists());
    assert_private(&folder);
}
