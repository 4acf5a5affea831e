//! Annotators: experts, spammers and adversaries, and who is recognised as what.

use std::collections::HashSet;

use pocketune_judge::reward::{
    Comparisons, ComparisonsBuilder, ReliabilityPrior, TrainingOptions, train,
};
use serde_json::Value;

use crate::synthetic::{
    World, below, comparison, correlation, hashed, reply, sigmoid, signed, source,
};

/// As in tests/reference/crowd_kit.py.
const ITEMS: u32 = 60;
const FEATURES: u32 = 64;
const ANNOTATORS: usize = 20;
const RELIABILITIES: [u32; ANNOTATORS] = [
    95, 95, 92, 90, 90, 88, 85, 85, 80, 80, 75, 70, 65, 60, 55, 50, 50, 45, 20, 10,
];
const FEATURE: u32 = 1_000;
const PAIR: u32 = 100_000;
const ANSWER: u32 = 200_000;

/// What Crowd-Kit was given and what it made of it.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../tests/reference/crowd_kit.json")).unwrap()
}

fn features(item: u32) -> Vec<f32> {
    (0..FEATURES)
        .map(|feature| signed(FEATURE + item * FEATURES + feature))
        .collect()
}

fn score(item: u32) -> f64 {
    let parts = features(item).into_iter().enumerate();
    let parts = parts.map(|(weight, x)| f64::from(signed(weight as u32)) * f64::from(x));
    0.75 * parts.sum::<f64>()
}

/// Annotator, left and right item, whether the left one was chosen.
fn answers(count: usize) -> Vec<(usize, u32, u32, bool)> {
    let scores: Vec<f64> = (0..ITEMS).map(score).collect();
    let mut found = Vec::new();
    let mut asked = HashSet::new();
    for index in 0.. {
        if found.len() == count {
            break;
        }
        let annotator = found.len() % ANNOTATORS;
        let [a, b] = [0, 1].map(|side| hashed(PAIR + 2 * index + side) % ITEMS);
        if a == b || !asked.insert((annotator, a.min(b), a.max(b))) {
            continue;
        }
        let chance = sigmoid(scores[a as usize] - scores[b as usize]);
        let prefers_a = below(chance, ANSWER + 2 * (index + 1));
        let reliability = f64::from(RELIABILITIES[annotator]) / 100.0;
        let as_meant = below(reliability, ANSWER + 2 * (index + 1) + 1);
        found.push((annotator, a, b, prefers_a == as_meant));
    }
    found
}

fn comparisons(answers: &[(usize, u32, u32, bool)]) -> Comparisons {
    let mut builder = ComparisonsBuilder::new(FEATURES as usize);
    let items: Vec<_> = (0..ITEMS)
        .map(|item| {
            let reply = reply(format!("item {item}"), &features(item));
            builder.reply(reply).unwrap()
        })
        .collect();
    for (id, &(annotator, a, b, left)) in answers.iter().enumerate() {
        let (a, b) = (items[a as usize], items[b as usize]);
        let (chosen, rejected) = if left { (a, b) } else { (b, a) };
        let annotator = format!("annotator {annotator}");
        builder
            .comparison(comparison(id, &annotator, chosen, rejected))
            .unwrap();
    }
    builder.build(1).unwrap()
}

fn truth() -> Vec<f64> {
    RELIABILITIES
        .map(|percent| f64::from(percent) / 100.0)
        .to_vec()
}

