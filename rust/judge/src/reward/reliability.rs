//! How far each annotator is to be believed.

use serde::{Deserialize, Serialize};

use super::comparisons::Comparisons;
use super::fit::{Term, log_likelihood};
use super::math::sigmoid;
use crate::stats::{Interval, z};

/// Beyond these log odds nobody is told from an expert.
const MAX_LOGIT: f64 = 20.0;
/// Halves the range to less than 10⁻⁹.
const BISECTIONS: usize = 36;

/// What is assumed of an annotator before the first answer: as many answers meant as they
/// were given, and as many meant the other way round. Both are above 0, so that nobody is
/// ever certain; more faithful than flipped, so that the majority is in the right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityPrior {
    /// Assumed answers that were meant as given: α − 1 of a Beta distribution.
    pub faithful: f64,
    /// Assumed answers that were meant the other way round: β − 1.
    pub flipped: f64,
}

impl Default for ReliabilityPrior {
    fn default() -> Self {
        Self {
            faithful: 4.0,
            flipped: 1.0,
        }
    }
}

impl ReliabilityPrior {
    /// The likeliest reliability before the first answer.
    #[must_use]
    pub fn mode(&self) -> f64 {
        self.faithful / (self.faithful + self.flipped)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let bounded = |count: f64| count > 0.0 && count <= 1e6;
        bounded(self.faithful) && bounded(self.flipped) && self.faithful > self.flipped
    }
}

/// What is thought of one annotator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnotatorReliability {
    /// Who.
    pub annotator: String,
    /// Answers given, ties among them.
    pub comparisons: usize,
    /// η: 1 means an expert, ½ answers at random, 0 the opposite of what is right.
    pub reliability: f64,
    /// Of the reliability, as if the held-out margins were certain: the true one is larger,
    /// the more so the fewer the comparisons.
    pub standard_error: Option<f64>,
    /// 95 %, symmetric in log odds, on the same terms.
    pub interval: Option<Interval>,
}

/// What is thought of all annotators.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliabilities {
    /// Whether it was estimated. A single annotator's reliability cannot be told from the
    /// size of the margins, and is fixed at 1.
    pub estimated: bool,
    /// In the order of their first comparison.
    pub annotators: Vec<AnnotatorReliability>,
}

impl Reliabilities {
    /// η of an annotator; 1 of one that is not in the table.
    #[must_use]
    pub fn of(&self, annotator: &str) -> f64 {
        let mut known = self.annotators.iter();
        known
            .find(|known| known.annotator == annotator)
            .map_or(1.0, |known| known.reliability)
    }

    /// All are experts.
    pub(crate) fn fixed(comparisons: &Comparisons) -> Self {
        let annotators = comparisons.annotators().iter().enumerate();
        let annotators = annotators.map(|(place, annotator)| AnnotatorReliability {
            annotator: annotator.clone(),
            comparisons: answers(comparisons, place),
            reliability: 1.0,
            standard_error: None,
            interval: None,
        });
        Self {
            estimated: false,
            annotators: annotators.collect(),
        }
    }

    /// With the margin of each comparison and u of each annotator.
    pub(crate) fn estimated(
        comparisons: &Comparisons,
        margins: &[f64],
        logits: &[f64],
        prior: ReliabilityPrior,
    ) -> Self {
        let annotators = comparisons.annotators().iter().zip(logits).enumerate();
        let annotators = annotators.map(|(place, (annotator, &logit))| {
            let information = information(comparisons, margins, place, logit, prior);
            // Of u; a slope of η(1 − η) leads back to η.
            let error = 1.0 / information.sqrt();
            let reach = z(0.975) * error;
            let reliability = sigmoid(logit);
            AnnotatorReliability {
                annotator: annotator.clone(),
                comparisons: answers(comparisons, place),
                reliability,
                standard_error: Some(reliability * (1.0 - reliability) * error),
                interval: Some(Interval {
                    low: sigmoid(logit - reach),
                    high: sigmoid(logit + reach),
                }),
            }
        });
        Self {
            estimated: true,
            annotators: annotators.collect(),
        }
    }
}

/// The likeliest u of each annotator by its answers' margins, which are taken as certain.
///
/// log p and the prior are concave in η, so that their slope has one root.
pub(crate) fn estimate_logits(
    terms: &[Term],
    margins: &[f64],
    annotators: usize,
    prior: ReliabilityPrior,
) -> Vec<f64> {
    let mut answers: Vec<Vec<(f64, bool)>> = vec![Vec::new(); annotators];
    for term in terms {
        if let Some(answers) = term.annotator.and_then(|place| answers.get_mut(place)) {
            answers.push((margins[term.row], term.tie));
        }
    }
    let likeliest = answers.into_iter().map(|answers| {
        let slope = |logit: f64| {
            let slopes = answers.iter();
            let slopes = slopes.map(|&(margin, tie)| log_likelihood(margin, logit, tie).2);
            prior.faithful * sigmoid(-logit) - prior.flipped * sigmoid(logit) + slopes.sum::<f64>()
        };
        let (mut low, mut high) = (-MAX_LOGIT, MAX_LOGIT);
        for _ in 0..BISECTIONS {
            let middle = (low + high) / 2.0;
            if slope(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    });
    likeliest.collect()
}

fn answers(comparisons: &Comparisons, annotator: usize) -> usize {
    let answers = comparisons.by_annotator();
    answers.filter(|&(_, by)| by == annotator).count()
}

/// Observed information about u, carried over from η, where log p is concave: an answer
/// that was meant as given with probability r brings `(r − η)²`.
fn information(
    comparisons: &Comparisons,
    margins: &[f64],
    annotator: usize,
    logit: f64,
    prior: ReliabilityPrior,
) -> f64 {
    let reliability = sigmoid(logit);
    let mut information =
        prior.faithful * (1.0 - reliability).powi(2) + prior.flipped * reliability.powi(2);
    for ((comparison, by), &margin) in comparisons.by_annotator().zip(margins) {
        if by != annotator {
            continue;
        }
        let gained = |margin: f64| (sigmoid(logit + margin) - reliability).powi(2);
        information += if comparison.tie {
            (gained(margin) + gained(-margin)) / 2.0
        } else {
            gained(margin)
        };
    }
    information
}
