//! How sure a head may be.

use argmin::core::{CostFunction, Error, Executor};
use argmin::solver::brent::BrentOpt;
use serde::{Deserialize, Serialize};

use super::fit::log_likelihood;
use super::math::{logit, sigmoid};

/// Temperatures that are looked for: margins a hundred times too large or too small.
const LOG_TEMPERATURES: (f64, f64) = (-4.6, 4.6);
const STEPS: usize = 92;
/// Width of the interval that the search ends with.
const PRECISION: f64 = 1e-9;
const MAX_ITERATIONS: u64 = 100;

/// One answer as a head predicts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prediction {
    /// Score of the chosen over that of the rejected reply.
    pub(crate) margin: f64,
    /// The annotator's reliability η.
    pub(crate) reliability: f64,
    pub(crate) tie: bool,
}

impl Prediction {
    /// The probability that this annotator answers as it did.
    pub(crate) fn probability(&self, temperature: f64) -> f64 {
        let preferred = sigmoid(self.margin / temperature);
        self.reliability * preferred + (1.0 - self.reliability) * (1.0 - preferred)
    }
}

/// The temperature T of least negative log-likelihood, every margin being divided by it
/// (Guo et al. 2017, arXiv:1706.04599).
pub(crate) fn fit_temperature(predictions: &[Prediction]) -> f64 {
    let loss = |log_temperature: f64| mean_loss(predictions, log_temperature.exp());
    let (low, high) = LOG_TEMPERATURES;
    let width = (high - low) / STEPS as f64;
    let at = |step: usize| low + width * step as f64;
    let best = (0..=STEPS)
        .map(|step| (loss(at(step)), at(step)))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(0.0, |(_, at)| at);
    let (low, high) = ((best - width).max(low), (best + width).min(high));
    let solver = BrentOpt::new(low, high).set_tolerance(PRECISION, PRECISION);
    let run = Executor::new(Loss(predictions), solver)
        .configure(|state| state.max_iters(MAX_ITERATIONS))
        .timer(false)
        .run();
    let found = run.ok().and_then(|run| run.state.best_param);
    found.unwrap_or(best).exp()
}

/// The loss by the logarithm of the temperature.
struct Loss<'a>(&'a [Prediction]);

impl CostFunction for Loss<'_> {
    type Param = f64;
    type Output = f64;

    fn cost(&self, log_temperature: &f64) -> Result<f64, Error> {
        Ok(mean_loss(self.0, log_temperature.exp()))
    }
}

/// Mean negative log-likelihood of the answers.
pub(crate) fn mean_loss(predictions: &[Prediction], temperature: f64) -> f64 {
    let losses = predictions.iter().map(|prediction| {
        let margin = prediction.margin / temperature;
        -log_likelihood(margin, logit(prediction.reliability), prediction.tie).0
    });
    losses.sum::<f64>() / predictions.len() as f64
}

/// Answers whose confidence lies between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// The least confidence, above ½.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Answers.
    pub count: usize,
    /// Their mean confidence; 0 without any.
    pub confidence: f64,
    /// The part of them that was predicted; 0 without any.
    pub accuracy: f64,
}

/// How often the head is right, by how sure it is: bins of equal width from ½ to 1, the
/// confidence being the probability of the answer that is held for the likelier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityDiagram {
    /// The bins, empty ones among them.
    pub bins: Vec<Bin>,
    /// Expected calibration error: the mean gap between confidence and accuracy of a bin,
    /// weighted by its answers (Guo et al. 2017, 10 bins).
    pub expected_calibration_error: f64,
}

impl ReliabilityDiagram {
    /// Number of bins.
    pub const BINS: usize = 10;

    /// Ties have no right answer and are left out.
    pub(crate) fn of(predictions: &[Prediction], temperature: f64) -> Self {
        let mut sums = [(0_usize, 0.0, 0.0); Self::BINS];
        for prediction in predictions.iter().filter(|prediction| !prediction.tie) {
            let probability = prediction.probability(temperature);
            let confidence = probability.max(1.0 - probability);
            let place = ((confidence - 0.5) * 2.0 * Self::BINS as f64) as usize;
            let (count, confidences, right) = &mut sums[place.min(Self::BINS - 1)];
            *count += 1;
            *confidences += confidence;
            *right += rightness(probability);
        }
        let total: usize = sums.iter().map(|(count, ..)| count).sum();
        let edge = |place: usize| 0.5 + 0.5 * place as f64 / Self::BINS as f64;
        let bins = sums.iter().enumerate();
        let bins: Vec<Bin> = bins
            .map(|(place, &(count, confidences, right))| {
                let some = count.max(1) as f64;
                Bin {
                    low: edge(place),
                    high: edge(place + 1),
                    count,
                    confidence: confidences / some,
                    accuracy: right / some,
                }
            })
            .collect();
        let gaps = bins
            .iter()
            .map(|bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs());
        Self {
            expected_calibration_error: gaps.sum::<f64>() / total.max(1) as f64,
            bins,
        }
    }
}

/// 1 for an answer that was held for likelier, half where neither was.
pub(crate) fn rightness(probability: f64) -> f64 {
    match probability.total_cmp(&0.5) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}
