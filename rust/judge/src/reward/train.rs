//! Training a head.

use serde::{Deserialize, Serialize};

use super::calibration::{Prediction, fit_temperature};
use super::comparisons::Comparisons;
use super::error::RewardError;
use super::fit::{Belief, Minimum, Term, log_likelihood, logit_of, minimize};
use super::folds::Folds;
use super::head::{FeatureSource, Numbers, RewardHead};
use super::math::{dot, mean_and_deviation, sigmoid};
use super::reliability::{Reliabilities, ReliabilityPrior, estimate_logits};
use super::report::RewardReport;
use super::space::Space;

/// Gradient of the mean loss at which a fit that is only compared ends.
const ROUGH: f64 = 1e-4;
/// That of the fit that is kept.
const FINE: f64 = 1e-8;
/// Scores that vary less than this say nothing.
const FLAT: f64 = 1e-6;

/// How a head is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingOptions {
    /// Decides which groups are held out together, and nothing else.
    pub seed: u64,
    /// Parts of the comparisons that are held out in turn, 2 to 50; as many as there are
    /// groups where those are fewer.
    pub folds: usize,
    /// L2 strengths to choose from, by what they mean: the standard deviation, in nats, of
    /// a typical pair's margin before anything is known. The L2 strength is 1 over its
    /// square.
    pub margin_scales: Vec<f64>,
    /// What is assumed of annotators.
    pub prior: ReliabilityPrior,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            folds: 5,
            margin_scales: vec![0.25, 0.5, 1.0, 2.0, 4.0, 8.0],
            prior: ReliabilityPrior::default(),
        }
    }
}

/// A head and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The head, trained on everything.
    pub head: RewardHead,
    /// How training went.
    pub fit: Fit,
    /// How heads like it do on what they have not seen: every comparison and edit is
    /// judged by the fit that it was held out of. The one number that has seen all of
    /// them is the temperature.
    pub report: RewardReport,
}

/// How training went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Parts that were held out in turn.
    pub folds: usize,
    /// The chosen one of [`TrainingOptions::margin_scales`].
    pub margin_scale: f64,
    /// What each of them led to.
    pub losses: Vec<MarginScaleLoss>,
    /// Norm of the mean loss's gradient where the head was found.
    pub gradient_norm: f64,
}

/// What one L2 strength led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MarginScaleLoss {
    /// The strength.
    pub margin_scale: f64,
    /// Mean negative log-likelihood of comparisons that were held out, in nats.
    pub loss: f64,
}

/// Trains a head. Takes a fraction of a second for some hundred comparisons; the same
/// arguments make the same head.
///
/// The L2 strength is the one of the least loss on comparisons held out. The temperature
/// is fitted to the margins of those, since a part kept for it alone would be missed where
/// comparisons are few. So are the reliabilities: a fit agrees with answers that it has
/// seen, and would believe everyone.
///
/// # Errors
/// [`RewardError::Option`], [`RewardError::TooFewGroups`], [`RewardError::NothingLearned`],
/// [`RewardError::NotConverged`]; [`RewardError::TensorValue`] when features are so large
/// or small that weights leave the range of F32.
pub fn train(
    comparisons: &Comparisons,
    source: FeatureSource,
    options: &TrainingOptions,
) -> Result<Trained, RewardError> {
    options.check()?;
    let space = Space::of(comparisons)?;
    let folds = Folds::of(comparisons, options.folds, options.seed)?;
    let terms = terms(comparisons);
    let annotators = comparisons.annotators().len();
    // A single annotator's reliability cannot be told from the size of the margins.
    let belief = match annotators {
        1 => Belief::Known(&[]),
        _ => Belief::Learned(options.prior, annotators),
    };
    let held_out = hold_out_all(&space, &terms, belief, &folds, &options.margin_scales)?;
    let losses: Vec<MarginScaleLoss> = held_out.iter().map(|one| one.loss(&terms)).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].loss.total_cmp(&losses[b].loss));
    let best = &held_out[best.unwrap_or(0)];
    let (logits, reliabilities) = match annotators {
        1 => (Vec::new(), Reliabilities::fixed(comparisons)),
        _ => {
            let (margins, prior) = (&best.margins, options.prior);
            let logits = estimate_logits(&terms, margins, annotators, prior);
            let table = Reliabilities::estimated(comparisons, margins, &logits, prior);
            (logits, table)
        }
    };
    let known = Belief::Known(&logits);
    let minimum = minimize(&space, &terms, best.l2(), known, None, FINE)?;
    let predictions = best.predictions(&terms, &logits);
    let temperature = fit_temperature(&predictions);
    let head = make_head(comparisons, &space, &minimum, source, temperature)?;
    let edits = best.margins.iter().skip(predictions.len());
    let output_scale = head.numbers().output_scale;
    let changes: Vec<f64> = edits.map(|margin| -margin / output_scale).collect();
    let report = RewardReport::of(
        comparisons,
        &predictions,
        &changes,
        temperature,
        reliabilities,
    );
    let fit = Fit {
        folds: folds.count,
        margin_scale: best.margin_scale,
        losses,
        gradient_norm: minimum.gradient_norm,
    };
    Ok(Trained { head, fit, report })
}

