//! A reward model from the command line.

use std::fs;

use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, run, stderr};

struct Desk {
    folder: TempDir,
    model: String,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut desk = Self {
            folder,
            model: String::new(),
        };
        desk.model = desk.write("model.gguf", TinyModel::llama().build().unwrap());
        desk
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// What `reward COMMAND` prints as JSON, which may be an error.
    fn reward(&self, command: &str, arguments: &[&str]) -> Value {
        let model = ["--model", &self.model, "--json"];
        json(&run(&[&["reward", command], arguments, &model].concat()))
    }
}

/// A pair with an answer that depends on nothing but its number.
fn pair(number: usize, annotator: &str) -> Value {
    json!({
        "prompt": [{ "role": "user", "content": format!("q {number}") }],
        "chosen": [{ "role": "assistant", "content": format!("a b c {number}") }],
        "rejected": [{ "role": "assistant", "content": format!("x y z {number} {number}") }],
        "annotator": annotator,
    })
}

fn lines(pairs: impl IntoIterator<Item = Value>) -> String {
    pairs.into_iter().map(|pair| format!("{pair}\n")).collect()
}

#[test]
fn a_head_is_trained_looked_at_and_asked() {
    let desk = Desk::new();
    let pairs = (0..24).map(|number| pair(number, ["ann", "bob"][number % 2]));
    let data = desk.write("pairs.jsonl", lines(pairs));
    let head = desk.path("head.gguf");
    let trained = desk.reward("train", &["--data", &data, "--out", &head]);
    assert_eq!(trained["report"]["comparisons"], 24, "{trained}");
    assert_eq!(trained["report"]["reliabilities"]["estimated"], true);
    assert_eq!(trained["report"]["edits"].as_array().unwrap().len(), 3);
    let length = fs::metadata(&head).unwrap().len();
    assert_eq!(trained["head_bytes"], json!(length));
    let numbered = (30..36).map(|number| {
        let mut pair = pair(number, "");
        pair["id"] = number.into();
        pair["annotator"] = 7.into();
        pair
    });
    let unseen = desk.write("unseen.jsonl", lines(numbered));
    let looked = desk.reward("eval", &["--head", &head, "--data", &unseen]);
    assert_eq!(looked["accuracy"]["pairs"], 6, "{looked}");
    let score = |reply| {
        let asked = ["--head", &head, "--prompt", "q 1", "--reply", reply];
        let score = desk.reward("score", &asked);
        score["reward"].as_f64().unwrap()
    };
    assert!(score("a b c 1").abs() <= 3.0);
    assert_ne!(score("a b c 1"), score("x y z 1 1"));
}

#[test]
fn what_no_head_can_be_made_of_is_refused_and_named() {
    let desk = Desk::new();
    let out = desk.path("head.gguf");
    let train = |name: &str, text: &str, minimum: &str| {
        let data = desk.write(name, text);
        let refused = desk.reward(
            "train",
            &["--data", &data, "--out", &out, "--minimum", minimum],
        );
        let message = refused["error"]["message"].as_str().unwrap().to_owned();
        (
            refused["error"]["kind"].as_str().unwrap().to_owned(),
            message,
        )
    };
    let few = lines((0..3).map(|number| pair(number, "ann")));
    let (kind, message) = train("few.jsonl", &few, "20");
    assert_eq!(kind, "reward_invalid");
    assert!(message.contains("3 comparisons"), "{message}");
    let mut other_way = pair(0, "ann");
    other_way["chosen"] = pair(0, "ann")["rejected"].clone();
    other_way["rejected"] = pair(0, "ann")["chosen"].clone();
    let (_, message) = train("both.jsonl", &lines([pair(0, "ann"), other_way]), "1");
    assert!(message.contains("line 2 says the opposite of"), "{message}");
    let (kind, message) = train("torn.jsonl", "{\n", "1");
    assert_eq!(kind, "data_invalid");
    assert!(message.contains("torn.jsonl, line 1"), "{message}");
    let mut ties = vec![pair(0, "ann"), pair(1, "ann")];
    for tie in &mut ties {
        tie["tie"] = json!(true);
    }
    let (_, message) = train("ties.jsonl", &lines(ties), "1");
    assert!(message.contains("all comparisons are ties"), "{message}");
    assert!(!fs::exists(&out).unwrap(), "nothing was written");
}

#[test]
fn a_head_of_another_model_is_refused() {
    let desk = Desk::new();
    let data = desk.write(
        "pairs.jsonl",
        lines((0..20).map(|number| pair(number, "ann"))),
    );
    let head = desk.path("head.gguf");
    desk.reward("train", &["--data", &data, "--out", &head]);
    let other = desk.write("other.gguf", TinyModel::gemma3().build().unwrap());
    let asked = [
        "reward", "score", "--model", &other, "--head", &head, "--prompt", "q", "--reply", "a",
    ];
    let refused = run(&asked);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("is for the base model"),
        "{}",
        stderr(&refused)
    );
}
