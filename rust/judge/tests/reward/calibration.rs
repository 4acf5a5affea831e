//! Whether a head is as often right as it says.

use pocketune_judge::reward::{Reliabilities, RewardReport, TrainingOptions, train};

use crate::synthetic::{World, source};

/// Trains on some pairs and looks at 2000 others.
fn evaluate(world: &World, pairs: usize, options: &TrainingOptions) -> (f64, RewardReport) {
    let trained = train(&world.comparisons(pairs, 1), source(), options).unwrap();
    let experts = World {
        annotators: vec![1.0],
        ..*world
    };
    let held_out = experts.comparisons(2000, 2);
    let report = RewardReport::evaluate(&trained.head, &held_out, &Reliabilities::default());
    let (report, temperature) = (report.unwrap(), trained.head.temperature());
    println!(
        "{pairs} pairs: temperature {temperature:.2}, calibration error {:.4} before, {:.4} after; accuracy {:.3} ({:.3} held out in training)",
        report.uncalibrated.expected_calibration_error,
        report.calibrated.expected_calibration_error,
        report.accuracy.share,
        trained.report.accuracy.share,
    );
    (temperature, report)
}

#[test]
fn probabilities_are_what_they_say() {
    let world = World::of_one(64, 2.0);
    let (_, report) = evaluate(&world, 400, &TrainingOptions::default());
    assert!(report.calibrated.expected_calibration_error < 0.05);
    let bins = &report.calibrated.bins;
    assert_eq!(bins.len(), 10);
    assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 2000);
    for bin in bins.iter().filter(|bin| bin.count > 0) {
        assert!(bin.low <= bin.confidence && bin.confidence <= bin.high + 1e-12);
    }
}

#[test]
fn a_head_that_is_too_sure_is_cooled() {
    let world = World::of_one(64, 2.0);
    // No choice but next to no penalty: 150 pairs hardly outnumber the features.
    let options = TrainingOptions {
        margin_scales: vec![100.0],
        ..TrainingOptions::default()
    };
    let (temperature, report) = evaluate(&world, 150, &options);
    let before = report.uncalibrated.expected_calibration_error;
    let after = report.calibrated.expected_calibration_error;
    assert!(temperature > 2.0);
    assert!(before > 0.15 && after < before / 2.0);
}

#[test]
fn unreliable_annotators_do_not_make_it_timid() {
    let world = World {
        features: 64,
        spread: 2.0,
        annotators: vec![0.95, 0.9, 0.85, 0.7, 0.5],
    };
    let (_, report) = evaluate(&world, 1000, &TrainingOptions::default());
    assert!(report.calibrated.expected_calibration_error < 0.05);
}
