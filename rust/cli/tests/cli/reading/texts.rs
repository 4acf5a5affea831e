//! Prompts, grammars, schemas, templates, keys and passphrases.

use std::io::Write as _;
use std::process::Stdio;

use super::{Desk, owned, refused, sentence, utf16};
use crate::run::{json, pocketune, run};

const TEMPLATE: &str = "{% for message in messages %}{{ message.content }}{% endfor %}";

type Command = fn(&Desk, &str) -> Vec<String>;

/// Commands that read a text, and a text for each.
fn readers() -> Vec<(&'static str, Command)> {
    fn chat(desk: &Desk, option: &str, file: &str) -> Vec<String> {
        let chat = [
            "chat",
            "--model",
            &desk.model,
            "--prompt",
            "a",
            "--greedy",
            "--seed",
            "1",
        ];
        let template = desk.write("plain.jinja", TEMPLATE);
        let template: &[&str] = match option {
            "--template" => &[],
            _ => &["--template", &template],
        };
        owned(&[&chat[..], &["--max-tokens", "4", option, file], template].concat())
    }
    vec![
        ("a b", |desk, file| {
            let score = ["score", "--model", &desk.model, "--raw", "--reply", "b"];
            owned(&[&score[..], &["--prompt-file", file]].concat())
        }),
        ("root ::= [a-z ]+\n", |desk, file| {
            chat(desk, "--grammar", file)
        }),
        ("{\"type\": \"string\"}", |desk, file| {
            chat(desk, "--json-schema", file)
        }),
        (TEMPLATE, |desk, file| chat(desk, "--template", file)),
    ]
}

#[test]
fn texts_are_read_or_told() {
    let desk = Desk::new();
    for (text, command) in readers() {
        let told = |bytes: &[u8], says: &str| {
            let message = refused(&command(&desk, &desk.write("text.txt", bytes)));
            assert!(
                message.contains(says) && message.contains("text.txt"),
                "{message}"
            );
        };
        let output = |bytes: String| {
            let arguments = command(&desk, &desk.write("text.txt", bytes));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut output = json(&run(&[&arguments[..], &["--json"]].concat()));
            // Times and names differ.
            if let Some(reply) = output["replies"].get_mut(0) {
                reply.as_object_mut().unwrap().retain(|name, _| {
                    let differs = name.contains("_s") || name.contains("_ms");
                    !differs && !["id", "time"].contains(&name.as_str())
                });
            }
            output
        };
        let plain = output(text.to_owned());
        assert!(plain.get("error").is_none(), "{plain}");
        assert_eq!(output(format!("\u{feff}{text}")), plain);
        told(&utf16(text), "line 1: this is UTF-16: save it as UTF-8");
        told(b"a\nb\n\xe4", "line 3: it is no UTF-8");
        told(b"a\n\0", "line 2: it holds a NUL character");
        told(&vec![b'a'; 2 << 20], "longer than 1048576 bytes");
        for (file, found) in [(desk.pipe().as_str(), "a pipe"), ("/dev/zero", "a device")] {
            let message = refused(&command(&desk, file));
            assert!(message.contains("must be a regular file"), "{message}");
            assert!(message.contains(&format!(" is {found}")), "{message}");
        }
        let absent = refused(&command(&desk, &desk.path("absent.txt")));
        assert!(absent.contains("absent.txt"), "{absent}");
    }
}

#[test]
fn a_piped_prompt_is_read_or_told() {
    let desk = Desk::new();
    let template = desk.write("plain.jinja", TEMPLATE);
    let chat = [
        "chat",
        "--model",
        &desk.model,
        "--template",
        &template,
        "--json",
    ];
    let answer = |bytes: &[u8]| {
        let arguments = [&chat[..], &["--greedy", "--max-tokens", "4"]].concat();
        let mut child = pocketune(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    };
    let reply = |bytes: &[u8]| json(&answer(bytes))["replies"][0]["text"].clone();
    let plain = reply(b"a b\n");
    assert!(plain.is_string());
    assert_eq!(reply("\u{feff}a b\r\n".as_bytes()), plain);
    for (bytes, says) in [
        (utf16("a b"), "this is UTF-16"),
        (b"a\n\xe4".to_vec(), "line 2: it is no UTF-8"),
    ] {
        let message = sentence(&answer(&bytes));
        assert!(
            message.contains(says) && message.contains("standard input"),
            "{message}"
        );
    }
    let nothing = answer("\u{feff}\n".as_bytes());
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn keys_and_passphrases_are_read_with_marks() {
    let desk = Desk::new();
    let (key, passphrase) = (
        desk.path("key.pem"),
        desk.write("passphrase", "open sesame\n"),
    );
    let generate = ["key", "generate", "--out", &key, "--passphrase-file"];
    let made = run(&[&generate[..], &[passphrase.as_str(), "--json"]].concat());
    assert!(made.status.success());
    let marked = |file: &str| {
        let text = std::fs::read_to_string(file).unwrap().replace('\n', "\r\n");
        std::fs::write(file, format!("\u{feff}{text}")).unwrap();
    };
    for file in [&key, &format!("{key}.pub"), &passphrase] {
        marked(file);
    }
    let public = format!("{key}.pub");
    let out = desk.path("policy.json");
    let policy = |passphrase: &str| {
        let others = ["release", "validation"].map(|name| {
            let key = desk.path(&format!("{name}.pem"));
            let _ = run(&["key", "generate", "--no-passphrase", "--out", &key]);
            format!("{key}.pub")
        });
        let new = [
            "policy",
            "new",
            "--name",
            "p",
            "--root",
            &public,
            "--release",
            &others[0],
        ];
        let rest = ["--validation", &others[1], "--sign", &key, "--out", &out];
        let with = ["--passphrase-file", passphrase, "--json"];
        run(&[&new[..], &rest, &with].concat())
    };
    let signed = policy(&passphrase);
    assert!(signed.status.success(), "{}", json(&signed));
    let pipe = desk.pipe();
    let message = sentence(&policy(&pipe));
    assert!(
        message.contains("the passphrase must be a regular file"),
        "{message}"
    );
}
