//! Files as other tools and people leave them: passed over what says nothing, and told in one
//! sentence with file, line and field what is wrong.

mod documents;
mod lines;
mod texts;
mod times;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, run, stderr};

/// What is not waited for: far more than a command takes that does not hang.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A folder with a tiny model, an adapter and an experiment.
pub(crate) struct Desk {
    folder: TempDir,
    pub(crate) model: String,
    pub(crate) adapter: String,
    pub(crate) definition: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let mut desk = Self {
            folder: TempDir::new().unwrap(),
            model: String::new(),
            adapter: String::new(),
            definition: String::new(),
        };
        let tiny = TinyModel::llama();
        desk.model = desk.write("model.gguf", tiny.build().unwrap());
        desk.adapter = desk.write("adapter.gguf", tiny.adapter(4, 8.0).build().unwrap());
        desk.definition = desk.write("definition.json", definition().to_string());
        desk
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// A ledger of one exposure.
    pub(crate) fn ledger(&self) -> String {
        let shown = json!({ "event": "exposure", "unit": "a", "arm": "incumbent", "at_s": 10 });
        self.write("one.jsonl", shown.to_string())
    }

    /// A pipe that nobody writes into.
    pub(crate) fn pipe(&self) -> String {
        let path = self.path("pipe");
        if !fs::exists(&path).unwrap() {
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        }
        path
    }
}

pub(crate) fn definition() -> Value {
    json!({
        "format": 1,
        "id": "brief",
        "hypothesis": "Short replies are picked.",
        "design": "side_by_side",
        "salt": "brief",
        "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
        "metrics": [{ "measure": "pick", "role": "primary" }],
        "limits": { "maxOutcomes": 300, "maxDays": 28 },
    })
}

/// The message of a command that fails with 1 and says why in one plain sentence.
pub(crate) fn refused(arguments: &[String]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let output = run(&[&arguments[..], &["--json"]].concat());
    assert!(started.elapsed() < AT_ONCE, "{arguments:?}");
    sentence(&output)
}

pub(crate) fn sentence(output: &Output) -> String {
    let error = &json(output)["error"];
    assert_eq!(output.status.code(), Some(1), "{error}");
    let message = error["message"].as_str().unwrap().to_owned();
    let shown = stderr(output);
    assert_eq!(shown.trim_end(), format!("error: {message}"));
    for noise in ["Error {", "Error(", "Os {", "Some(", "aused by", "panicked"] {
        assert!(!shown.contains(noise), "{shown}");
    }
    assert!(!message.contains('\n') && message.len() < 400, "{message}");
    message
}

pub(crate) fn accepted(arguments: &[String]) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&[&arguments[..], &["--json"]].concat());
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
}

pub(crate) fn owned(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect()
}

/// As Windows programs save "Unicode".
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}
