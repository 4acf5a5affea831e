//! From keys to replies under a signed adapter, on a tiny model.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use pocketune_adapter::fixtures::{attest, key};
use pocketune_adapter::{Digest, Envelope, Predicate, SecretKey};
use pocketune_gguf::fixtures::TinyModel;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, stderr};

/// A folder with keys, a policy, a tiny model and an adapter.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self {
            folder: TempDir::new().unwrap(),
        };
        let model = TinyModel::llama();
        fs::write(desk.path("model.gguf"), model.build().unwrap()).unwrap();
        let adapter = model.adapter(4, 0.5).build().unwrap();
        fs::write(desk.path("adapter.gguf"), adapter).unwrap();
        for name in ["root", "release", "validation", "stranger"] {
            let file = desk.path(&format!("{name}.pem"));
            desk.done(&["key", "generate", "--no-passphrase", "--out", &file]);
        }
        let [root, release, validation] =
            ["root", "release", "validation"].map(|name| desk.path(&format!("{name}.pem.pub")));
        desk.done(&[
            "policy",
            "new",
            "--name",
            "assistant",
            "--max-update-norm",
            "10",
            "--root",
            &root,
            "--release",
            &release,
            "--validation",
            &validation,
            "--sign",
            &desk.path("root.pem"),
            "--out",
            &desk.path("policy.json"),
        ]);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn try_to(&self, arguments: &[&str]) -> Output {
        run(&[arguments, &["--json"]].concat())
    }

    pub(crate) fn done(&self, arguments: &[&str]) -> Value {
        let output = self.try_to(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        match output.stdout.is_empty() {
            true => Value::Null,
            false => json(&output),
        }
    }

    /// The same, about the adapter and the model.
    pub(crate) fn adapter(&self, command: &[&str], more: &[&str]) -> Output {
        let (adapter, model) = (self.path("adapter.gguf"), self.path("model.gguf"));
        let about = [adapter.as_str(), "--model", &model];
        self.try_to(&[&["adapter"], command, &about, more].concat())
    }

    pub(crate) fn released(&self, version: &str, by: &str) {
        let key = self.path(&format!("{by}.pem"));
        let released = self.adapter(
            &["attest", "release"],
            &[
                "--name",
                "brief",
                "--channel",
                "stable",
                "--version",
                version,
                "--changelog",
                "Shorter.",
                "--sign",
                &key,
            ],
        );
        assert!(released.status.success(), "{}", stderr(&released));
    }

    pub(crate) fn validated(&self) {
        let suite = format!("facts={}", self.path("model.gguf"));
        let key = self.path("validation.pem");
        let validated = self.adapter(
            &["attest", "validation"],
            &[
                "--result",
                "passed",
                "--suite",
                &suite,
                "--measured",
                "facts:accuracy=0.9",
                "--sign",
                &key,
            ],
        );
        assert!(validated.status.success(), "{}", stderr(&validated));
    }

    fn verdict(&self, policy: &str) -> Value {
        let policy = self.path(policy);
        let output = self.adapter(&["verify"], &["--policy", &policy]);
        let verdict = json(&output);
        assert_eq!(output.status.success(), verdict["verdict"] == "accepted");
        verdict
    }

    /// A command on the store.
    fn store(&self, command: &[&str]) -> Value {
        let (store, model) = (self.path("app"), self.path("model.gguf"));
        let about = ["--store", &store, "--model", &model];
        self.done(&[&["adapter"], command, &about].concat())
    }

    fn install(&self, more: &[&str]) -> Output {
        let store = self.path("app");
        self.adapter(&["install"], &[&["--store", store.as_str()], more].concat())
    }
}

#[test]
fn an_adapter_is_attested_installed_used_and_left() {
    let desk = Desk::new();
    assert_eq!(
        desk.verdict("policy.json")["reason"],
        "no_trusted_signature"
    );
    desk.released("1", "release");
    assert_eq!(desk.verdict("policy.json")["reason"], "no_validation");
    desk.validated();
    let verdict = desk.verdict("policy.json");
    assert_eq!(verdict["verdict"], "accepted", "{verdict}");
    assert_eq!(verdict["release"]["changelog"], "Shorter.");

    let installed = desk.install(&["--policy", &desk.path("policy.json")]);
    assert!(installed.status.success(), "{}", stderr(&installed));
    let sha256 = json(&installed)["sha256"].as_str().unwrap().to_owned();
    let active = |desk: &Desk| desk.store(&["list"])["installed"][0]["active_scale"].clone();
    assert_eq!(active(&desk), Value::Null);
    desk.store(&["activate", &format!("{sha256}*0.5")]);
    assert_eq!(active(&desk), 0.5);
    desk.store(&["roll-back"]);
    assert_eq!(active(&desk), Value::Null);
    let (store, model) = (desk.path("app"), desk.path("model.gguf"));
    let chat = [
        "chat",
        "--store",
        &store,
        "--model",
        &model,
        "--prompt",
        "hi",
        "--max-tokens",
        "2",
    ];
    desk.done(&chat);
    desk.done(&["adapter", "remove", &sha256, "--store", &store]);
    let history = desk.done(&["adapter", "history", "--store", &store]);
    let actions: Vec<&str> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "removed",
            "rolled_back",
            "activated",
            "installed",
            "policy_pinned"
        ]
    );
}

