//! Counts of several runs: what is added once, and what no device can have seen.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_judge::experiment::{
    Arm, Definition, Event, ExperimentError, Measure, Outcome, Reason, Recorder, Tally, Verdict,
    decide, read_ledger,
};
use serde_json::{Value, json};

const DAY_S: i64 = 86_400;

fn definition(design: &str) -> Definition {
    let measure = match design {
        "side_by_side" => "pick",
        _ => "thumb",
    };
    let definition = json!({
        "format": 1,
        "id": "runs",
        "hypothesis": "None.",
        "design": design,
        "salt": "runs",
        "arms": { "incumbent": { "name": "as it is" }, "challenger": { "name": "brief" } },
        "metrics": [{ "measure": measure, "role": "primary" }],
        "limits": { "maxOutcomes": 400, "maxDays": 28 },
    });
    Definition::parse(definition.to_string().as_bytes()).unwrap()
}

fn thumbs() -> Definition {
    definition("by_conversation")
}

/// A conversation of each arm, with a thumb up for each.
fn fill(recorder: &mut Recorder) {
    recorder.expose("a", Arm::Incumbent, 10).unwrap();
    recorder.expose("b", Arm::Challenger, 10).unwrap();
    for unit in ["a", "b"] {
        let up = Outcome::Value(1.0);
        recorder.record(unit, Measure::Thumb, up, 20).unwrap();
    }
}

fn of_run(run: &str) -> Recorder {
    let mut recorder = Recorder::for_run(thumbs(), run).unwrap();
    fill(&mut recorder);
    recorder
}

#[test]
fn a_run_is_counted_once() {
    let [one, other] = ["one", "other"].map(of_run);
    let json = serde_json::to_vec(one.tally()).unwrap();
    assert_eq!(Tally::parse(&json, &thumbs()).unwrap(), *one.tally());
    let mut sum = one.tally().clone();
    sum.merge(other.tally()).unwrap();
    assert_eq!(sum.exposures, [2, 2]);
    let before = sum.clone();
    let run = "other".to_owned();
    let twice = Err(ExperimentError::DuplicateRun { run });
    assert_eq!(sum.merge(other.tally()), twice);
    assert_eq!(sum, before, "a refusal changes nothing");
    // A sum is refused too where it holds the run.
    assert!(other.tally().clone().merge(&sum).is_err());
}

#[test]
fn counts_without_a_run_are_as_before() {
    let mut recorder = Recorder::new(thumbs()).unwrap();
    fill(&mut recorder);
    let json = serde_json::to_string(recorder.tally()).unwrap();
    assert!(!json.contains("runs") && !json.contains("ended"), "{json}");
    let mut sum = recorder.tally().clone();
    sum.merge(recorder.tally()).unwrap();
    assert_eq!(sum.exposures, [2, 2]);
}

#[test]
fn a_ledger_may_begin_with_its_run() {
    let start = |experiment: String, run: &str| {
        let run = run.to_owned();
        Event::Start { experiment, run }.line()
    };
    let good = start(thumbs().sha256(), "one");
    let shown = Event::exposure("a", Arm::Incumbent, 10).line();
    let read = |lines: &[&str]| read_ledger(&thumbs(), &lines.join("\n"), |_| ());
    let recorder = read(&[&good, &shown]).unwrap();
    assert!(recorder.tally().runs.contains("one"));
    assert!(read(&[&shown]).unwrap().tally().runs.is_empty());

    let refused = |lines: &[&str]| match read(lines).unwrap_err() {
        ExperimentError::Line { line, source } => (line, *source),
        other => panic!("{other}"),
    };
    let not_first = ExperimentError::StartNotFirst;
    assert_eq!(refused(&[&shown, &good]), (2, not_first.clone()));
    assert_eq!(refused(&[&good, &good]), (2, not_first.clone()));
    let another = start("0".repeat(64), "one");
    let (line, error) = refused(&[&another]);
    assert!(line == 1 && matches!(error, ExperimentError::OtherExperiment { .. }));
    for bad in ["", &"x".repeat(65)] {
        let bad = start(thumbs().sha256(), bad);
        assert_eq!(refused(&[&bad]), (1, ExperimentError::RunInvalid));
    }
    // A recorder made for a run reads that run's ledger, and no other's.
    let begin = Event::parse(&good, 1).unwrap();
    let mut same = Recorder::for_run(thumbs(), "one").unwrap();
    assert_eq!(same.take(&begin), Ok(()));
    let mut other = Recorder::for_run(thumbs(), "other").unwrap();
    assert_eq!(other.take(&begin), Err(not_first));
    let nameless = Recorder::for_run(thumbs(), "").unwrap_err();
    assert_eq!(nameless, ExperimentError::RunInvalid);
}

