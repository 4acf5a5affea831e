//! Experiments from definition to verdict, and what is refused on the way.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use pocketune_judge::experiment::{
    Arm, Decision, Definition, DesignKind, ExperimentError, Forecast, Measure, Outcome, Outcomes,
    Pick, Reason, Recorder, Tally, Verdict, World, decide, read_ledger, simulate,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn definition_json() -> Value {
    json!({
        "format": 1,
        "id": "brief-replies",
        "hypothesis": "Short replies are picked more often.",
        "design": "side_by_side",
        "salt": "brief-replies",
        "arms": {
            "incumbent": { "name": "base" },
            "challenger": { "name": "brief" },
        },
        "metrics": [
            { "measure": "pick", "role": "primary" },
            { "measure": "critic_score", "role": "secondary" },
            { "measure": "refusal", "role": "guardrail", "margin": 0.1 },
        ],
        "limits": { "minOutcomes": 10, "maxOutcomes": 400, "maxDays": 28 },
    })
}

fn definition() -> Definition {
    Definition::parse(definition_json().to_string().as_bytes()).unwrap()
}

fn by_conversation() -> Definition {
    let mut json = definition_json();
    json["design"] = "by_conversation".into();
    json["metrics"] = json!([
        { "measure": "thumb", "role": "primary" },
        { "measure": "first_token_ms", "role": "guardrail" },
    ]);
    Definition::parse(json.to_string().as_bytes()).unwrap()
}

/// So many picks of the challenger, the incumbent and neither, none of which refuses.
fn picked([challenger, incumbent, ties]: [usize; 3]) -> Recorder {
    let mut recorder = Recorder::new(definition()).unwrap();
    let picks = std::iter::repeat_n(Pick::Challenger, challenger)
        .chain(std::iter::repeat_n(Pick::Incumbent, incumbent))
        .chain(std::iter::repeat_n(Pick::Tie, ties));
    for (index, pick) in picks.enumerate() {
        let unit = format!("turn-{index}");
        let arm = definition().assign(&unit, None).unwrap();
        recorder.expose(&unit, arm, 1).unwrap();
        recorder
            .record(&unit, Measure::Pick, Outcome::Pick(pick), 1)
            .unwrap();
        let none = Outcome::Pair {
            incumbent: 0.0,
            challenger: 0.0,
        };
        recorder.record(&unit, Measure::Refusal, none, 1).unwrap();
    }
    recorder
}

fn verdict(counts: [usize; 3]) -> (Verdict, Reason) {
    let recorder = picked(counts);
    let decision = decide(&definition(), recorder.tally(), 2, false).unwrap();
    (decision.verdict, decision.reason)
}

/// Of the same picks where so many outcomes are asked for.
fn decided_with_least(min_outcomes: u64, counts: [usize; 3]) -> Decision {
    let mut definition = definition();
    definition.limits.min_outcomes = min_outcomes;
    let mut tally = picked(counts).tally().clone();
    tally.experiment = definition.sha256();
    decide(&definition, &tally, 2, false).unwrap()
}

#[test]
fn picks_decide_once_they_prove_something() {
    assert_eq!(verdict([0, 0, 0]), (Verdict::KeepGoing, Reason::NotYet));
    assert_eq!(verdict([9, 3, 2]), (Verdict::KeepGoing, Reason::NotYet));
    assert_eq!(
        verdict([60, 10, 5]),
        (Verdict::Promote, Reason::PrimaryBetter)
    );
    assert_eq!(
        verdict([10, 60, 5]),
        (Verdict::RollBack, Reason::PrimaryWorse)
    );
    assert_eq!(
        verdict([200, 200, 0]),
        (Verdict::Inconclusive, Reason::OutcomeLimit)
    );
    let at_least = |outcomes| decided_with_least(outcomes, [60, 10, 5]);
    assert_eq!(at_least(75).verdict, Verdict::Promote);
    let early = at_least(100);
    assert_eq!(
        (early.verdict, early.reason),
        (Verdict::KeepGoing, Reason::TooFewOutcomes)
    );
    assert_eq!(early.forecast, Forecast::MoreOutcomes(25));
    assert!(early.sentence.contains("“brief” looks better"));
    // What harms goes sooner.
    let worse = decided_with_least(100, [10, 60, 5]);
    assert_eq!(worse.reason, Reason::PrimaryWorse);
}

/// The challenger is always picked; refusals are as told of each unit.
fn always_picked(units: u32, refusals: impl Fn(u32) -> Outcome) -> Recorder {
    let mut recorder = Recorder::new(definition()).unwrap();
    for index in 0..units {
        let unit = format!("turn-{index}");
        let arm = definition().assign(&unit, None).unwrap();
        recorder.expose(&unit, arm, 1).unwrap();
        let pick = Outcome::Pick(Pick::Challenger);
        recorder.record(&unit, Measure::Pick, pick, 1).unwrap();
        let refusal = refusals(index);
        recorder
            .record(&unit, Measure::Refusal, refusal, 1)
            .unwrap();
    }
    recorder
}

