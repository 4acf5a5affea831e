//! Key files: whole pairs, and a word for every other kind of file.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::run::{json, pocketune, run, stderr};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn generate(&self) -> Output {
        let out = self.path("key");
        run(&[
            "key",
            "generate",
            "--no-passphrase",
            "--out",
            &out,
            "--json",
        ])
    }

    /// Whether both files are there and belong together.
    fn assert_pair(&self) {
        assert_eq!(self.names(), ["key", "key.pub"]);
        let shown = run(&["key", "show", &self.path("key.pub"), "--json"]);
        let made = openssl(&["pkey", "-pubout", "-in", &self.path("key")]);
        let public = fs::read(self.path("key.pub")).unwrap();
        assert_eq!(made, public);
        assert!(json(&shown)["keyid"].is_string());
    }
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.expect("openssl");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    output.stdout
}

/// The name of the private half's temporary file.
fn draft(folder: &Folder) -> String {
    let shown = run(&["key", "show", &folder.path("key.pub"), "--json"]);
    let id = json(&shown)["keyid"].as_str().unwrap().to_owned();
    format!(".key.{}.Ab3xyZ", &id[..16])
}

#[test]
fn half_a_pair_that_a_kill_left_is_in_nobodys_way() {
    let folder = Folder::new();
    assert!(folder.generate().status.success());
    folder.assert_pair();
    // Killed after the public half had its name, and before the private one had.
    let left = draft(&folder);
    let old = fs::read(folder.path("key")).unwrap();
    fs::rename(folder.path("key"), folder.path(&left)).unwrap();
    let output = folder.generate();
    assert!(output.status.success(), "{}", stderr(&output));
    folder.assert_pair();
    assert_ne!(fs::read(folder.path("key")).unwrap(), old);

    // Killed before either had.
    let left = draft(&folder);
    for name in ["key", "key.pub"] {
        fs::remove_file(folder.path(name)).unwrap();
    }
    folder.write(&left, &old);
    assert!(folder.generate().status.success());
    folder.assert_pair();
}

#[test]
fn what_was_not_left_by_a_kill_stays() {
    let folder = Folder::new();
    assert!(folder.generate().status.success());
    let whole = folder.names();
    // A public key without a trace of a run, and one of another key.
    let private = fs::read(folder.path("key")).unwrap();
    fs::remove_file(folder.path("key")).unwrap();
    let public = fs::read(folder.path("key.pub")).unwrap();
    for left in [None, Some(".key.00112233445566ff.Ab3xyZ")] {
        if let Some(left) = left {
            folder.write(left, &private);
        }
        assert_eq!(json(&folder.generate())["error"]["kind"], "not_written");
        assert_eq!(folder.names(), ["key.pub"]);
        assert_eq!(fs::read(folder.path("key.pub")).unwrap(), public);
    }
    // A whole pair is nobody's to remove, whatever lies beside it.
    folder.write("key", &private);
    let left = draft(&folder);
    folder.write(&left, &private);
    assert_eq!(json(&folder.generate())["error"]["kind"], "not_written");
    assert_eq!(folder.names(), whole);
    // Files of others are not touched, and neither are those of a run that goes on.
    fs::remove_file(folder.path("key")).unwrap();
    let others = [
        ".key.short.Ab3xyZ",
        ".key.",
        ".key.00112233445566ff",
        "..key.x",
    ];
    for name in others {
        folder.write(name, b"");
    }
    folder.write(&left, &private);
    let running = fs::File::open(folder.path(&left)).unwrap();
    running.lock().unwrap();
    let before = folder.names();
    assert_eq!(json(&folder.generate())["error"]["kind"], "not_written");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_stays() {
    let folder = Folder::new();
    let out = folder.path("key");
    for round in 0..60 {
        let mut child = pocketune(&["key", "generate", "--no-passphrase", "--out", &out])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(200 * round));
        let _ = child.kill();
        child.wait().unwrap();
        let names = folder.names();
        let whole = names.iter().any(|it| it == "key");
        assert!(
            !whole || names.iter().any(|it| it == "key.pub"),
            "{names:?}"
        );
        if !whole {
            let output = folder.generate();
            assert!(output.status.success(), "{}", stderr(&output));
        }
        let public_drafts = |name: &String| name.starts_with(".tmp");
        let names: Vec<String> = folder
            .names()
            .into_iter()
            .filter(|it| !public_drafts(it))
            .collect();
        assert_eq!(names, ["key", "key.pub"]);
        for entry in fs::read_dir(folder.0.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().as_bytes().starts_with(b".tmp") {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("PRIVATE"), "{text}");
            }
            fs::remove_file(path).unwrap();
        }
    }
}

/// What is said of a file that is to be a key.
struct Said {
    private: String,
    public: String,
}

