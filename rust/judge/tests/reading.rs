//! Files as other programs leave them: what is passed over, and what is told by a typed reason.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

use pocketune_judge::experiment::{
    Arm, Definition, Event, ExperimentError, Recorder, Tally, decide, read_ledger,
};
use pocketune_judge::reward::{RewardError, RewardReport};
use pocketune_judge::suite::{Suite, SuiteError};
use serde_json::json;

const ITEM: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"?","choices":["x","y"],"answer":1}"#;
const EXPOSURE: &str = r#"{"event":"exposure","unit":"a","arm":"incumbent","at_s":10}"#;
const MARK: char = '\u{feff}';
const MILLISECONDS: i64 = 1_795_676_400_000;

fn definition_json() -> String {
    json!({
        "format": 1, "id": "brief", "hypothesis": "h", "design": "side_by_side", "salt": "s",
        "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
        "metrics": [{ "measure": "pick", "role": "primary" }],
        "limits": { "maxOutcomes": 300, "maxDays": 28 },
    })
    .to_string()
}

fn definition() -> Definition {
    Definition::parse(definition_json().as_bytes()).unwrap()
}

#[test]
fn marks_change_nothing_but_the_digest_of_a_file() {
    let (plain, marked) = (ITEM.to_owned(), format!("{MARK}{ITEM}\r\n{MARK}\n"));
    let [plain, marked] = [plain, marked].map(|it| Suite::parse("s", it.as_bytes()).unwrap());
    assert_eq!(plain.items, marked.items);
    assert_ne!(
        plain.sha256, marked.sha256,
        "a release is about the file's bytes"
    );

    let marked = format!("{MARK}{}", definition_json());
    let marked = Definition::parse(marked.as_bytes()).unwrap();
    assert_eq!(marked.sha256(), definition().sha256());

    let marked = format!("{MARK}\n{MARK}{EXPOSURE}\r\n");
    let recorder = read_ledger(&marked_definition(), &marked, |_| ()).unwrap();
    assert_eq!(recorder.arm_of("a"), Some(Arm::Incumbent));
    let summary = serde_json::to_string(recorder.tally()).unwrap();
    let read = Tally::parse(format!("{MARK}{summary}").as_bytes(), &definition()).unwrap();
    assert_eq!(&read, recorder.tally());
    let event = Event::parse(&format!("{MARK}{EXPOSURE}"), 7).unwrap();
    assert_eq!(event, Event::exposure("a", Arm::Incumbent, 10));
}

fn marked_definition() -> Definition {
    Definition::parse(format!("{MARK}{}", definition_json()).as_bytes()).unwrap()
}

#[test]
fn faults_are_typed_and_placed() {
    let suite = |text: &str| match Suite::parse("s", text.as_bytes()).unwrap_err() {
        SuiteError::LineMalformed { line, reason } => (line, reason.to_string()),
        other => panic!("{other}"),
    };
    let ledger = |text: &str| match read_ledger(&definition(), text, |_| ()).unwrap_err() {
        ExperimentError::LineMalformed { line, reason } => (line, reason.to_string()),
        other => panic!("{other}"),
    };
    let blank = "\n".repeat(20_000);
    let array = "this is a JSON array";
    let whole = "it is not complete";
    for ((found, reason), line, says) in [
        (suite(&format!("[{ITEM}]")), 1, array),
        (ledger(&format!("\n[{EXPOSURE}\n]")), 2, array),
        (suite("\n\n{\n"), 3, whole),
        (ledger("{\n"), 1, whole),
        (suite(&blank), 10_001, "10000 blank lines"),
        (ledger(&blank), 10_001, "10000 blank lines"),
        (
            ledger(&format!("{EXPOSURE}\n{}", "x".repeat(2 << 20))),
            2,
            "longer than 1048576 bytes",
        ),
        (
            suite(&ITEM.replace("\"?\"", "null")),
            1,
            "`question` must be text, found null",
        ),
        (
            suite(&ITEM.replace("\"y\"", "3")),
            1,
            "`choices[1]` must be text, found a number",
        ),
        (
            ledger(&EXPOSURE.replace("\"a\"", "[]")),
            1,
            "`unit` must be text, found a list",
        ),
        (
            ledger(&EXPOSURE.replace("10", "\"10\"")),
            1,
            "`at_s` must be a whole number, found text",
        ),
        (
            ledger(&EXPOSURE.replace("\"unit\"", "\"unti\"")),
            1,
            "unknown field `unti`",
        ),
    ] {
        assert_eq!(found, line, "{reason}");
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    }
    let event = Event::parse("", 7).unwrap_err();
    assert!(
        event.to_string().starts_with("line 7: it is empty"),
        "{event}"
    );
    let report = RewardReport::parse(br#"{"comparisons": "60"}"#).unwrap_err();
    assert!(matches!(report, RewardError::ReportMalformed { .. }));
    assert!(
        report
            .to_string()
            .contains("`comparisons` must be a whole number"),
        "{report}"
    );
}

#[test]
fn milliseconds_are_no_moments() {
    let told = |error: ExperimentError| {
        let ExperimentError::NotSeconds(not) = error else {
            panic!("{error}");
        };
        assert_eq!((not.found, not.unit), (MILLISECONDS, "milliseconds"));
    };
    let mut recorder = Recorder::new(definition()).unwrap();
    told(
        recorder
            .expose("a", Arm::Incumbent, MILLISECONDS)
            .unwrap_err(),
    );
    assert_eq!(recorder.arm_of("a"), None, "an error changes nothing");
    recorder.expose("a", Arm::Incumbent, 10).unwrap();
    told(recorder.end(MILLISECONDS).unwrap_err());
    told(decide(&definition(), recorder.tally(), MILLISECONDS, false).unwrap_err());
    // The year 9999 can be asked about.
    assert!(decide(&definition(), recorder.tally(), 253_402_300_799, false).is_ok());
    let mut tally = recorder.tally().clone();
    tally.last_at_s = Some(MILLISECONDS);
    let summary = serde_json::to_vec(&tally).unwrap();
    told(Tally::parse(&summary, &definition()).unwrap_err());
}
