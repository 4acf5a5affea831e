//! Suites and experiments from the command line.

use std::fs;
use std::path::PathBuf;

use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, run, stderr};

const ITEMS: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":1}
{"form":"preference","id":"b","kind":"l","licence":"MIT","source":"s","prompt":"hi","chosen":"ab","rejected":"ba"}
"#;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn definition(&self) -> String {
        let definition = json!({
            "format": 1,
            "id": "brief",
            "hypothesis": "Short replies are picked.",
            "design": "side_by_side",
            "salt": "brief",
            "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
            "metrics": [{ "measure": "pick", "role": "primary" }],
            "limits": { "maxOutcomes": 300, "maxDays": 28 },
        });
        self.write("definition.json", definition.to_string())
    }

    /// Challenger and incumbent take turns to be first; every pick is the challenger's.
    fn ledger(&self, name: &str, picks: usize) -> String {
        let mut lines = String::new();
        for index in 0..picks {
            let arm = ["incumbent", "challenger"][index % 2];
            let exposure =
                json!({ "event": "exposure", "unit": index.to_string(), "arm": arm, "at_s": 1 });
            let outcome = json!({ "event": "outcome", "unit": index.to_string(),
                "measure": "pick", "outcome": { "pick": "challenger" }, "at_s": 1 });
            lines += &format!("{exposure}\n{outcome}\n");
        }
        self.write(name, lines)
    }
}

fn done(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    json(&output)
}

#[test]
fn a_suite_is_answered_with_and_without_an_adapter() {
    let desk = Desk::new();
    let tiny = TinyModel::llama();
    let model = desk.write("model.gguf", tiny.build().unwrap());
    let adapter = desk.write("adapter.gguf", tiny.adapter(4, 8.0).build().unwrap());
    let suite = desk.write("mine.jsonl", ITEMS);
    let about = ["evaluate", "--model", &model, "--suite", &suite];
    let base = done(&about);
    let arms = |report: &Value| report["suites"][0]["probability"].clone();
    assert_eq!(arms(&base)["base"]["suite"], "mine");
    assert_eq!(arms(&base)["base"]["chance"], 0.5);
    assert_eq!(arms(&base)["base"]["items"][1]["id"], "b");
    assert_eq!(done(&about), base, "the same again");
    let both = run(&[&about[..], &["--candidate", &adapter, "--json"]].concat());
    let both = json(&both);
    assert_eq!(arms(&both)["base"], arms(&base)["base"]);
    assert!(arms(&both)["comparison"]["mcnemar"]["p"].is_number());
    assert_ne!(
        arms(&both)["changed"]["mean_margin"],
        arms(&base)["base"]["mean_margin"]
    );
    let torn = desk.write("torn.jsonl", "{");
    let refused = run(&["evaluate", "--model", &model, "--suite", &torn, "--json"]);
    assert_eq!(json(&refused)["error"]["kind"], "suite_invalid");
}

#[test]
fn replies_are_judged_and_become_outcomes_of_experiments() {
    let desk = Desk::new();
    let tiny = TinyModel::llama();
    let model = desk.write("model.gguf", tiny.build().unwrap());
    let adapter = desk.write("adapter.gguf", tiny.adapter(4, 8.0).build().unwrap());
    let suite = desk.write("mine.jsonl", ITEMS);
    let items = desk.write("items.jsonl", "");
    let about = ["evaluate", "--model", &model, "--suite", &suite];
    let by = ["--by", "generation", "--max-tokens", "8"];
    let both = ["--candidate", &adapter, "--items-out", &items, "--json"];
    let report = json(&run(&[&about[..], &by, &both].concat()));
    assert!(report["suites"][0].get("probability").is_none());
    let arms = &report["suites"][0]["generation"];
    assert!(arms["comparison"]["interval"]["low"].is_number());
    let alone = done(&[&about[..], &by].concat());
    assert_eq!(alone["suites"][0]["generation"]["base"], arms["base"]);
    let reply = &arms["base"]["items"][1];
    assert_eq!(
        (&reply["id"], &reply["end"]),
        (&"b".into(), &"limit".into())
    );
    assert_eq!(
        reply["judgement"]["findings"][0]["critic"],
        "empty_or_cut_off"
    );
    let text = reply["reply"].as_str().unwrap();
    let sha256 = pocketune_adapter::Digest::of(text.as_bytes());
    assert_eq!(reply["reply_sha256"], sha256.to_string());
    assert_eq!(fs::read_to_string(&items).unwrap().lines().count(), 2);
    let definition = desk.definition();
    let simulate = ["experiment", "simulate", "--definition", &definition];
    let world = ["--items", &items, "--experiments", "3"];
    let simulated = done(&[&simulate[..], &world].concat());
    assert_eq!(simulated["experiments"], 3);
    let table = run(&[&about[..], &by].concat());
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("% passed") && table.contains("empty_or_cut_off   objects to   2"));
}

#[test]
fn ledgers_and_summaries_give_a_verdict() {
    let desk = Desk::new();
    let definition = desk.definition();
    let few = desk.ledger("few.jsonl", 6);
    let analyze = ["experiment", "analyze", "--definition", &definition];
    let at = ["--at", "1970-01-02T00:00:00Z"];
    let early = done(&[&analyze[..], &["--ledger", &few], &at].concat());
    assert_eq!(early["verdict"], "keep_going");
    let more = desk.ledger("more.jsonl", 30);
    let summary = desk.0.path().join("summary.json");
    let summary = summary.to_str().unwrap();
    let out = ["--ledger", &more, "--summary-out", summary];
    done(&[&analyze[..], &out, &at].concat());
    let both = ["--ledger", &few, "--summary", summary];
    let late = done(&[&analyze[..], &both, &at].concat());
    assert_eq!(late["verdict"], "promote");
    assert_eq!(late["metrics"][0]["outcomes"], 36);
    let again = desk.write("again.jsonl", fs::read(&few).unwrap());
    let twice = ["--ledger", &few, "--ledger", &again, "--json"];
    let refused = json(&run(&[&analyze[..], &twice].concat()));
    assert_eq!(refused["error"]["kind"], "same_file");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("few.jsonl") && message.contains("again.jsonl"));
    let torn = desk.write("torn.jsonl", "{\"event\":");
    let refused = run(&[&analyze[..], &["--ledger", &torn, "--json"]].concat());
    assert_eq!(json(&refused)["error"]["kind"], "experiment_invalid");
    assert!(stderr(&refused).contains("line 1"));
}

#[test]
fn a_better_arm_is_promoted_in_a_simulation() {
    let desk = Desk::new();
    let definition = desk.definition();
    let simulate = ["experiment", "simulate", "--definition", &definition];
    let world = ["--rate", "pick=0.2:0.7", "--experiments", "50"];
    let simulated = done(&[&simulate[..], &world].concat());
    assert_eq!(simulated["promoted"], 1.0);
    let items = desk.write("items.jsonl", "{\"pick\":{\"pick\":\"incumbent\"}}\n");
    let world = ["--items", &items, "--experiments", "5"];
    let simulated = done(&[&simulate[..], &world].concat());
    assert_eq!(simulated["rolled_back"], 1.0);
    let nonsense = run(&[&simulate[..], &["--rate", "pick=2", "--json"]].concat());
    assert_eq!(nonsense.status.code(), Some(2));
}