#[test]
fn a_harmed_guardrail_rolls_back_however_well_liked() {
    let recorder = always_picked(60, |index| Outcome::Pair {
        incumbent: 0.0,
        challenger: f64::from(u8::from(index % 2 == 0)),
    });
    let decision = decide(&definition(), recorder.tally(), 2, false).unwrap();
    assert_eq!(decision.verdict, Verdict::RollBack);
    assert_eq!(decision.reason, Reason::GuardrailHarmed(Measure::Refusal));
    assert!(
        decision.sentence.contains("refusal"),
        "{}",
        decision.sentence
    );
}

#[test]
fn what_a_guardrail_leaves_open_is_waited_for_and_named() {
    // One of both refuses each time: equal, and noisy.
    let recorder = always_picked(60, |index| Outcome::Pair {
        incumbent: f64::from(index % 2),
        challenger: f64::from(1 - index % 2),
    });
    let at = |by_hand| decide(&definition(), recorder.tally(), 2, by_hand).unwrap();
    let running = at(false);
    assert_eq!(running.verdict, Verdict::KeepGoing);
    assert_eq!(running.reason, Reason::GuardrailOpen(Measure::Refusal));
    assert!(
        !matches!(running.forecast, Forecast::MoreOutcomes(0)),
        "the picks alone are enough: {:?}",
        running.forecast
    );
    let ended = at(true);
    assert_eq!(ended.reason, Reason::EndedByHand);
    let names = "refusal was not shown to be unharmed before it was ended (refusal: 0.0 points";
    assert!(ended.sentence.contains(names), "{}", ended.sentence);
}

#[test]
fn days_and_hands_end_it_and_the_incumbent_stays() {
    let recorder = picked([9, 3, 2]);
    let at = |now_s, by_hand| {
        let decision = decide(&definition(), recorder.tally(), now_s, by_hand).unwrap();
        (decision.verdict, decision.reason)
    };
    assert_eq!(at(27 * 86_400, false).0, Verdict::KeepGoing);
    let late = (Verdict::Inconclusive, Reason::DayLimit);
    assert_eq!(at(29 * 86_400, false), late);
    let ended = (Verdict::Inconclusive, Reason::EndedByHand);
    assert_eq!(at(2, true), ended);
}

#[test]
fn arms_that_do_not_follow_their_weights_block_the_verdict() {
    let definition = by_conversation();
    let mut recorder = Recorder::new(definition.clone()).unwrap();
    for index in 0..300 {
        let unit = format!("chat-{index}");
        // Every other conversation of the incumbent is lost.
        let arm = match index % 3 {
            0 => Arm::Incumbent,
            _ => Arm::Challenger,
        };
        recorder.expose(&unit, arm, 1).unwrap();
        let thumb = f64::from(u8::from(arm == Arm::Challenger));
        recorder
            .record(&unit, Measure::Thumb, Outcome::Value(thumb), 1)
            .unwrap();
    }
    let decision = decide(&definition, recorder.tally(), 2, false).unwrap();
    assert_eq!(decision.verdict, Verdict::Inconclusive);
    assert_eq!(decision.reason, Reason::SampleRatio);
}

#[test]
fn the_forecast_shrinks_as_picks_come() {
    let more = |counts| {
        let recorder = picked(counts);
        decide(&definition(), recorder.tally(), 2, false)
            .unwrap()
            .forecast
    };
    assert_eq!(more([0, 0, 0]), Forecast::Unknown);
    assert_eq!(more([5, 5, 0]), Forecast::BeyondLimit);
    let (Forecast::MoreOutcomes(early), Forecast::MoreOutcomes(late)) =
        (more([7, 3, 0]), more([28, 12, 0]))
    else {
        panic!("no estimate");
    };
    assert!(late < early && early <= 120, "{early}, then {late}");
}

#[test]
fn devices_add_up_without_texts() {
    let mut whole = picked([20, 10, 3]).tally().clone();
    let definition = definition();
    let other = serde_json::to_vec(picked([30, 5, 1]).tally()).unwrap();
    assert!(!String::from_utf8_lossy(&other).contains("turn-"));
    whole
        .merge(&Tally::parse(&other, &definition).unwrap())
        .unwrap();
    let together = picked([50, 15, 4]);
    assert_eq!(whole.outcomes, together.tally().outcomes);
    let decisions = [&whole, together.tally()]
        .map(|tally| decide(&definition, tally, 2, false).unwrap().metrics);
    assert_eq!(decisions[0], decisions[1]);
}