#[test]
fn what_no_device_can_have_seen_is_refused() {
    let good = serde_json::to_value(of_run("one").tally()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut json = good.clone();
        change(&mut json);
        match Tally::parse(json.to_string().as_bytes(), &thumbs()).unwrap_err() {
            ExperimentError::SummaryMalformed { reason } => reason,
            other => panic!("{other}"),
        }
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, &str); 7] = [
        // As many outcomes as exposures, of an arm that was not shown.
        (&|it| it["exposures"] = json!([2, 0]), "more outcomes"),
        (&|it| it["startedAtS"] = i64::MIN.into(), "before 1970"),
        (&|it| it["lastAtS"] = (-1).into(), "before 1970"),
        (&|it| it["startedAtS"] = 21.into(), "after its end"),
        (
            &|it| drop(it.as_object_mut().unwrap().remove("startedAtS")),
            "no start",
        ),
        (&|it| it["runs"] = json!([""]), "run's id"),
        (&|it| it["runs"] = json!(["x".repeat(65)]), "run's id"),
    ];
    for (change, says) in cases {
        let reason = refused(change);
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    }
    let picks = definition("side_by_side");
    let pick = |difference: u64| {
        let difference = difference.to_string();
        let pick = json!({ "experiment": picks.sha256(), "exposures": [1, 1], "startedAtS": 1,
            "lastAtS": 2, "outcomes": { "pick": { "paired": { "differences": { &difference: 1 },
            "incumbent_sum": 0, "challenger_sum": difference.parse::<u64>().unwrap() } } } });
        Tally::parse(pick.to_string().as_bytes(), &picks).map(|tally| tally.count(Measure::Pick))
    };
    assert_eq!(pick(1_000), Ok(1));
    let reason = "a grade or a count is out of range".to_owned();
    let half = Err(ExperimentError::SummaryMalformed { reason });
    assert_eq!(pick(500), half);
    let mut recorder = Recorder::new(thumbs()).unwrap();
    let at_s = i64::MIN;
    let early = Err(ExperimentError::MomentNegative { at_s });
    assert_eq!(recorder.expose("a", Arm::Incumbent, at_s), early);
    // Whoever makes a tally by other ways finds it checked before the verdict.
    let mut tally = of_run("one").tally().clone();
    tally.exposures = [2, 0];
    assert!(decide(&thumbs(), &tally, 20, false).is_err());
}

#[test]
fn an_end_and_a_limit_stay_what_they_were() {
    let reason = |tally: &Tally, now_s: i64| {
        let decision = decide(&thumbs(), tally, now_s, false).unwrap();
        decision.reason
    };
    let mut recorder = of_run("one");
    assert_eq!(reason(recorder.tally(), 27 * DAY_S), Reason::NotYet);
    assert_eq!(reason(recorder.tally(), i64::MIN), Reason::NotYet);
    assert_eq!(reason(recorder.tally(), i64::MAX), Reason::DayLimit);
    let mut early = recorder.clone();
    early.end(5 * DAY_S).unwrap();
    // Asked long after: it was ended before the limit.
    assert_eq!(reason(early.tally(), 99 * DAY_S), Reason::EndedByHand);
    recorder.end(29 * DAY_S).unwrap();
    assert_eq!(reason(recorder.tally(), 30 * DAY_S), Reason::DayLimit);
    // A clock that is behind does not put the limit off.
    let mut late = of_run("two");
    late.expose("c", Arm::Incumbent, 29 * DAY_S).unwrap();
    assert_eq!(reason(late.tally(), 20), Reason::DayLimit);
    // An end on one of two devices is an end; its summary says so.
    let mut sum = of_run("three").tally().clone();
    let json = serde_json::to_vec(early.tally()).unwrap();
    sum.merge(&Tally::parse(&json, &thumbs()).unwrap()).unwrap();
    let decision = decide(&thumbs(), &sum, 6 * DAY_S, false).unwrap();
    assert_eq!(
        (decision.verdict, decision.reason),
        (Verdict::Inconclusive, Reason::EndedByHand)
    );
    assert!(decision.sentence.contains("“as it is” stays"));
}
