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
}

#[test]
fn answers_of_the_model_are_kept_where_a_folder_is_named() {
    let desk = Desk::new();
    let model = desk.write("model.gguf", TinyModel::llama().build().unwrap());
    let suite = desk.write("mine.jsonl", ITEMS);
    let folder = desk.write("answers", "");
    fs::remove_file(&folder).unwrap();
    let about = ["evaluate", "--model", &model, "--suite", &suite];
    let fresh = done(&about);
    for _ in 0..2 {
        let kept = done(&[&about[..], &["--answer-cache", &folder]].concat());
        assert_eq!(kept, fresh);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}

#[test]
fn a_suite_that_cannot_be_is_refused_by_its_file() {
    let desk = Desk::new();
    let model = desk.write("model.gguf", TinyModel::llama().build().unwrap());
    let refused = |suite: &str, reason: &str| {
        let refused = run(&["evaluate", "--model", &model, "--suite", suite, "--json"]);
        assert_eq!(json(&refused)["error"]["kind"], "suite_invalid");
        let message = stderr(&refused);
        assert!(
            message.contains(suite) && message.contains(reason),
            "{message}"
        );
    };
    refused(&desk.write("torn.jsonl", "{"), "line 1");
    let choice = ITEMS.replace(r#""answer":1"#, r#""answer":1,"hint":"b""#);
    refused(&desk.write("hint.jsonl", choice), "unknown field `hint`");
    let misspelt = ITEMS.replace(
        r#""rejected":"ba""#,
        r#""rejected":"ba","expct":{"refusal":"yes"}"#,
    );
    refused(
        &desk.write("misspelt.jsonl", misspelt),
        "line 2: unknown field `expct`",
    );
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
    let table = |more: &[&str]| {
        let table = run(&[&about[..], &by, more].concat());
        String::from_utf8(table.stdout).unwrap()
    };
    let alone = table(&[]);
    assert!(alone.contains("% passed") && alone.contains("empty_or_cut_off   objects to   2\n"));
    let both = table(&["--candidate", &adapter]);
    assert!(both.contains("objects to   2 before, 2 after"), "{both}");
    let kind = format!("    {:18}    0 of 1 → ", "k");
    assert!(both.contains(&kind), "{both}");
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
    // Two people, however many the picks.
    let both = ["--ledger", &few, "--summary", summary];
    let late = done(&[&analyze[..], &both, &at].concat());
    assert_eq!(late["verdict"], "keep_going");
    assert_eq!(late["people"]["counted"], 1);
    assert_eq!(late["people"]["waiting"], 1);
    assert_eq!(late["metrics"][0]["people"], 1);
    // One device is judged as its phone does it.
    let late = done(&[&analyze[..], &["--ledger", &more], &at].concat());
    assert_eq!(late["verdict"], "promote");
    assert!(late.get("people").is_none());
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

#[test]
fn a_simulation_that_could_give_no_verdict_is_refused_and_says_what_it_needs() {
    let desk = Desk::new();
    let definition: Value = serde_json::from_slice(&fs::read(desk.definition()).unwrap()).unwrap();
    let with = |metrics: Value| {
        let mut definition = definition.clone();
        definition["metrics"] = metrics;
        desk.write("guarded.json", definition.to_string())
    };
    let refused = |definition: &str, world: &[&str], says: &str| {
        let simulate = ["experiment", "simulate", "--definition", definition];
        let output = run(&[&simulate[..], world, &["--experiments", "2", "--json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{world:?}");
        assert_eq!(json(&output)["error"]["kind"], "usage");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    };
    let guarded = with(json!([
        { "measure": "pick", "role": "primary" },
        { "measure": "first_token_ms", "role": "guardrail" },
    ]));
    let pick = ["--rate", "pick=0.2:0.7"];
    refused(
        &guarded,
        &pick,
        "the guardrail first_token_ms gets no outcomes",
    );
    let picks = desk.write("picks.jsonl", "{\"pick\":{\"pick\":\"challenger\"}}\n");
    let items = ["--items", picks.as_str()];
    refused(
        &guarded,
        &items,
        "the guardrail first_token_ms gets no outcomes",
    );
    let speed = ["--rate", "first_token_ms=0.2:0.7"];
    refused(&guarded, &speed, "is compared from 0 to 5000");
    refused(&guarded, &[], "the primary metric pick gets no outcomes");
    refused(
        &guarded,
        &["--rate", "refusal=0:0"],
        "it has pick, first_token_ms",
    );
    refused(
        &guarded,
        &["--rate", "picks=0:0"],
        "there are pick, thumb, regenerate",
    );
}

#[test]
fn a_made_up_ledger_ends_now() {
    let desk = Desk::new();
    let definition = desk.definition();
    let ledger = desk.0.path().join("ledger.jsonl");
    let ledger = ledger.to_str().unwrap();
    let simulate = ["experiment", "simulate", "--definition", &definition];
    let world = ["--rate", "pick=0.2:0.2", "--experiments", "1"];
    let out = ["--exposures", "20", "--ledger-out", ledger];
    done(&[&simulate[..], &world, &out].concat());
    let analyze = ["experiment", "analyze", "--definition", &definition];
    let about = ["--ledger", ledger];
    // 20 hours after its first exposure no limit of 28 days is reached.
    let decision = done(&[&analyze[..], &about].concat());
    assert_eq!(decision["verdict"], "keep_going", "{decision}");
    let table = run(&[&analyze[..], &about].concat());
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("whose reply came first") && table.contains("100 = good end"));
}