#[test]
fn summaries_that_cannot_be_are_refused() {
    let definition = definition();
    let good = serde_json::to_value(picked([3, 2, 1]).tally()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut json = good.clone();
        change(&mut json);
        Tally::parse(json.to_string().as_bytes(), &definition).unwrap_err()
    };
    let other = refused(&|json| json["experiment"] = "0".repeat(64).into());
    assert!(matches!(other, ExperimentError::OtherExperiment { .. }));
    let malformed = |change: &dyn Fn(&mut Value)| {
        assert!(matches!(
            refused(change),
            ExperimentError::SummaryMalformed { .. }
        ));
    };
    malformed(&|json| json["more"] = 1.into());
    malformed(&|json| json["exposures"] = json!([1, 1]));
    malformed(&|json| json["exposures"] = json!([1_u64 << 50, 1]));
    malformed(&|json| json["outcomes"]["pick"]["paired"]["differences"]["2000"] = 1.into());
    malformed(&|json| json["outcomes"]["pick"]["paired"]["incumbent_sum"] = 1.into());
    let thumb = refused(&|json| json["outcomes"]["thumb"] = json["outcomes"]["pick"].clone());
    assert_eq!(
        thumb,
        ExperimentError::MeasureNotTaken {
            measure: Measure::Thumb
        }
    );
    let mut whole = picked([1, 1, 0]).tally().clone();
    let stranger = Recorder::new(by_conversation()).unwrap();
    assert!(whole.merge(stranger.tally()).is_err());
}

#[test]
fn definitions_that_cannot_be_are_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut json = definition_json();
        change(&mut json);
        match Definition::parse(json.to_string().as_bytes()).unwrap_err() {
            ExperimentError::DefinitionInvalid { field, reason } => {
                assert!(
                    json.get(field.split('.').next().unwrap()).is_some(),
                    "{field}"
                );
                reason.to_owned()
            }
            ExperimentError::DefinitionMalformed { reason } => reason.to_string(),
            other => panic!("{other}"),
        }
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, &str); 16] = [
        (&|it| it["surprise"] = 1.into(), "unknown field"),
        (&|it| it["format"] = 2.into(), "format"),
        (&|it| it["id"] = "Not a name".into(), "id is not"),
        (&|it| it["hashVersion"] = 3.into(), "hashVersion"),
        (&|it| it["coverage"] = 0.into(), "coverage"),
        (&|it| it["weights"] = json!([0.9, 0.2]), "weights"),
        (&|it| it["weights"] = json!([1.0, 0.0]), "weights"),
        (&|it| it["alpha"] = 0.into(), "alpha"),
        (&|it| it["limits"]["maxDays"] = 0.into(), "limit"),
        (
            &|it| it["limits"]["minOutcomes"] = 500.into(),
            "minOutcomes",
        ),
        (
            &|it| it["namespace"] = json!({ "id": "n", "start": 0.5, "end": 0.5 }),
            "namespace",
        ),
        (
            &|it| it["arms"]["challenger"]["name"] = "base".into(),
            "one name",
        ),
        (
            &|it| it["arms"]["challenger"]["adapters"] = json!(["xyz"]),
            "SHA-256",
        ),
        (&|it| it["metrics"][1]["measure"] = "pick".into(), "twice"),
        (&|it| it["metrics"][1]["role"] = "primary".into(), "primary"),
        (
            &|it| it["design"] = "by_conversation".into(),
            "nothing to pick",
        ),
    ];
    for (change, says) in cases {
        let reason = refused(change);
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    }
}

