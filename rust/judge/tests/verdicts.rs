//! What a verdict rests on: outcomes of both arms, levels that agree with what is shown,
//! words that say what the goal was.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_judge::experiment::{
    Definition, Forecast, MeasureEvidence, Reason, Tally, Verdict, decide, proves,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn definition(change: impl Fn(&mut Value)) -> Definition {
    let mut definition = json!({
        "format": 1,
        "id": "verdicts",
        "hypothesis": "None.",
        "design": "by_conversation",
        "salt": "verdicts",
        "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
        "metrics": [{ "measure": "thumb", "role": "primary" }],
        "limits": { "maxOutcomes": 4_000, "maxDays": 28 },
    });
    change(&mut definition);
    Definition::parse(definition.to_string().as_bytes()).unwrap()
}

/// Exposures of each arm, and grades of the incumbent and the challenger by measure.
fn tally(definition: &Definition, exposures: [u64; 2], outcomes: &Value) -> Tally {
    let json = json!({ "experiment": definition.sha256(), "exposures": exposures,
        "startedAtS": 1, "lastAtS": 2, "outcomes": outcomes });
    Tally::parse(json.to_string().as_bytes(), definition).unwrap()
}

fn grades(incumbent: &Value, challenger: &Value) -> Value {
    json!({ "split": { "incumbent": incumbent, "challenger": challenger } })
}

#[test]
fn thumbs_of_one_arm_promote_nothing() {
    let definition = definition(|_| ());
    let nine = grades(&json!({}), &json!({ "1000": 9 }));
    let seen = tally(&definition, [9, 9], &json!({ "thumb": nine }));
    let decision = decide(&definition, &seen, 2, false).unwrap();
    assert_eq!(decision.verdict, Verdict::KeepGoing);
    // 90 % up in both, given by 10 and by 15 %.
    let equal = grades(
        &json!({ "0": 16, "1000": 144 }),
        &json!({ "0": 24, "1000": 216 }),
    );
    let seen = tally(&definition, [1_600, 1_600], &json!({ "thumb": equal }));
    let decision = decide(&definition, &seen, 2, false).unwrap();
    assert_eq!(decision.reason, Reason::NotYet);
    let evidence = &decision.metrics[0];
    assert!(evidence.log_e_better < 0.0 && evidence.log_e_worse < 0.0);
}

#[test]
fn a_guardrail_without_outcomes_leaves_the_forecast_open() {
    let definition = definition(|it| {
        it["metrics"] = json!([
            { "measure": "thumb", "role": "primary" },
            { "measure": "refusal", "role": "guardrail" },
        ]);
    });
    let better = grades(
        &json!({ "0": 50, "1000": 50 }),
        &json!({ "0": 20, "1000": 80 }),
    );
    let forecast = |outcomes: &Value| {
        let seen = tally(&definition, [100, 100], outcomes);
        decide(&definition, &seen, 2, false).unwrap().forecast
    };
    assert_eq!(forecast(&json!({ "thumb": better })), Forecast::Unknown);
    let worse = grades(
        &json!({ "0": 20, "1000": 80 }),
        &json!({ "0": 40, "1000": 60 }),
    );
    let Forecast::MoreOutcomes(_) = forecast(&json!({ "thumb": worse })) else {
        panic!("a roll-back needs no guardrail");
    };
    let none_refuses = grades(&json!({ "1000": 100 }), &json!({ "1000": 100 }));
    let both = json!({ "thumb": better, "refusal": none_refuses });
    assert!(matches!(forecast(&both), Forecast::MoreOutcomes(_)));
}

#[test]
fn the_sentence_says_what_the_goal_was() {
    let goal = |least: u64| {
        definition(|it| {
            it["goal"] = json!({ "not_worse_by": 0.1 });
            it["limits"]["minOutcomes"] = least.into();
        })
    };
    let says = |definition: &Definition, outcomes: [Value; 2], ended: bool| {
        let [incumbent, challenger] = &outcomes;
        let outcomes = json!({ "thumb": grades(incumbent, challenger) });
        let seen = tally(definition, [1_000, 1_000], &outcomes);
        decide(definition, &seen, 2, ended).unwrap().sentence
    };
    let equal = || {
        [
            json!({ "0": 100, "1000": 900 }),
            json!({ "0": 100, "1000": 900 }),
        ]
    };
    let worse = || {
        [
            json!({ "0": 100, "1000": 900 }),
            json!({ "0": 500, "1000": 500 }),
        ]
    };
    let cases = [
        (
            says(&goal(0), equal(), false),
            "Promote “brief”: it is not worse by 10.0 points",
        ),
        (
            says(&goal(0), worse(), false),
            "Roll “brief” back: it is worse by 10.0 points or more",
        ),
        (
            says(&goal(3_000), equal(), false),
            "“brief” looks not worse by 10.0 points or more",
        ),
        (
            says(&goal(3_000), equal(), true),
            "it looks not worse by 10.0 points or more",
        ),
    ];
    for (sentence, says) in cases {
        assert!(
            sentence.contains(says),
            "{sentence:?} does not say {says:?}"
        );
    }
}

