//! Whether the head that comes out is the one that was asked for.

use std::time::Instant;

use pocketune_judge::reward::{
    Comparison, Comparisons, ComparisonsBuilder, Edit, EditKind, REWARD_BOUND, RewardError,
    RewardHead, Trained, TrainingOptions, train,
};
use proptest::prelude::*;

use crate::synthetic::{World, comparison, correlation, reply, sigmoid, signed, source};

fn trained(comparisons: &Comparisons, margin_scale: f64) -> Trained {
    let options = TrainingOptions {
        margin_scales: vec![margin_scale],
        ..TrainingOptions::default()
    };
    train(comparisons, source(), &options).unwrap()
}

/// What one unit of each feature adds to the score.
fn slopes(head: &RewardHead) -> Vec<f64> {
    let zero = vec![0.0; head.features()];
    let base = head.score(&zero).unwrap();
    let slope = |feature: usize| {
        let mut one = zero.clone();
        one[feature] = 1.0;
        head.score(&one).unwrap() - base
    };
    (0..head.features()).map(slope).collect()
}

/// The gradient of the penalised loss, computed from the features as they are and by the
/// textbook's formula: largest part, over the number of pairs.
fn gradient(world: &World, pairs: usize, margin_scale: f64) -> f64 {
    let head = trained(&world.comparisons(pairs, 1), margin_scale).head;
    // Chosen and rejected features, made once more.
    let mut features = Vec::new();
    let mut differences = Vec::new();
    for pair in world.pairs(pairs, 1) {
        let difference = pair.0.iter().zip(&pair.1);
        differences.push(
            difference
                .map(|(a, b)| f64::from(a - b))
                .collect::<Vec<_>>(),
        );
        features.extend([pair.0, pair.1]);
    }
    let count = features.len() as f64;
    let scale: Vec<f64> = (0..world.features)
        .map(|f| {
            let column = features.iter().map(|reply| f64::from(reply[f]));
            let mean = column.clone().sum::<f64>() / count;
            (column.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt()
        })
        .collect();
    let squares = differences.iter().flatten().zip(scale.iter().cycle());
    let unit: f64 = squares
        .map(|(difference, scale)| (difference / scale).powi(2))
        .sum();
    let unit = (unit / pairs as f64).sqrt();
    let slopes = slopes(&head);
    let weights = slopes.iter().zip(&scale);
    let mut gradient: Vec<f64> = weights
        .map(|(slope, scale)| slope * scale * unit / margin_scale.powi(2))
        .collect();
    for difference in &differences {
        let parts = difference.iter().zip(&slopes);
        let margin: f64 = parts.map(|(difference, slope)| difference * slope).sum();
        for ((gradient, difference), scale) in gradient.iter_mut().zip(difference).zip(&scale) {
            *gradient -= sigmoid(-margin) * difference / scale / unit;
        }
    }
    let largest = gradient
        .iter()
        .fold(0.0_f64, |most, part| most.max(part.abs()));
    largest / pairs as f64
}

#[test]
fn the_gradient_is_zero_where_pairs_outnumber_features() {
    let found = gradient(&World::of_one(24, 2.0), 300, 4.0);
    println!("largest part of the gradient: {found:.1e}");
    // Weights are rounded to 24 bits.
    assert!(found < 1e-7);
}

#[test]
fn the_gradient_is_zero_where_features_outnumber_pairs() {
    let found = gradient(&World::of_one(300, 2.0), 80, 2.0);
    println!("largest part of the gradient: {found:.1e}");
    assert!(found < 1e-7);
}

#[test]
fn three_wins_and_a_tie_are_odds_of_seven_to_one() {
    let mut builder = ComparisonsBuilder::new(1);
    let better = builder.reply(reply("better", &[3.0])).unwrap();
    let worse = builder.reply(reply("worse", &[1.0])).unwrap();
    for id in 0..4 {
        let comparison = Comparison {
            tie: id == 3,
            ..comparison(id, "expert", better, worse)
        };
        builder.comparison(comparison).unwrap();
    }
    let comparisons = builder.build(1).unwrap();
    // 3½ wins of 4: σ(d) = 7/8 but for the penalty, which pulls by d/τ² against a
    // curvature of 4 · 7/64.
    let scale = 100_f64;
    let odds = 7_f64.ln();
    let expected = odds - odds / scale.powi(2) / (4.0 * 7.0 / 64.0);
    let trained = trained(&comparisons, scale);
    let score = |x: f32| trained.head.score(&[x]).unwrap();
    assert!((score(3.0) - score(1.0) - expected).abs() < 1e-6);
    // Mean and scale of the replies are 2 and 1.
    assert!(score(2.0).abs() < 1e-12);
    assert!((score(5.0) - 1.5 * expected).abs() < 1e-6);
    assert_eq!(trained.report.ties, 1);
}

#[test]
fn rewards_are_whitened_and_bounded() {
    let world = World::of_one(32, 2.0);
    let comparisons = world.comparisons(300, 1);
    let head = trained(&comparisons, 4.0).head;
    let mut rewards = Vec::new();
    let mut scores = Vec::new();
    for (chosen, rejected) in world.pairs(300, 1) {
        for features in [chosen, rejected] {
            rewards.push(head.reward(&features).unwrap());
            scores.push(head.score(&features).unwrap());
        }
    }
    let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
    let variance = rewards.iter().map(|reward| (reward - mean).powi(2));
    let variance = variance.sum::<f64>() / rewards.len() as f64;
    // The bound takes some of the variance of 1.
    assert!(mean.abs() < 0.05, "{mean}");
    assert!((0.7..=1.0).contains(&variance), "{variance}");
    assert!(correlation(&rewards, &scores) > 0.98);
    let far = vec![1e30; 32];
    assert!(head.reward(&far).unwrap().abs() <= REWARD_BOUND);
}

#[test]
fn the_same_arguments_make_the_same_head() {
    let world = World {
        features: 40,
        spread: 2.0,
        annotators: vec![0.95, 0.8, 0.5],
    };
    let comparisons = world.comparisons(150, 1);
    let train = || train(&comparisons, source(), &TrainingOptions::default()).unwrap();
    assert_eq!(train(), train());
}

#[test]
fn constant_features_say_nothing() {
    let mut builder = ComparisonsBuilder::new(3);
    for id in 0..40 {
        let x = signed(id as u32);
        // Rounding noise on a large number, which would give everything away.
        let mut add = |side: &str, x: f32, noise: f32| {
            let features = [x, 7.0, 1e6 + noise];
            builder
                .reply(reply(format!("{id} {side}"), &features))
                .unwrap()
        };
        let (better, worse) = (add("better", x + 0.5, 0.0), add("worse", x, 0.0625));
        let comparison = comparison(id, "expert", better, worse);
        builder.comparison(comparison).unwrap();
    }
    let head = trained(&builder.build(1).unwrap(), 2.0).head;
    let score = |features: &[f32]| head.score(features).unwrap();
    assert!(score(&[1.0, 7.0, 1e6]) > score(&[0.0, 7.0, 1e6]));
    assert_eq!(score(&[1.0, 7.0, 1e6]), score(&[1.0, 700.0, 0.0]));
}

#[test]
fn a_prompt_is_held_out_as_a_whole() {
    const FEATURES: usize = 64;
    let mut builder = ComparisonsBuilder::new(FEATURES);
    // Thirty prompts whose preferences mean nothing, each asked five times with next to the
    // same replies: torn apart, they would be known by heart.
    for (prompt, (chosen, rejected)) in World::of_one(FEATURES, 0.0).pairs(30, 3).iter().enumerate()
    {
        for copy in 0..5 {
            let id = 5 * prompt + copy;
            let mut add = |side: &str, features: &[f32]| {
                let mut features = features.to_vec();
                features[copy] += 0.01;
                builder
                    .reply(reply(format!("{id} {side}"), &features))
                    .unwrap()
            };
            let (chosen, rejected) = (add("chosen", chosen), add("rejected", rejected));
            let comparison = Comparison {
                group: format!("prompt {prompt}"),
                ..comparison(id, "expert", chosen, rejected)
            };
            builder.comparison(comparison).unwrap();
        }
    }
    let report = trained(&builder.build(1).unwrap(), 4.0).report;
    assert!(report.accuracy.share < 0.7, "{:?}", report.accuracy);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A head whose minimum was found, or a refusal; never a panic.
    #[test]
    fn any_finite_features(
        size in -30..30_i32,
        values in prop::collection::vec(prop_oneof![8 => -1.0..1.0_f32, 1 => Just(0.0), 1 => -1e6..1e6_f32], 80),
        ties in prop::collection::vec(any::<bool>(), 10),
        annotators in 1..4_usize,
    ) {
        let mut builder = ComparisonsBuilder::new(4);
        for (id, (pair, &tie)) in values.chunks_exact(8).zip(&ties).enumerate() {
            let sized: Vec<f32> = pair.iter().map(|x| x * 10_f32.powi(size)).collect();
            let chosen = builder.reply(reply(format!("{id} chosen"), &sized[..4])).unwrap();
            let rejected = builder.reply(reply(format!("{id} rejected"), &sized[4..])).unwrap();
            let annotator = format!("annotator {}", id % annotators);
            let comparison = Comparison { tie, ..comparison(id, &annotator, chosen, rejected) };
            builder.comparison(comparison).unwrap();
        }
        let Ok(comparisons) = builder.build(1) else { return Ok(()) };
        match train(&comparisons, source(), &TrainingOptions::default()) {
            Ok(trained) => prop_assert!(trained.fit.gradient_norm < 1e-6),
            Err(refused) => prop_assert!(
                matches!(refused, RewardError::NoDifference | RewardError::NothingLearned),
                "{:?}", refused
            ),
        }
    }
}

/// Preferred replies mostly have more of the last feature, which praise adds.
fn praised(edits: bool) -> Comparisons {
    const FEATURES: usize = 12;
    let world = World::of_one(FEATURES, 1.5);
    let mut builder = ComparisonsBuilder::new(FEATURES);
    for (id, (mut chosen, rejected)) in world.pairs(300, 1).into_iter().enumerate() {
        chosen[FEATURES - 1] += 2.0;
        let mut edited = chosen.clone();
        edited[FEATURES - 1] += 4.0;
        let mut add = |side: &str, features: &[f32]| {
            builder
                .reply(reply(format!("{id} {side}"), features))
                .unwrap()
        };
        let (chosen, rejected) = (add("chosen", &chosen), add("rejected", &rejected));
        let edited = add("edited", &edited);
        let comparison = comparison(id, "expert", chosen, rejected);
        let group = comparison.group.clone();
        builder.comparison(comparison).unwrap();
        let edit = Edit {
            id: format!("edit {id}"),
            group,
            kind: EditKind::Praise,
            original: chosen,
            edited,
            weight: if edits { 0.5 } else { 1e-9 },
        };
        builder.edit(edit).unwrap();
    }
    builder.build(1).unwrap()
}

#[test]
fn nonsense_edits_stop_to_pay_when_trained_against() {
    let drift = |comparisons: &Comparisons| {
        let trained = train(comparisons, source(), &TrainingOptions::default()).unwrap();
        let [praise] = trained.report.edits[..] else {
            panic!("one kind of edit")
        };
        assert_eq!((praise.kind, praise.edits), (EditKind::Praise, 300));
        (praise, trained.report.accuracy.share)
    };
    let (before, accuracy_before) = drift(&praised(false));
    let (after, accuracy_after) = drift(&praised(true));
    println!(
        "praise moves scores by {:+.2} of a standard deviation, trained against {:+.2}; accuracy {accuracy_before:.3}, {accuracy_after:.3}",
        before.mean_change, after.mean_change
    );
    assert!(before.interval.unwrap().low > 0.0);
    assert!(after.interval.unwrap().high < 0.0);
    assert!(accuracy_after > 0.6);
}

#[test]
fn two_hundred_pairs_of_a_small_model() {
    let world = World::of_one(576, 2.0);
    let crowd = World {
        features: 576,
        spread: 2.0,
        annotators: vec![0.95, 0.9, 0.8, 0.5],
    };
    for (world, who) in [(&world, "one annotator"), (&crowd, "four annotators")] {
        let comparisons = world.comparisons(200, 1);
        let start = Instant::now();
        let trained = train(&comparisons, source(), &TrainingOptions::default()).unwrap();
        let elapsed_ms = start.elapsed().as_secs_f64() * 1e3;
        let bytes = trained.head.to_gguf().unwrap().len();
        println!("200 pairs of 576 features, {who}: {elapsed_ms:.0} ms, a file of {bytes} bytes");
        assert!(trained.fit.gradient_norm < 1e-6);
    }
}
