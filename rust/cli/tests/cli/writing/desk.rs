//! A folder with everything that commands read, and what it holds byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::adapter::Desk as Keys;
use crate::run::{json, run, stderr};

/// Texts and messages of a few letters, which every tiny vocabulary has.
const PAIR: &str = r#"{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a b c"}],"rejected":[{"role":"assistant","content":"x y z"}],"annotator":"ann"}"#;
const ORDINARY: &str = r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a b c"}]}"#;
const SUITE: &str = r#"{"form":"choice","id":"1","kind":"k","licence":"CC0-1.0","source":"here","question":"q","choices":["a","b"],"answer":0}"#;
const DEFINITION: &str = r#"{"format":1,"id":"x","hypothesis":"h","design":"side_by_side","salt":"s","arms":{"incumbent":{"name":"a"},"challenger":{"name":"b"}},"metrics":[{"measure":"pick","role":"primary"}],"limits":{"maxOutcomes":40,"maxDays":28}}"#;
const LEDGER: &str = concat!(
    r#"{"event":"exposure","unit":"u","arm":"challenger","at_s":1795676400}"#,
    "\n",
    r#"{"event":"outcome","unit":"u","measure":"pick","outcome":{"pick":"challenger"},"at_s":1795676412}"#,
    "\n",
);

/// Keys, a policy, a tiny model, an adapter, data, and traps to write into.
pub(super) struct Desk(Keys);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(Keys::new());
        let texts = [
            ("pairs.jsonl", (0..24).map(pair).collect::<String>()),
            ("ordinary.jsonl", format!("{ORDINARY}\n")),
            ("suite.jsonl", format!("{SUITE}\n")),
            ("definition.json", DEFINITION.to_owned()),
            ("ledger.jsonl", LEDGER.to_owned()),
            ("passphrase", "a long one\n".to_owned()),
        ];
        for (name, text) in texts {
            fs::write(desk.path(name), text).unwrap();
        }
        let model = desk.path("model.gguf");
        let export = ["adapter", "export-peft", &desk.path("adapter.gguf")];
        let to = ["--model", &model, "--out", &desk.path("peft")];
        desk.done(&[&export[..], &to].concat());
        fs::create_dir(desk.path("folder")).unwrap();
        let made = Command::new("mkfifo").arg(desk.path("pipe")).status();
        assert!(made.unwrap().success());
        symlink(desk.path("pipe"), desk.path("link to pipe")).unwrap();
        symlink(desk.path("nothing"), desk.path("dangling link")).unwrap();
        desk
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path(name)
    }

    pub(super) fn done(&self, arguments: &[&str]) {
        let output = run(&[arguments, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        json(&output);
    }

    /// Everything there is: contents, and what links name.
    pub(super) fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![PathBuf::from(self.path(""))];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let content = content(&path);
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path.clone());
                }
                found.insert(path, content);
            }
        }
        found
    }

    /// Fails the test where something was made, changed or removed since.
    pub(super) fn assert_unchanged(&self, before: &BTreeMap<PathBuf, Vec<u8>>, after: &str) {
        let now = self.everything();
        let changed: Vec<&PathBuf> = before
            .keys()
            .chain(now.keys())
            .filter(|path| before.get(*path) != now.get(*path))
            .collect();
        assert!(changed.is_empty(), "{after} changed {changed:?}");
    }
}

fn pair(number: usize) -> String {
    PAIR.replace("\"q\"", &format!("\"q {number}\"")) + "\n"
}

fn content(path: &Path) -> Vec<u8> {
    let found = fs::symlink_metadata(path).unwrap();
    if found.is_file() {
        fs::read(path).unwrap()
    } else if found.is_symlink() {
        let target = fs::read_link(path).unwrap();
        target.into_os_string().into_encoded_bytes()
    } else {
        format!("{:?}", found.file_type()).into_bytes()
    }
}
