//! What a head is worth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::calibration::{Prediction, ReliabilityDiagram};
use super::comparisons::{Comparison, Comparisons, EditKind};
use super::error::RewardError;
use super::head::RewardHead;
use super::math::mean_and_deviation;
use super::reliability::Reliabilities;
use crate::stats::{Interval, wilson};

/// All intervals here are at 95 %.
const ALPHA: f64 = 0.05;
/// Lengths that differ by no more than this part of the longer one are matched.
const MATCHED: f64 = 0.1;

/// A share of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proportion {
    /// Pairs it is a share of.
    pub pairs: usize,
    /// The share; 0 of no pairs.
    pub share: f64,
    /// 95 % (Wilson 1927); 0 to 1 for no pairs.
    pub interval: Interval,
}

/// What one kind of nonsense edit does to scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditDrift {
    /// What was done.
    pub kind: EditKind,
    /// Edited replies.
    pub edits: usize,
    /// Mean change of the score, in standard deviations of the training replies' scores.
    /// Above 0 the head rewards nonsense.
    pub mean_change: f64,
    /// 95 % (Student's t); none of a single edit.
    pub interval: Option<Interval>,
}

/// How good a head is on comparisons that it was not trained on.
///
/// Everything is about the answers as their annotators gave them: where the reliabilities
/// say that an annotator answers the opposite, that is what is predicted of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardReport {
    /// Comparisons, ties among them.
    pub comparisons: usize,
    /// Ties, which enter nothing below.
    pub ties: usize,
    /// Answers that the head held for likelier. Of those of an annotator who answers at
    /// random no head can hold more than half.
    pub accuracy: Proportion,
    /// The same where lengths differ by at most 10 %.
    pub length_matched: Proportion,
    /// The same where the preferred reply is longer although preferred replies are mostly
    /// shorter, or shorter although they are mostly longer: a head that has learned
    /// nothing but length is always wrong here.
    pub length_reversed: Proportion,
    /// Calibration with a temperature of 1.
    pub uncalibrated: ReliabilityDiagram,
    /// Calibration with the head's temperature.
    pub calibrated: ReliabilityDiagram,
    /// By kind of edit, those that occur.
    pub edits: Vec<EditDrift>,
    /// What was thought of the annotators.
    pub reliabilities: Reliabilities,
}

impl RewardReport {
    /// Looks at a head with comparisons and edits that it has not seen. Annotators that
    /// are not in the table count as experts.
    ///
    /// # Errors
    /// [`RewardError::FeatureLength`] when they have other features than the head.
    pub fn evaluate(
        head: &RewardHead,
        held_out: &Comparisons,
        reliabilities: &Reliabilities,
    ) -> Result<Self, RewardError> {
        let score = |reply| head.score(&held_out.reply(reply).features);
        let mut predictions = Vec::with_capacity(held_out.comparisons().len());
        for comparison in held_out.comparisons() {
            predictions.push(Prediction {
                margin: score(comparison.chosen)? - score(comparison.rejected)?,
                reliability: reliabilities.of(&comparison.annotator),
                tie: comparison.tie,
            });
        }
        let mut changes = Vec::with_capacity(held_out.edits().len());
        for edit in held_out.edits() {
            let change = score(edit.edited)? - score(edit.original)?;
            changes.push(change / head.numbers().output_scale);
        }
        let temperature = head.temperature();
        let reliabilities = reliabilities.clone();
        Ok(Self::of(
            held_out,
            &predictions,
            &changes,
            temperature,
            reliabilities,
        ))
    }

    /// With a prediction for each comparison, and each edit's change of the score.
    pub(crate) fn of(
        comparisons: &Comparisons,
        predictions: &[Prediction],
        changes: &[f64],
        temperature: f64,
        reliabilities: Reliabilities,
    ) -> Self {
        let ties = predictions.iter().filter(|prediction| prediction.tie);
        let answers: Vec<Answer> = comparisons
            .comparisons()
            .iter()
            .zip(predictions)
            .filter(|(_, prediction)| !prediction.tie)
            .map(|(comparison, prediction)| Answer::of(comparisons, comparison, prediction))
            .collect();
        let trend: i64 = answers.iter().map(|answer| answer.longer.signum()).sum();
        let of = |wanted: &dyn Fn(&Answer) -> bool| {
            let wanted = answers.iter().filter(|answer| wanted(answer));
            proportion(wanted.map(|answer| answer.right))
        };
        Self {
            comparisons: predictions.len(),
            ties: ties.count(),
            accuracy: of(&|_| true),
            length_matched: of(&|answer| answer.is_matched),
            length_reversed: of(&|answer| answer.longer.signum() * trend.signum() < 0),
            uncalibrated: ReliabilityDiagram::of(predictions, 1.0),
            calibrated: ReliabilityDiagram::of(predictions, temperature),
            edits: drifts(comparisons, changes),
            reliabilities,
        }
    }
}

/// What the report looks at in one comparison that is no tie.
struct Answer {
    right: bool,
    /// Tokens of the preferred reply more than of the other.
    longer: i64,
    is_matched: bool,
}

impl Answer {
    fn of(comparisons: &Comparisons, comparison: &Comparison, prediction: &Prediction) -> Self {
        let tokens = |reply| i64::try_from(comparisons.reply(reply).tokens).unwrap_or(i64::MAX);
        let (chosen, rejected) = (tokens(comparison.chosen), tokens(comparison.rejected));
        let difference = chosen.saturating_sub(rejected);
        // Who answers the opposite prefers what it did not choose.
        let longer = if prediction.reliability < 0.5 {
            -difference
        } else {
            difference
        };
        Self {
            right: prediction.probability(1.0) > 0.5,
            longer,
            is_matched: difference.abs() as f64 <= MATCHED * chosen.max(rejected) as f64,
        }
    }
}

fn proportion(hits: impl Iterator<Item = bool>) -> Proportion {
    let (mut right, mut pairs) = (0, 0);
    for hit in hits {
        right += usize::from(hit);
        pairs += 1;
    }
    Proportion {
        pairs,
        share: right as f64 / pairs.max(1) as f64,
        interval: wilson(right as u64, pairs as u64, ALPHA),
    }
}

fn drifts(comparisons: &Comparisons, changes: &[f64]) -> Vec<EditDrift> {
    let mut by_kind: BTreeMap<EditKind, Vec<f64>> = BTreeMap::new();
    for (edit, &change) in comparisons.edits().iter().zip(changes) {
        by_kind.entry(edit.kind).or_default().push(change);
    }
    let drifts = by_kind.into_iter().map(|(kind, changes)| {
        let (mean_change, deviation) = mean_and_deviation(&changes);
        let freedom = (changes.len() - 1) as f64;
        // Fails without a degree of freedom.
        let student = StudentsT::new(0.0, 1.0, freedom).ok();
        let interval = student.map(|student| {
            let reach = student.inverse_cdf(1.0 - ALPHA / 2.0) * deviation / freedom.sqrt();
            Interval {
                low: mean_change - reach,
                high: mean_change + reach,
            }
        });
        EditDrift {
            kind,
            edits: changes.len(),
            mean_change,
            interval,
        }
    });
    drifts.collect()
}
