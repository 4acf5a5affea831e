//! What the report counts.

use pocketune_judge::reward::{
    Comparison, Comparisons, ComparisonsBuilder, Edit, EditKind, Reliabilities, Reply, RewardError,
    RewardHead, RewardReport, TrainingOptions, train,
};

use crate::synthetic::{World, comparison, reply, source};

/// A head that scores by its only feature: more is better.
fn head() -> RewardHead {
    let mut builder = ComparisonsBuilder::new(1);
    for id in 0..20 {
        let mut add = |side, x| builder.reply(reply(format!("{id} {side}"), &[x])).unwrap();
        let (better, worse) = (add("better", id as f32 + 1.0), add("worse", id as f32));
        builder
            .comparison(comparison(id, "expert", better, worse))
            .unwrap();
    }
    let comparisons = builder.build(1).unwrap();
    train(&comparisons, source(), &TrainingOptions::default())
        .unwrap()
        .head
}

/// Feature and length of a reply.
type Short = (f32, usize);

/// Of chosen and rejected replies.
fn pairs(pairs: &[(Short, Short)]) -> ComparisonsBuilder {
    let mut builder = ComparisonsBuilder::new(1);
    for (id, &(chosen, rejected)) in pairs.iter().enumerate() {
        let mut add = |side, (x, tokens)| {
            let reply = Reply {
                id: format!("{id} {side}"),
                features: vec![x],
                tokens,
            };
            builder.reply(reply).unwrap()
        };
        let (chosen, rejected) = (add("chosen", chosen), add("rejected", rejected));
        builder
            .comparison(comparison(id, "expert", chosen, rejected))
            .unwrap();
    }
    builder
}

fn evaluate(comparisons: &Comparisons) -> RewardReport {
    RewardReport::evaluate(&head(), comparisons, &Reliabilities::default()).unwrap()
}

#[test]
fn lengths_are_matched_within_a_tenth_and_reversed_against_the_trend() {
    let comparisons = pairs(&[
        // Longer is preferred, mostly.
        ((2.0, 100), (1.0, 50)),
        ((3.0, 100), (1.0, 60)),
        ((4.0, 100), (1.0, 70)),
        ((1.0, 100), (5.0, 90)),
        ((6.0, 100), (1.0, 89)),
        // The other way round: one of three is predicted.
        ((7.0, 50), (1.0, 100)),
        ((1.0, 50), (8.0, 100)),
        ((1.0, 91), (9.0, 100)),
        // Neither.
        ((10.0, 40), (1.0, 40)),
    ]);
    let report = evaluate(&comparisons.build(1).unwrap());
    let found = [
        report.accuracy,
        report.length_matched,
        report.length_reversed,
    ];
    let shares = found.map(|found| (found.pairs, (found.share * found.pairs as f64).round()));
    assert_eq!(shares, [(9, 6.0), (3, 1.0), (3, 1.0)]);
    for found in found {
        assert!(found.interval.low <= found.share && found.share <= found.interval.high);
    }
    // Wilson's interval of 6 in 9.
    assert!((report.accuracy.interval.low - 0.3542).abs() < 1e-4);
    assert!((report.accuracy.interval.high - 0.8794).abs() < 1e-4);
}

#[test]
fn ties_are_counted_and_left_out() {
    let mut builder = pairs(&[((2.0, 10), (1.0, 10)), ((1.0, 10), (3.0, 10))]);
    let one = builder.reply(reply("one", &[5.0])).unwrap();
    let other = builder.reply(reply("other", &[1.5])).unwrap();
    let tie = Comparison {
        tie: true,
        ..comparison(9, "expert", one, other)
    };
    builder.comparison(tie).unwrap();
    let report = evaluate(&builder.build(1).unwrap());
    assert_eq!((report.comparisons, report.ties), (3, 1));
    assert_eq!((report.accuracy.pairs, report.accuracy.share), (2, 0.5));
    let counted: usize = report.calibrated.bins.iter().map(|bin| bin.count).sum();
    assert_eq!(counted, 2);
}