#[test]
fn lines_that_cannot_be_are_named() {
    let refused = |lines: &str| read_ledger(&definition(), lines, |_| ()).unwrap_err();
    let shown = r#"{"event":"exposure","unit":"a","arm":"incumbent","at_s":10}"#;
    let pick =
        r#"{"event":"outcome","unit":"a","measure":"pick","outcome":{"pick":"tie"},"at_s":10}"#;
    let after = |line: &str| match refused(&format!("{shown}\n\n{line}\n")) {
        ExperimentError::Line { line: 3, source } => *source,
        other => panic!("{other}"),
    };
    for torn in [r#"{"event":"expo"#, "[]", r#"{"event":"nothing"}"#] {
        let error = refused(&format!("{shown}\n{torn}"));
        assert!(matches!(
            error,
            ExperimentError::LineMalformed { line: 2, .. }
        ));
    }
    let unit = || "a".to_owned();
    assert_eq!(
        after(shown),
        ExperimentError::DuplicateExposure { unit: unit() }
    );
    let early = shown.replace("\"a\"", "\"b\"").replace("10", "9");
    assert_eq!(
        after(&early),
        ExperimentError::ClockWentBack {
            at_s: 9,
            last_s: 10
        }
    );
    let third = shown
        .replace("\"a\"", "\"b\"")
        .replace("incumbent", "third");
    assert_eq!(
        after(&third),
        ExperimentError::UnknownArm {
            arm: "third".to_owned()
        }
    );
    assert_eq!(
        after(&pick.replace("\"a\"", "\"b\"")),
        ExperimentError::NotExposed { unit: "b".into() }
    );
    let measure = Measure::Pick;
    assert_eq!(
        after(&pick.replace(r#"{"pick":"tie"}"#, r#"{"value":0.5}"#)),
        ExperimentError::OutcomeForm { measure }
    );
    let twice = refused(&format!("{shown}\n{pick}\n{pick}"));
    assert_eq!(
        twice,
        ExperimentError::Line {
            line: 3,
            source: Box::new(ExperimentError::DuplicateOutcome {
                unit: unit(),
                measure
            })
        }
    );
    assert_eq!(
        after(&pick.replace("\"pick\",\"outcome\"", "\"thumb\",\"outcome\"")),
        ExperimentError::MeasureNotTaken {
            measure: Measure::Thumb
        }
    );
    let ended = refused(&format!("{{\"event\":\"end\",\"at_s\":1}}\n{shown}"));
    assert_eq!(
        ended,
        ExperimentError::Line {
            line: 2,
            source: Box::new(ExperimentError::Ended)
        }
    );
}

#[test]
fn values_that_are_no_numbers_are_refused_and_change_nothing() {
    let mut recorder = Recorder::new(by_conversation()).unwrap();
    recorder.expose("a", Arm::Incumbent, 1).unwrap();
    let before = recorder.tally().clone();
    for value in [f64::NAN, f64::INFINITY] {
        let refused = recorder.record("a", Measure::Thumb, Outcome::Value(value), 1);
        assert_eq!(
            refused,
            Err(ExperimentError::NotFinite {
                unit: "a".to_owned(),
                measure: Measure::Thumb
            })
        );
    }
    assert_eq!(*recorder.tally(), before);
    let good = recorder.record("a", Measure::Thumb, Outcome::Value(1.0), 1);
    assert_eq!(good, Ok(()));
}

#[test]
fn assignment_is_sticky_follows_the_weights_and_heeds_coverage() {
    let mut definition = by_conversation();
    definition.weights = [0.8, 0.2];
    definition.coverage = 0.5;
    let arms: Vec<Option<Arm>> = (0..10_000)
        .map(|index| definition.assign(&format!("chat-{index}"), None))
        .collect();
    let share = |arm| arms.iter().filter(|it| **it == arm).count() as f64 / 10_000.0;
    assert!((share(None) - 0.5).abs() < 0.02);
    assert!((share(Some(Arm::Challenger)) - 0.1).abs() < 0.02);
    let outside = (0..100)
        .map(|index| format!("chat-{index}"))
        .find(|unit| definition.assign(unit, None).is_none())
        .unwrap();
    let kept = definition.assign(&outside, Some(Arm::Challenger));
    assert_eq!(kept, Some(Arm::Challenger));
}

#[test]
fn a_simulation_is_the_same_again_and_refuses_nonsense() {
    let world = World {
        outcomes: Outcomes::Rates(BTreeMap::from([(Measure::Pick, [0.3, 0.6])])),
        challenger_share: 0.5,
    };
    let run = |seed| simulate(&definition(), &world, 300, seed);
    assert_eq!(run(1), run(1));
    let mut wrong = world.clone();
    wrong.outcomes = Outcomes::Items(Vec::new());
    let refused = simulate(&definition(), &wrong, 10, 1);
    assert!(matches!(
        refused,
        Err(ExperimentError::SimulationInvalid { .. })
    ));
}

proptest! {
    /// Adding up counts is the same as counting all, in whatever order.
    #[test]
    fn order_is_of_no_account(picks in prop::collection::vec(0..3_usize, 1..60)) {
        let mut counts = [0; 3];
        for &pick in &picks {
            counts[pick] += 1;
        }
        let mut recorder = Recorder::new(definition()).unwrap();
        for (index, &pick) in picks.iter().enumerate() {
            let unit = format!("turn-{index}");
            let arm = definition().assign(&unit, None).unwrap();
            recorder.expose(&unit, arm, 1).unwrap();
            let pick = [Pick::Challenger, Pick::Incumbent, Pick::Tie][pick];
            recorder.record(&unit, Measure::Pick, Outcome::Pick(pick), 1).unwrap();
        }
        let sorted = picked(counts);
        prop_assert_eq!(
            &recorder.tally().outcomes[&Measure::Pick],
            &sorted.tally().outcomes[&Measure::Pick]
        );
        prop_assert_eq!(recorder.definition().design, DesignKind::SideBySide);
    }

    /// No line makes the reader panic.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = read_ledger(&definition(), &text, |_| ());
        let _ = Definition::parse(text.as_bytes());
        let _ = Tally::parse(text.as_bytes(), &definition());
    }
}