impl Folder {
    /// As a key that signs, and as one that verifies.
    fn said(&self, file: &str) -> Said {
        let passphrase = self.write("passphrase", "another one\n");
        let out = self.path("policy.json");
        let good = self.path("key.pub");
        let sign = [
            "policy",
            "new",
            "--name",
            "n",
            "--root",
            &good,
            "--release",
            &good,
            "--validation",
            &good,
            "--passphrase-file",
            &passphrase,
            "--out",
            &out,
            "--sign",
            file,
            "--json",
        ];
        let message = |output: Output| {
            assert_eq!(output.status.code(), Some(1), "{file}");
            let error = &json(&output)["error"];
            assert_eq!(error["kind"], "key", "{file}: {error}");
            let message = error["message"].as_str().unwrap().to_owned();
            let text = fs::read(file).unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            // Neither a line of it, nor a part of one.
            for line in text.lines().filter(|line| line.len() >= 16) {
                let middle = line.get(4..16).unwrap_or_default();
                let known = line.contains(' ') || middle.is_empty();
                assert!(known || !message.contains(middle), "{message}");
            }
            message
        };
        Said {
            private: message(run(&sign)),
            public: message(run(&["key", "show", file, "--json"])),
        }
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = Folder::new();
    assert!(folder.generate().status.success());
    let path = |name: &str| folder.path(name);
    let genpkey = |name: &str, more: &[&str]| {
        let file = path(name);
        openssl(&[&["genpkey", "-out", &file], more].concat());
        openssl(&[
            "pkey",
            "-in",
            &file,
            "-pubout",
            "-out",
            &format!("{file}.pub"),
        ]);
    };
    genpkey(
        "rsa",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    genpkey(
        "ec",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    genpkey("x25519", &["-algorithm", "X25519"]);
    genpkey("ed448", &["-algorithm", "ED448"]);
    openssl(&[
        "rsa",
        "-in",
        &path("rsa"),
        "-traditional",
        "-out",
        &path("pkcs1"),
    ]);
    openssl(&[
        "rsa",
        "-in",
        &path("rsa"),
        "-RSAPublicKey_out",
        "-out",
        &path("pkcs1.pub"),
    ]);
    openssl(&[
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-out",
        &path("sec1"),
    ]);
    openssl(&[
        "req",
        "-x509",
        "-key",
        &path("key"),
        "-subj",
        "/CN=x",
        "-days",
        "1",
        "-out",
        &path("certificate"),
    ]);
    openssl(&[
        "req",
        "-new",
        "-key",
        &path("key"),
        "-subj",
        "/CN=x",
        "-out",
        &path("request"),
    ]);
    openssl(&[
        "pkey",
        "-in",
        &path("key"),
        "-outform",
        "DER",
        "-out",
        &path("der"),
    ]);
    let secret = ["-topk8", "-passout", "pass:x", "-in"];
    openssl(
        &[
            &["pkcs8"],
            &secret[..],
            &[&path("key"), "-v1", "PBE-SHA1-3DES", "-out", &path("pbes1")],
        ]
        .concat(),
    );
    openssl(
        &[
            &["pkcs8"],
            &secret[..],
            &[&path("key"), "-out", &path("encrypted")],
        ]
        .concat(),
    );
    openssl(&[
        "pkcs8",
        "-topk8",
        "-passout",
        "pass:another one",
        "-in",
        &path("rsa"),
        "-out",
        &path("encrypted rsa"),
    ]);
    openssl(&[
        "rsa",
        "-in",
        &path("rsa"),
        "-traditional",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        &path("pkcs1 encrypted"),
    ]);

    for (name, private, public) in [
        ("rsa", "an RSA private key", "an RSA private key"),
        ("rsa.pub", "an RSA public key", "an RSA public key"),
        (
            "ec",
            "an elliptic-curve private key",
            "an elliptic-curve private key",
        ),
        (
            "ec.pub",
            "an elliptic-curve public key",
            "an elliptic-curve public key",
        ),
        ("x25519", "an X25519 private key", "an X25519 private key"),
        ("ed448.pub", "an Ed448 public key", "an Ed448 public key"),
        (
            "pkcs1",
            "an RSA private key (PKCS #1)",
            "an RSA private key (PKCS #1)",
        ),
        (
            "pkcs1.pub",
            "an RSA public key (PKCS #1)",
            "an RSA public key (PKCS #1)",
        ),
        (
            "pkcs1 encrypted",
            "an RSA private key (PKCS #1)",
            "an RSA private key (PKCS #1)",
        ),
        (
            "sec1",
            "an elliptic-curve private key (SEC 1)",
            "an elliptic-curve private key (SEC 1)",
        ),
        ("certificate", "a certificate", "a certificate"),
        (
            "request",
            "a request for a certificate",
            "a request for a certificate",
        ),
        ("der", "binary DER", "binary DER"),
        (
            "pbes1",
            "encrypted in a way that is not read",
            "an encrypted private key",
        ),
        (
            "encrypted",
            "the passphrase is another one",
            "an encrypted private key",
        ),
        (
            "encrypted rsa",
            "an RSA private key",
            "an encrypted private key",
        ),
    ] {
        let said = folder.said(&path(name));
        assert!(said.private.contains(private), "{name}: {}", said.private);
        assert!(said.public.contains(public), "{name}: {}", said.public);
    }

    let said = |name: &str, text: &str| folder.said(&folder.write(name, text));
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJb1Yp0fZ0jQm2 ann@example";
    let minisign = "untrusted comment: minisign public key 6E1C\nRWQfFb2u3wzLkzT4S0Xg2sQ9p1\n";
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n";
    for (text, found) in [
        (ssh, "an OpenSSH public key"),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNh ann",
            "an OpenSSH public key",
        ),
        (
            "sk-ssh-ed25519@openssh.com AAAAGnNr ann",
            "on a security key",
        ),
        (minisign, "a public key of minisign"),
        (
            "untrusted comment: minisign encrypted secret key\nRWRTY0Iy\n",
            "a secret key of minisign",
        ),
        (
            "untrusted comment: signify public key\nRWQf\n",
            "minisign or signify",
        ),
        (openssh, "an OpenSSH private key"),
        ("AGE-SECRET-KEY-1QQPQQ", "a secret key of age"),
        (
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
            "a private key of PuTTY",
        ),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "an OpenPGP public key",
        ),
        (
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n",
            "an SSH public key",
        ),
        (
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJr\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
            "cosign",
        ),
        (
            "-----BEGIN A THING-----\nQUJD\n-----END A THING-----\n",
            "PEM of an unknown kind",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMC4C", "damaged or cut"),
        (
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
            "damaged or cut",
        ),
        ("{\"kty\":\"OKP\"}", "a JSON document"),
        (
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "hexadecimal",
        ),
        ("MC4CAQAwBQYDK2VwBCIEIAAB", "base64"),
        ("", "an empty file"),
        ("the key is under the mat", "a text of another kind"),
    ] {
        let said = said("other", text);
        assert!(said.private.contains(found), "{text}: {}", said.private);
        assert!(said.public.contains(found), "{text}: {}", said.public);
    }
    for (bytes, found) in [
        (&[0xfe; 32][..], "32 bytes"),
        (&[0xfe; 64], "64 bytes"),
        (&[0xfe; 5], "no text"),
    ] {
        let said = folder.said(&folder.write("bytes", bytes));
        assert!(said.public.contains(found), "{}", said.public);
    }
    // Each for the other.
    let said = folder.said_of_pair();
    assert!(
        said.private.contains("an Ed25519 public key"),
        "{}",
        said.private
    );
    assert!(
        said.public.contains("an Ed25519 private key"),
        "{}",
        said.public
    );
}

impl Folder {
    /// The public key as one that signs, and the private one as one that verifies.
    fn said_of_pair(&self) -> Said {
        Said {
            private: {
                let text = fs::read(self.path("key.pub")).unwrap();
                let file = self.write("public", text);
                let message = |output: Output| {
                    json(&output)["error"]["message"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                };
                let good = self.path("key.pub");
                message(run(&[
                    "policy",
                    "new",
                    "--name",
                    "n",
                    "--root",
                    &good,
                    "--release",
                    &good,
                    "--validation",
                    &good,
                    "--out",
                    &self.path("p.json"),
                    "--sign",
                    &file,
                    "--json",
                ]))
            },
            public: {
                let output = run(&["key", "show", &self.path("key"), "--json"]);
                json(&output)["error"]["message"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            },
        }
    }
}

#[test]
fn keys_of_other_programs_are_read() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name);
    openssl(&["genpkey", "-algorithm", "ED25519", "-out", &path("theirs")]);
    openssl(&[
        "pkey",
        "-in",
        &path("theirs"),
        "-pubout",
        "-out",
        &path("theirs.pub"),
    ]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-passout",
        "pass:long",
        "-in",
        &path("theirs"),
        "-out",
        &path("locked"),
    ]);
    // As an editor saves it, and with what some programs write above and below.
    let text = fs::read_to_string(path("theirs")).unwrap();
    folder.write(
        "edited",
        format!("\u{feff}{}\r\n\r\n", text.replace('\n', "\r\n")),
    );
    let passphrase = folder.write("passphrase", "long\n");
    let public = path("theirs.pub");
    for name in ["theirs", "locked", "edited"] {
        let out = path(&format!("{name}.json"));
        let output = run(&[
            "policy",
            "new",
            "--name",
            "n",
            "--root",
            &public,
            "--release",
            &public,
            "--validation",
            &public,
            "--passphrase-file",
            &passphrase,
            "--out",
            &out,
            "--sign",
            &path(name),
            "--json",
        ]);
        // One key in every role is refused after it was read.
        let error = &json(&output)["error"];
        assert_eq!(error["kind"], "policy_key_twice", "{name}: {error}");
        assert!(!Path::new(&out).exists());
    }
}