#[test]
fn reliabilities_are_found_at_least_as_well_as_by_crowd_kit() {
    let reference = reference();
    let answers = answers(3000);
    let known: Vec<(usize, u32, u32, u8)> =
        serde_json::from_value(reference["comparisons"].clone()).unwrap();
    let made: Vec<_> = answers
        .iter()
        .map(|&(annotator, a, b, left)| (annotator, a, b, u8::from(left)))
        .collect();
    assert!(made == known, "Crowd-Kit was given other comparisons");

    let trained = train(
        &comparisons(&answers),
        source(),
        &TrainingOptions::default(),
    )
    .unwrap();
    let table = &trained.report.reliabilities;
    assert!(table.estimated);
    let found: Vec<f64> = table.annotators.iter().map(|one| one.reliability).collect();
    let truth = truth();
    let ours = correlation(&found, &truth);
    let skills = |result: &str| -> Vec<f64> {
        serde_json::from_value(reference[result]["skills"].clone()).unwrap()
    };
    for result in ["released", "minimum"] {
        let theirs = correlation(&skills(result), &truth);
        println!(
            "reliability, correlation with the truth: {ours:.4}; Crowd-Kit {result} {theirs:.4}"
        );
        assert!(ours >= theirs);
    }
    // Crowd-Kit's model has no adversaries: the same without them.
    let plain: Vec<usize> = (0..ANNOTATORS).filter(|&k| truth[k] >= 0.5).collect();
    let of = |values: &[f64]| -> Vec<f64> { plain.iter().map(|&k| values[k]).collect() };
    let ours_plain = correlation(&of(&found), &of(&truth));
    let theirs_plain = correlation(&of(&skills("minimum")), &of(&truth));
    println!("without adversaries: {ours_plain:.4}; Crowd-Kit {theirs_plain:.4}");
    println!("found {found:.2?}");
    assert!(ours > 0.95);
    assert!(ours_plain > theirs_plain - 0.02);
}

#[test]
fn most_intervals_hold_the_truth() {
    let trained = train(
        &comparisons(&answers(3000)),
        source(),
        &TrainingOptions::default(),
    );
    let table = trained.unwrap().report.reliabilities.annotators;
    let held = table.iter().zip(truth()).filter(|(one, truth)| {
        let interval = one.interval.unwrap();
        assert_eq!(one.comparisons, 150);
        assert!(one.standard_error.unwrap() > 0.0);
        interval.low <= *truth && *truth <= interval.high
    });
    let held = held.count();
    println!("{held} of {ANNOTATORS} intervals hold the truth");
    assert!(held >= 17);
}

/// Scores of all items by a head, against the truth.
fn agreement(options: &TrainingOptions) -> f64 {
    let head = train(&comparisons(&answers(1000)), source(), options);
    let head = head.unwrap().head;
    let items = 0..ITEMS;
    let scores: Vec<f64> = items
        .clone()
        .map(|item| head.score(&features(item)).unwrap())
        .collect();
    correlation(&scores, &items.map(score).collect::<Vec<_>>())
}

#[test]
fn knowing_annotators_makes_a_better_head_than_believing_all() {
    let aware = agreement(&TrainingOptions::default());
    // Answers cannot outweigh this.
    let prior = ReliabilityPrior {
        faithful: 1e6,
        flipped: 1.0,
    };
    let blind = agreement(&TrainingOptions {
        prior,
        ..TrainingOptions::default()
    });
    println!("scores, correlation with the truth: {aware:.4}, believing all {blind:.4}");
    assert!(aware > blind + 0.05);
}

#[test]
fn an_adversary_is_read_the_other_way_round() {
    let world = World {
        features: 16,
        spread: 3.0,
        annotators: vec![0.95, 0.95, 0.05, 0.9],
    };
    let comparisons = world.comparisons(400, 1);
    let report = train(&comparisons, source(), &TrainingOptions::default());
    let report = report.unwrap().report;
    let found: Vec<f64> = report
        .reliabilities
        .annotators
        .iter()
        .map(|one| one.reliability)
        .collect();
    assert!(
        found[2] < 0.2 && found[0] > 0.8 && found[1] > 0.8,
        "{found:?}"
    );
    assert!(report.accuracy.share > 0.75);
}

#[test]
fn a_single_annotator_is_believed_and_the_report_says_so() {
    let comparisons = World::of_one(16, 2.0).comparisons(100, 1);
    let trained = train(&comparisons, source(), &TrainingOptions::default()).unwrap();
    let table = &trained.report.reliabilities;
    assert!(!table.estimated);
    let [one] = &table.annotators[..] else {
        panic!("one annotator")
    };
    assert_eq!((one.reliability, one.comparisons), (1.0, 100));
    assert_eq!((one.standard_error, one.interval), (None, None));
}