#[test]
fn bench_measures_under_the_one_active_adapter() {
    let desk = Desk::new();
    desk.released("1", "release");
    desk.validated();
    let installed = desk.install(&["--policy", &desk.path("policy.json")]);
    let sha256 = json(&installed)["sha256"].as_str().unwrap().to_owned();
    let (store, model) = (desk.path("app"), desk.path("model.gguf"));
    let sizes = ["--prompt-tokens", "8", "--decode-tokens", "4"];
    let about = ["bench", "--model", &model, "--store", &store];
    let bench = [&about[..], &sizes, &["--repetitions", "1"]].concat();
    let idle = desk.try_to(&bench);
    assert_eq!(json(&idle)["error"]["kind"], "usage");
    desk.store(&["activate", &sha256]);
    assert!(desk.done(&bench).is_object());
}

#[test]
fn evaluate_asks_under_the_active_adapter() {
    let desk = Desk::new();
    desk.released("1", "release");
    desk.validated();
    let installed = desk.install(&["--policy", &desk.path("policy.json")]);
    let sha256 = json(&installed)["sha256"].as_str().unwrap().to_owned();
    let (store, model, suite) = (
        desk.path("app"),
        desk.path("model.gguf"),
        desk.path("suite.jsonl"),
    );
    let item = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":1}"#;
    fs::write(&suite, item).unwrap();
    let evaluate = [
        "evaluate", "--model", &model, "--store", &store, "--suite", &suite,
    ];
    assert_eq!(json(&desk.try_to(&evaluate))["error"]["kind"], "usage");
    desk.store(&["activate", &sha256]);
    let report = json(&desk.try_to(&evaluate));
    let margin = |arm: &str| {
        report["suites"][0]["probability"][arm]["mean_margin"]
            .as_f64()
            .unwrap()
    };
    assert_ne!(margin("base"), margin("changed"));
}