#[test]
fn shares_are_those_of_the_hash() {
    let share = |version: u32, coverage: f64, weights: [f64; 2]| {
        let definition = definition(|it| {
            it["hashVersion"] = version.into();
            it["coverage"] = coverage.into();
            it["weights"] = json!(weights);
        });
        let mut exposures = [0.0; 2];
        for unit in 0..200_000 {
            if let Some(arm) = definition.assign(&format!("unit {unit}"), None) {
                *arm.of(exposures.each_mut()) += 1.0;
            }
        }
        let seen = exposures[1] / (exposures[0] + exposures[1]);
        (definition.shares()[1], seen)
    };
    assert_eq!(share(2, 1.0, [0.5, 0.5]).0, 0.5);
    // Of 1,000 places 0 to 2 are the incumbent's, and 300 to 306 the challenger's.
    let (ours, seen) = share(1, 0.01, [0.3, 0.7]);
    assert!(
        (ours - 0.7).abs() < 0.05 && (ours - seen).abs() < 0.03,
        "{ours} {seen}"
    );
    let (ours, seen) = share(1, 0.005, [0.5, 0.5]);
    assert_eq!(ours, 0.5);
    assert!((ours - seen).abs() < 0.05);
    let (ours, seen) = share(1, 0.004, [0.7, 0.3]);
    assert!(
        (ours - 2.0 / 5.0).abs() < 1e-9,
        "3 and 2 places, not 7 to 3: {ours}"
    );
    assert!((ours - seen).abs() < 0.05, "{ours} {seen}");
    // The last place is still the incumbent's.
    let nothing = json!({ "format": 1, "id": "a", "hypothesis": "", "design": "by_conversation",
        "salt": "a", "weights": [0.99999, 0.00001], "arms": { "incumbent": { "name": "a" },
        "challenger": { "name": "b" } }, "metrics": [{ "measure": "thumb", "role": "primary" }],
        "limits": { "maxOutcomes": 1, "maxDays": 1 } });
    assert!(Definition::parse(nothing.to_string().as_bytes()).is_err());
}

proptest! {
    /// What is drawn excludes a null value where that is proven, and nowhere else.
    #[test]
    fn picture_and_verdict_agree(
        counts in prop::array::uniform4(0_u64..150),
        guardrail in any::<bool>(),
    ) {
        let definition = definition(|it| {
            it["metrics"] = json!([
                { "measure": if guardrail { "refusal" } else { "thumb" }, "role": "primary" },
                { "measure": if guardrail { "thumb" } else { "refusal" }, "role": "guardrail" },
            ]);
        });
        let [a, b, c, d] = counts;
        let thumbs = grades(&json!({ "0": a, "1000": b }), &json!({ "0": c, "1000": d }));
        let seen = tally(&definition, [400, 400], &json!({ "thumb": thumbs }));
        let decision = decide(&definition, &seen, 2, false).unwrap();
        let plan = decision.alpha;
        let level = if guardrail { plan.guardrail_harmed } else { plan.primary_worse };
        let metric = definition.metrics.iter().find(|it| it.measure.name() == "thumb").unwrap();
        let it = MeasureEvidence::of(&definition, metric, &seen);
        // To a millionth, as far as ends are looked for.
        let clear = |log_e: f64, alpha: f64| (log_e + alpha.ln()).abs() > 1e-3;
        if clear(it.log_e_better, plan.promote) {
            prop_assert_eq!(it.interval.low > it.null, proves(it.log_e_better, plan.promote));
        }
        if clear(it.log_e_worse, level) {
            prop_assert_eq!(it.interval.high < it.null, proves(it.log_e_worse, level));
        }
    }
}
