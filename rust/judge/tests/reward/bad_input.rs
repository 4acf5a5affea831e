//! Comparisons and options that must not be trained on, each refused for its own reason.

use pocketune_judge::reward::{
    Comparison, ComparisonsBuilder, Edit, EditKind, MAX_FEATURES, ReliabilityPrior, Reply,
    ReplyIndex, RewardError, TrainingOptions, train,
};

use crate::synthetic::{World, comparison, reply, source};

const EXPERT: &str = "expert";

/// Three replies of two features.
fn three() -> (ComparisonsBuilder, [ReplyIndex; 3]) {
    let mut builder = ComparisonsBuilder::new(2);
    let features = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]];
    let mut add = |id: usize| builder.reply(reply(id, &features[id])).unwrap();
    let replies = [add(0), add(1), add(2)];
    (builder, replies)
}

fn refused_reply(reply: Reply) -> RewardError {
    three().0.reply(reply).unwrap_err()
}

fn edit(id: &str, original: ReplyIndex, edited: ReplyIndex, weight: f64) -> Edit {
    Edit {
        id: id.to_owned(),
        group: "prompt".to_owned(),
        kind: EditKind::Praise,
        original,
        edited,
        weight,
    }
}

#[test]
fn a_reply_of_another_length() {
    let (id, found, expected) = ("short".to_owned(), 1, 2);
    let wanted = RewardError::WrongLength {
        id,
        found,
        expected,
    };
    assert_eq!(refused_reply(reply("short", &[1.0])), wanted);
}

#[test]
fn a_feature_that_is_not_a_number() {
    let (id, index) = ("nan".to_owned(), 1);
    let wanted = RewardError::NotFinite { id, index };
    assert_eq!(refused_reply(reply("nan", &[1.0, f32::NAN])), wanted);
}

#[test]
fn an_infinite_feature() {
    let (id, index) = ("infinite".to_owned(), 0);
    let wanted = RewardError::NotFinite { id, index };
    let features = [f32::NEG_INFINITY, 1.0];
    assert_eq!(refused_reply(reply("infinite", &features)), wanted);
}

#[test]
fn two_replies_of_one_id() {
    let wanted = RewardError::DuplicateId { id: "0".to_owned() };
    assert_eq!(refused_reply(reply(0, &[2.0, 2.0])), wanted);
}

#[test]
fn two_comparisons_of_one_id() {
    let (mut builder, [a, b, c]) = three();
    builder.comparison(comparison(1, EXPERT, a, b)).unwrap();
    let refused = builder.comparison(comparison(1, EXPERT, b, c)).unwrap_err();
    let id = "comparison 1".to_owned();
    assert_eq!(refused, RewardError::DuplicateId { id });
}

#[test]
fn an_edit_with_the_id_of_a_comparison() {
    let (mut builder, [a, b, _]) = three();
    builder.comparison(comparison(1, EXPERT, a, b)).unwrap();
    let refused = builder.edit(edit("comparison 1", a, b, 1.0)).unwrap_err();
    let id = "comparison 1".to_owned();
    assert_eq!(refused, RewardError::DuplicateId { id });
}

#[test]
fn a_reply_that_was_not_added() {
    let [.., beyond] = three().1;
    let mut builder = ComparisonsBuilder::new(2);
    let first = builder.reply(reply(0, &[1.0, 2.0])).unwrap();
    let refused = builder.comparison(comparison(7, EXPERT, first, beyond));
    let id = "comparison 7".to_owned();
    assert_eq!(refused.unwrap_err(), RewardError::UnknownReply { id });
    let refused = builder.edit(edit("edit", beyond, first, 1.0)).unwrap_err();
    let id = "edit".to_owned();
    assert_eq!(refused, RewardError::UnknownReply { id });
}

#[test]
fn a_reply_compared_with_itself() {
    let (mut builder, [a, ..]) = three();
    let refused = builder.comparison(comparison(7, EXPERT, a, a)).unwrap_err();
    let id = "comparison 7".to_owned();
    assert_eq!(refused, RewardError::SameReply { id });
    let refused = builder.edit(edit("edit", a, a, 1.0)).unwrap_err();
    let id = "edit".to_owned();
    assert_eq!(refused, RewardError::SameReply { id });
}

#[test]
fn an_annotator_who_contradicts_himself() {
    let (mut builder, [a, b, _]) = three();
    builder.comparison(comparison(1, EXPERT, a, b)).unwrap();
    // Others may think so.
    builder.comparison(comparison(2, "other", b, a)).unwrap();
    let refused = builder.comparison(comparison(3, EXPERT, b, a)).unwrap_err();
    let wanted = RewardError::Contradiction {
        first: "comparison 1".to_owned(),
        second: "comparison 3".to_owned(),
    };
    assert_eq!(refused, wanted);
}

#[test]
fn a_contradiction_by_copies_of_the_same_replies() {
    let (mut builder, [a, b, _]) = three();
    let a_again = builder.reply(reply("a again", &[1.0, 0.0])).unwrap();
    builder.comparison(comparison(1, EXPERT, a, b)).unwrap();
    let refused = builder.comparison(comparison(2, EXPERT, b, a_again));
    let wanted = RewardError::Contradiction {
        first: "comparison 1".to_owned(),
        second: "comparison 2".to_owned(),
    };
    assert_eq!(refused.unwrap_err(), wanted);
}

