//! Moments in the wrong unit.

use serde_json::{Value, json};

use super::{Desk, owned, refused};
use crate::run::{run, stderr};

fn analyze(desk: &Desk, option: &str, file: &str) -> Vec<String> {
    let analyze = ["experiment", "analyze", "--definition", &desk.definition];
    owned(&[&analyze[..], &[option, file]].concat())
}

#[test]
fn milliseconds_in_ledgers_and_summaries_are_told() {
    let desk = Desk::new();
    let exposure = |unit: &str, at_s: i64| {
        json!({ "event": "exposure", "unit": unit, "arm": "incumbent", "at_s": at_s }).to_string()
    };
    let end = |at_s: i64| json!({ "event": "end", "at_s": at_s }).to_string();
    let good = exposure("a", 1_795_676_400);
    for (line, unit) in [
        (exposure("b", 1_795_676_400_000), "milliseconds"),
        (end(1_795_676_400_000), "milliseconds"),
        (end(1_795_676_400_000_000), "microseconds"),
        (end(1_795_676_400_000_000_000), "nanoseconds"),
        (end(100_000_000_000), "milliseconds"),
    ] {
        let ledger = desk.write("ledger.jsonl", format!("{good}\n{line}\n"));
        let message = refused(&analyze(&desk, "--ledger", &ledger));
        let says = format!("looks like {unit} since 1970: seconds are expected");
        assert!(
            message.contains("line 2") && message.contains(&says),
            "{message}"
        );
    }
    let out = desk.path("summary.json");
    let ledger = desk.write("ledger.jsonl", good);
    let count = analyze(&desk, "--ledger", &ledger);
    super::accepted(&[count, owned(&["--summary-out", &out])].concat());
    let summary: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    for field in ["startedAtS", "lastAtS"] {
        let mut late = summary.clone();
        late[field] = json!(1_795_676_400_000_i64);
        let file = desk.write("late.json", late.to_string());
        let message = refused(&analyze(&desk, "--summary", &file));
        assert!(
            message.contains("late.json") && message.contains("milliseconds"),
            "{message}"
        );
    }
}

#[test]
fn numbers_on_the_command_line_are_told_how_they_are_written() {
    let desk = Desk::new();
    let ledger = desk.write("ledger.jsonl", "");
    for (number, unit) in [
        ("1795590000", "seconds"),
        ("1795590000000", "milliseconds"),
        ("1795590000000000", "microseconds"),
    ] {
        let arguments = [
            analyze(&desk, "--ledger", &ledger),
            owned(&["--at", number]),
        ]
        .concat();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let says = format!("looks like {unit} since 1970: write 2026-11-25T07:00:00Z");
        assert!(stderr(&output).contains(&says), "{}", stderr(&output));
    }
}