#[test]
fn a_stranger_and_a_revoked_file_are_refused_and_remembered() {
    let desk = Desk::new();
    desk.released("1", "stranger");
    let refused = desk.install(&["--policy", &desk.path("policy.json")]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(json(&refused)["error"]["kind"], "no_trusted_signature");
    desk.released("1", "release");
    desk.validated();
    let installed = desk.install(&[]);
    assert!(installed.status.success(), "{}", stderr(&installed));
    let sha256 = json(&installed)["sha256"].as_str().unwrap().to_owned();
    desk.store(&["activate", &sha256]);
    let (policy, root, next) = (
        desk.path("policy.json"),
        desk.path("root.pem"),
        desk.path("next.json"),
    );
    desk.done(&[
        "policy",
        "rotate",
        &policy,
        "--revoke-digest",
        &sha256,
        "--sign",
        &root,
        "--out",
        &next,
    ]);
    assert_eq!(desk.verdict("next.json")["reason"], "revoked");
    let refused = desk.install(&["--rotate", &next]);
    assert_eq!(json(&refused)["error"]["kind"], "revoked");
    let list = desk.store(&["list"]);
    assert_eq!(list["refused"][0]["reason"], "revoked");
    // Signed by strangers, or by itself again.
    let again = desk.install(&["--rotate", &next]);
    assert_eq!(json(&again)["error"]["kind"], "policy_version_not_next");
}

#[test]
fn provenance_of_others_is_carried_and_shown() {
    let desk = Desk::new();
    desk.released("1", "release");
    desk.validated();
    let adapter = fs::read(desk.path("adapter.gguf")).unwrap();
    let provenance = Predicate::Other {
        predicate_type: "https://slsa.dev/provenance/v1".to_owned(),
        predicate: serde_json::json!({ "runDetails": { "builder": { "id": "a workstation" } } }),
    };
    let bundle = desk.path("adapter.gguf.intoto.jsonl");
    let said = fs::read_to_string(&bundle).unwrap();
    let shown = |line: &str| {
        fs::write(&bundle, said.clone() + line).unwrap();
        let verdict = desk.verdict("policy.json");
        assert_eq!(verdict["verdict"], "accepted", "{verdict}");
        verdict["other_statements"].clone()
    };
    // A stranger's is passed over, that of a release key is shown as it stands.
    let sha256 = Digest::of(&adapter);
    let line = attest(sha256, provenance, &[77]);
    assert_eq!(shown(&line), serde_json::json!([]));
    let mut envelope = Envelope::parse(line.as_bytes()).unwrap();
    let pem = fs::read_to_string(desk.path("release.pem")).unwrap();
    let release = SigningKey::from_pkcs8_pem(&pem).unwrap();
    envelope.sign(&SecretKey::from_seed(release.as_bytes()));
    let shown = shown(&(envelope.to_json() + "\n"));
    assert_eq!(shown[0]["predicate_type"], "https://slsa.dev/provenance/v1");
    let builder = &shown[0]["predicate"]["runDetails"]["builder"]["id"];
    assert_eq!(builder, "a workstation");
}

#[test]
fn a_disk_that_is_full_leaves_the_store_as_it_was() {
    let desk = Desk::new();
    desk.released("1", "release");
    desk.validated();
    let policy = desk.path("policy.json");
    let reviewed = desk.adapter(
        &["review"],
        &["--store", &desk.path("app"), "--policy", &policy],
    );
    assert!(reviewed.status.success(), "{}", stderr(&reviewed));
    // A limit on the size of files stands in for the disk: what exceeds it fails.
    let limited = "trap '' XFSZ; ulimit -f 32; exec \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", limited, "sh", env!("CARGO_BIN_EXE_pocketune")])
        .args(["adapter", "install", &desk.path("adapter.gguf"), "--json"])
        .args([
            "--model",
            &desk.path("model.gguf"),
            "--store",
            &desk.path("app"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(desk.store(&["list"])["installed"], serde_json::json!([]));
    let blobs = fs::read_dir(desk.path("app/blobs")).unwrap();
    assert_eq!(blobs.count(), 0, "nothing half-written is left");
    assert!(desk.install(&[]).status.success());
}

#[test]
fn a_statement_is_signed_elsewhere() {
    let desk = Desk::new();
    let payload = desk.path("to-sign");
    let attest = [
        "--name",
        "brief",
        "--channel",
        "stable",
        "--version",
        "1",
        "--changelog",
        "Shorter.",
    ];
    let made = desk.adapter(
        &["attest", "release"],
        &[&attest[..], &["--payload-out", &payload]].concat(),
    );
    assert!(made.status.success(), "{}", stderr(&made));
    // A key that this machine does not have.
    let elsewhere = key(77);
    let signature = elsewhere.sign(&fs::read(&payload).unwrap());
    fs::write(desk.path("signature"), signature).unwrap();
    let spki = VerifyingKey::from_bytes(&elsewhere.public().to_bytes()).unwrap();
    let public = desk.path("elsewhere.pub");
    let pem = spki.to_public_key_pem(LineEnding::LF).unwrap();
    fs::write(&public, pem).unwrap();
    let (statement, signature) = (desk.path("to-sign.statement.json"), desk.path("signature"));
    let back = |signature: &str| {
        let signed = [
            "--statement-in",
            &statement,
            "--signature-in",
            signature,
            "--public",
            &public,
        ];
        desk.adapter(&["attest", "release"], &[&attest[..], &signed].concat())
    };
    assert!(back(&signature).status.success());
    assert_eq!(json(&back(&public))["error"]["kind"], "file_too_long");
    fs::write(&signature, [7; 64]).unwrap();
    assert_eq!(json(&back(&signature))["error"]["kind"], "key");
    let shown = desk.done(&["key", "show", &public]);
    assert_eq!(shown["keyid"], elsewhere.public().id().to_string());
}

#[test]
fn private_keys_are_their_owners_and_never_overwritten() {
    let desk = Desk::new();
    let (file, passphrase) = (desk.path("locked.pem"), desk.path("passphrase"));
    fs::write(&passphrase, "a long one\n").unwrap();
    let generate = [
        "key",
        "generate",
        "--passphrase-file",
        &passphrase,
        "--out",
        &file,
    ];
    desk.done(&generate);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("ENCRYPTED PRIVATE KEY")
    );
    let again = desk.try_to(&generate);
    assert_eq!(json(&again)["error"]["kind"], "not_written");
    // It signs with the passphrase, and with no other.
    let attest = |passphrase: &str| {
        desk.adapter(
            &["attest", "validation"],
            &[
                "--result",
                "passed",
                "--sign",
                &file,
                "--passphrase-file",
                passphrase,
            ],
        )
    };
    assert!(attest(&passphrase).status.success());
    fs::write(desk.path("wrong"), "another\n").unwrap();
    assert_eq!(json(&attest(&desk.path("wrong")))["error"]["kind"], "key");
}

#[test]
fn policies_that_nobody_could_follow_are_refused() {
    let desk = Desk::new();
    let (root, public) = (desk.path("root.pem"), desk.path("root.pem.pub"));
    let out = desk.path("bad.json");
    let refused = desk.try_to(&[
        "policy",
        "new",
        "--name",
        "x",
        "--root",
        &public,
        "--release",
        &public,
        "--validation",
        &public,
        "--sign",
        &root,
        "--out",
        &out,
    ]);
    assert_eq!(json(&refused)["error"]["kind"], "policy_key_twice");
    assert!(!PathBuf::from(&out).exists(), "nothing is left of it");
}

#[test]
fn a_policy_shows_what_has_to_be_measured() {
    let desk = Desk::new();
    let facts = format!("facts:{}:accuracy>=0.8", Digest::of(b"facts"));
    let keys = ["root", "release", "validation"].map(|name| desk.path(&format!("{name}.pem.pub")));
    let [root, release, validation] = &keys;
    let (sign, out) = (desk.path("root.pem"), desk.path("strict.json"));
    let roles = [
        "--root",
        root,
        "--release",
        release,
        "--validation",
        validation,
    ];
    let rest = ["--require", &facts, "--sign", &sign, "--out", &out];
    desk.done(&[&["policy", "new", "--name", "strict"], &roles[..], &rest].concat());
    let shown = |file: &str| String::from_utf8(run(&["policy", "show", file]).stdout).unwrap();
    assert!(shown(&out).contains(&facts), "{}", shown(&out));
    assert!(shown(&desk.path("policy.json")).contains("no measurement"));
}

/// What others put beside a file is passed over by all commands that read it, and stays there.
#[test]
fn lines_of_others_in_a_bundle_are_left_alone() {
    let desk = Desk::new();
    let bundle = desk.path("adapter.gguf.intoto.jsonl");
    let long = format!("{{\"x\": \"{}\"}}", "y".repeat(300_000));
    let others = format!("hello\n{long}\n{{\"mediaType\": \"sigstore\"}}\n{{\"cut\": ");
    fs::write(&bundle, &others).unwrap();
    desk.released("1", "release");
    desk.validated();
    let text = fs::read_to_string(&bundle).unwrap();
    assert!(text.starts_with(&others));
    assert_eq!(text.lines().count(), 6);
    assert_eq!(desk.verdict("policy.json")["verdict"], "accepted");
    let policy = desk.path("policy.json");
    let installed = desk.install(&["--policy", &policy]);
    assert!(installed.status.success(), "{}", stderr(&installed));
    // Nobody reads more lines than that.
    fs::write(&bundle, "{}\n".repeat(8_192)).unwrap();
    let key = desk.path("release.pem");
    let halt = desk.adapter(&["attest", "halt"], &["--reason", "x", "--sign", &key]);
    assert_eq!(json(&halt)["error"]["kind"], "bundle_too_large");
    assert_eq!(fs::read_to_string(&bundle).unwrap().len(), 3 * 8_192);
}

#[test]
fn a_release_in_stages_is_shown_and_halted() {
    let desk = Desk::new();
    let key = desk.path("release.pem");
    let released = |stages: &[&str]| {
        let what = ["--name", "brief", "--channel", "stable", "--version", "1"];
        let how = ["--changelog", "Shorter.", "--sign", &key];
        desk.adapter(&["attest", "release"], &[&what, &how[..], stages].concat())
    };
    for wrong in [
        &["--stage", "10", "--stage", "1@2099-01-01T00:00:00Z"][..],
        &["--stage", "101"],
        &["--stage", "0"],
        &["--stage", "1@tomorrow"],
    ] {
        let refused = released(wrong);
        assert_eq!(json(&refused)["error"]["kind"], "usage", "{wrong:?}");
    }
    let last = "100@2099-01-01T00:00:00Z";
    let done = released(&["--stage", "0.0000001", "--stage", last]);
    assert!(done.status.success(), "{}", stderr(&done));
    desk.validated();
    let verdict = desk.verdict("policy.json");
    let stages = &verdict["release"]["stages"];
    assert_eq!(stages[1]["from"], "2099-01-01T00:00:00Z");
    let policy = desk.path("policy.json");
    let waits = desk.install(&["--policy", &policy]);
    assert_eq!(json(&waits)["error"]["kind"], "not_yet");

    let halt = desk.adapter(
        &["attest", "halt"],
        &["--reason", "Too short.", "--sign", &key],
    );
    assert!(halt.status.success(), "{}", stderr(&halt));
    assert_eq!(desk.verdict("policy.json")["reason"], "halted");
    assert_eq!(json(&desk.install(&[]))["error"]["kind"], "halted");
}