#[test]
fn an_edit_of_no_weight() {
    for found in [0.0, -1.0, f64::INFINITY] {
        let (mut builder, [a, b, _]) = three();
        let id = "edit".to_owned();
        let refused = builder.edit(edit(&id, a, b, found)).unwrap_err();
        assert_eq!(refused, RewardError::Weight { id, found });
    }
    let (mut builder, [a, b, _]) = three();
    let refused = builder.edit(edit("edit", a, b, f64::NAN)).unwrap_err();
    assert!(matches!(refused, RewardError::Weight { .. }));
}

#[test]
fn no_comparisons() {
    let refused = three().0.build(0).unwrap_err();
    assert_eq!(refused, RewardError::Empty);
}

#[test]
fn fewer_comparisons_than_asked_for() {
    let (mut builder, [a, b, _]) = three();
    builder.comparison(comparison(1, EXPERT, a, b)).unwrap();
    let refused = builder.build(30).unwrap_err();
    let (found, minimum) = (1, 30);
    assert_eq!(refused, RewardError::TooFewComparisons { found, minimum });
}

#[test]
fn nothing_but_ties() {
    let (mut builder, [a, b, c]) = three();
    for (id, other) in [(1, b), (2, c)] {
        let tie = Comparison {
            tie: true,
            ..comparison(id, EXPERT, a, other)
        };
        builder.comparison(tie).unwrap();
    }
    assert_eq!(builder.build(1).unwrap_err(), RewardError::OnlyTies);
}

#[test]
fn replies_that_features_do_not_tell_apart() {
    let mut builder = ComparisonsBuilder::new(2);
    for id in 0..4 {
        let mut same = |side| builder.reply(reply(format!("{id}{side}"), &[id as f32, 1.0]));
        let (chosen, rejected) = (same("a").unwrap(), same("b").unwrap());
        let comparison = comparison(id, EXPERT, chosen, rejected);
        builder.comparison(comparison).unwrap();
    }
    assert_eq!(builder.build(1).unwrap_err(), RewardError::NoDifference);
}

#[test]
fn no_features_or_too_many() {
    for features in [0, MAX_FEATURES + 1] {
        let refused = ComparisonsBuilder::new(features).build(0).unwrap_err();
        let (found, limit) = (features as u64, MAX_FEATURES as u64);
        assert_eq!(refused, RewardError::FeatureCount { found, limit });
    }
}

#[test]
fn all_comparisons_of_one_prompt() {
    let (mut builder, replies) = three();
    for (id, (chosen, rejected)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
        let comparison = Comparison {
            group: "prompt".to_owned(),
            ..comparison(id, EXPERT, replies[chosen], replies[rejected])
        };
        builder.comparison(comparison).unwrap();
    }
    let comparisons = builder.build(1).unwrap();
    let refused = train(&comparisons, source(), &TrainingOptions::default()).unwrap_err();
    let (found, minimum) = (1, 2);
    assert_eq!(refused, RewardError::TooFewGroups { found, minimum });
}

#[test]
fn opinions_that_cancel() {
    let (mut builder, [a, b, _]) = three();
    builder.comparison(comparison(1, "one", a, b)).unwrap();
    builder.comparison(comparison(2, "other", b, a)).unwrap();
    let comparisons = builder.build(1).unwrap();
    let refused = train(&comparisons, source(), &TrainingOptions::default());
    assert_eq!(refused.unwrap_err(), RewardError::NothingLearned);
}

#[test]
fn options_out_of_range() {
    let comparisons = World::of_one(4, 1.0).comparisons(20, 1);
    let default = TrainingOptions::default;
    let prior = |faithful, flipped| TrainingOptions {
        prior: ReliabilityPrior { faithful, flipped },
        ..default()
    };
    let scales = |margin_scales| TrainingOptions {
        margin_scales,
        ..default()
    };
    let folds = |folds| TrainingOptions { folds, ..default() };
    for (options, option) in [
        (folds(1), "folds"),
        (folds(51), "folds"),
        (scales(vec![]), "margin_scales"),
        (scales(vec![1.0, 0.0]), "margin_scales"),
        (scales(vec![f64::NAN]), "margin_scales"),
        (prior(1.0, 2.0), "prior"),
        (prior(1.0, 0.0), "prior"),
        (prior(f64::INFINITY, 1.0), "prior"),
    ] {
        let refused = train(&comparisons, source(), &options).unwrap_err();
        assert_eq!(refused, RewardError::Option { option });
    }
}

#[test]
fn features_of_another_length_or_not_finite_are_not_scored() {
    let comparisons = World::of_one(4, 1.0).comparisons(20, 1);
    let head = train(&comparisons, source(), &TrainingOptions::default());
    let head = head.unwrap().head;
    let (found, expected) = (3, 4);
    let wanted = RewardError::FeatureLength { found, expected };
    assert_eq!(head.score(&[0.0; 3]).unwrap_err(), wanted);
    let wanted = RewardError::FeatureNotFinite { index: 2 };
    let features = [0.0, 0.0, f32::NAN, 0.0];
    assert_eq!(head.reward(&features).unwrap_err(), wanted);
    assert_eq!(head.probability(&[0.0; 4], &features).unwrap_err(), wanted);
}