impl TrainingOptions {
    fn check(&self) -> Result<(), RewardError> {
        let bounded = |scale: &f64| (1e-3..=1e3).contains(scale);
        let scales = &self.margin_scales;
        for (option, is_sound) in [
            ("folds", (2..=50).contains(&self.folds)),
            (
                "margin_scales",
                !scales.is_empty() && scales.iter().all(bounded),
            ),
            ("prior", self.prior.is_sound()),
        ] {
            if !is_sound {
                return Err(RewardError::Option { option });
            }
        }
        Ok(())
    }
}

/// Comparisons, then edits.
fn terms(comparisons: &Comparisons) -> Vec<Term> {
    let answers = comparisons.by_annotator();
    let answers = answers.map(|(comparison, annotator)| (Some(annotator), comparison.tie, 1.0));
    let edits = comparisons.edits().iter();
    let edits = edits.map(|edit| (None, false, edit.weight));
    let terms = answers.chain(edits).enumerate();
    let terms = terms.map(|(row, (annotator, tie, weight))| Term {
        row,
        annotator,
        tie,
        weight,
    });
    terms.collect()
}

/// What one L2 strength says of rows that its fits have not seen.
struct HeldOut {
    margin_scale: f64,
    margins: Vec<f64>,
    /// u of the row's annotator.
    logits: Vec<f64>,
}

impl HeldOut {
    fn new(margin_scale: f64, rows: usize) -> Self {
        Self {
            margin_scale,
            margins: vec![0.0; rows],
            logits: vec![0.0; rows],
        }
    }

    fn l2(&self) -> f64 {
        self.margin_scale.powi(-2)
    }

    fn loss(&self, terms: &[Term]) -> MarginScaleLoss {
        let answers = terms.iter().filter(|term| term.annotator.is_some());
        let losses = answers.clone().map(|term| {
            let (margin, logit) = (self.margins[term.row], self.logits[term.row]);
            -log_likelihood(margin, logit, term.tie).0
        });
        MarginScaleLoss {
            margin_scale: self.margin_scale,
            loss: losses.sum::<f64>() / answers.count() as f64,
        }
    }

    fn predictions(&self, terms: &[Term], logits: &[f64]) -> Vec<Prediction> {
        let answers = terms.iter().zip(&self.margins);
        let answers = answers.filter(|(term, _)| term.annotator.is_some());
        let predictions = answers.map(|(term, &margin)| Prediction {
            margin,
            reliability: sigmoid(logit_of(logits, term.annotator)),
            tie: term.tie,
        });
        predictions.collect()
    }
}

/// Fits without one fold, for each fold and L2 strength, every fit starting where the one
/// of the strength before ended.
fn hold_out_all(
    space: &Space,
    terms: &[Term],
    belief: Belief<'_>,
    folds: &Folds,
    margin_scales: &[f64],
) -> Result<Vec<HeldOut>, RewardError> {
    let empty = |&margin_scale| HeldOut::new(margin_scale, terms.len());
    let mut held_out: Vec<HeldOut> = margin_scales.iter().map(empty).collect();
    for fold in 0..folds.count {
        let (out, kept): (Vec<Term>, Vec<Term>) = terms
            .iter()
            .partition(|term| folds.of_row[term.row] == fold);
        let mut start = None;
        for one in &mut held_out {
            let minimum = minimize(space, &kept, one.l2(), belief, start.as_ref(), ROUGH)?;
            for term in &out {
                one.margins[term.row] = dot(minimum.weights(), space.row(term.row));
                one.logits[term.row] = logit_of(minimum.logits(), term.annotator);
            }
            start = Some(minimum);
        }
    }
    Ok(held_out)
}

fn make_head(
    comparisons: &Comparisons,
    space: &Space,
    minimum: &Minimum,
    source: FeatureSource,
    temperature: f64,
) -> Result<RewardHead, RewardError> {
    let numbers = Numbers {
        weight: space.weights(minimum.weights()),
        mean: space.mean.clone(),
        scale: space.scale.clone(),
        temperature,
        center: 0.0,
        output_scale: 1.0,
    };
    // Scores as they will be: with weights rounded to F32.
    let raw = RewardHead::new(source, numbers.clone())?;
    let scores = comparisons.compared_replies();
    let scores: Result<Vec<f64>, _> = scores.map(|reply| raw.score(&reply.features)).collect();
    let (center, output_scale) = mean_and_deviation(&scores?);
    if output_scale < FLAT {
        return Err(RewardError::NothingLearned);
    }
    RewardHead::new(
        source,
        Numbers {
            center,
            output_scale,
            ..numbers
        },
    )
}