#[test]
fn edits_are_measured_in_standard_deviations_by_kind() {
    let mut builder = pairs(&[((2.0, 10), (1.0, 10))]);
    let original = builder.reply(reply("original", &[5.0])).unwrap();
    let mut edit = |id: usize, kind, x: f32| {
        let edited = builder.reply(reply(id, &[x])).unwrap();
        let edit = Edit {
            id: format!("edit {id}"),
            group: "prompt".to_owned(),
            kind,
            original,
            edited,
            weight: 1.0,
        };
        builder.edit(edit).unwrap();
    };
    edit(0, EditKind::Shuffle, 4.0);
    edit(1, EditKind::Repeat, 6.0);
    edit(2, EditKind::Repeat, 8.0);
    let comparisons = builder.build(1).unwrap();
    let [repeat, shuffle] = evaluate(&comparisons).edits[..] else {
        panic!("two kinds")
    };
    assert_eq!((repeat.kind, repeat.edits), (EditKind::Repeat, 2));
    assert_eq!((shuffle.kind, shuffle.edits), (EditKind::Shuffle, 1));
    // Replies of the training set lie at 0, 1, 1, 2, 2, …, 19, 19, 20.
    let values: Vec<f64> = (0..20)
        .flat_map(|id| [f64::from(id), f64::from(id + 1)])
        .collect();
    let variance: f64 = values.iter().map(|x| (x - 10.0).powi(2)).sum();
    let deviation = (variance / 40.0).sqrt();
    assert!((repeat.mean_change - 2.0 / deviation).abs() < 1e-6);
    assert!((shuffle.mean_change + 1.0 / deviation).abs() < 1e-6);
    // A single edit has no spread; two have one degree of freedom.
    assert!(shuffle.interval.is_none());
    let interval = repeat.interval.unwrap();
    assert!((interval.high - (2.0 + 12.7062) / deviation).abs() < 1e-3);
}

#[test]
fn comparisons_of_other_features_are_refused() {
    let comparisons = World::of_one(3, 1.0).comparisons(5, 1);
    let refused = RewardReport::evaluate(&head(), &comparisons, &Reliabilities::default());
    let (found, expected) = (3, 1);
    let wanted = RewardError::FeatureLength { found, expected };
    assert_eq!(refused.unwrap_err(), wanted);
}

#[test]
fn the_report_is_json_that_says_all() {
    let comparisons = World::of_one(8, 2.0).comparisons(60, 1);
    let trained = train(&comparisons, source(), &TrainingOptions::default()).unwrap();
    let json = serde_json::to_value(&trained.report).unwrap();
    assert_eq!(json["comparisons"], 60);
    assert_eq!(json["calibrated"]["bins"].as_array().unwrap().len(), 10);
    assert_eq!(json["reliabilities"]["estimated"], false);
    assert_eq!(json["reliabilities"]["annotators"][0]["reliability"], 1.0);
}

#[test]
fn a_report_is_read_as_it_was_written_and_no_other() {
    let comparisons = pairs(&[
        ((2.0, 100), (1.0, 50)),
        ((3.0, 100), (1.0, 60)),
        ((1.0, 100), (5.0, 90)),
    ]);
    let report = evaluate(&comparisons.build(1).unwrap());
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(RewardReport::parse(json.as_bytes()), Ok(report));
    assert!(matches!(
        RewardReport::parse(b"{}"),
        Err(RewardError::ReportMalformed { .. })
    ));
    let more_ties = json.replacen(r#""ties":0"#, r#""ties":1"#, 1);
    assert_ne!(json, more_ties);
    assert!(matches!(
        RewardReport::parse(more_ties.as_bytes()),
        Err(RewardError::ReportImpossible { .. })
    ));
}
