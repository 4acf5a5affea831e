//! The loss of a linear head, and its minimum.
//!
//! With margin `d = w · Δ` of the better over the other reply, Bradley and Terry (1952,
//! Biometrika 39) say that it is preferred with probability σ(d). An annotator of
//! reliability η says so with probability
//!
//! ```text
//! p = η·σ(d) + (1 − η)·σ(−d)
//! ```
//!
//! (Chen, Bennett, Collins-Thompson and Horvitz, WSDM 2013: Crowd-BT): 1 is an expert, ½
//! answers at random, 0 means the opposite. A tie counts half for each order. With
//! `u = logit η` and `r = σ(u + d)`, the probability that an answer was meant as it was
//! given, the slopes of log p are `r − σ(d)` by d and `r − η` by u.
//!
//! The minimised mean over answers of weight v, with L2 strength λ and Beta prior (a, b):
//!
//! ```text
//! J = (−Σ v·log p + λ/2·|w|² − Σ_k (a·log η_k + b·log(1 − η_k))) / Σ v
//! ```

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::error::RewardError;
use super::math::{add_scaled, dot, log_add, log_sigmoid, logit, sigmoid};
use super::reliability::ReliabilityPrior;
use super::space::Space;

/// Steps whose curvature L-BFGS remembers.
const MEMORY: usize = 10;
const MAX_ITERATIONS: u64 = 1000;
/// A fit that ends with a steeper mean loss has failed.
const MAX_GRADIENT: f64 = 1e-3;

/// One answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    /// Its row in the space.
    pub(crate) row: usize,
    /// Who answered; nobody for an edit, which is certain.
    pub(crate) annotator: Option<usize>,
    pub(crate) tie: bool,
    pub(crate) weight: f64,
}

/// What is known of annotators before a fit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Belief<'a> {
    /// u of each; those beyond the slice are experts.
    Known(&'a [f64]),
    /// To be learned, of so many annotators.
    Learned(ReliabilityPrior, usize),
}

/// A minimum of J.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    /// w, then u where it was learned.
    parameters: Vec<f64>,
    dims: usize,
    pub(crate) gradient_norm: f64,
}

impl Minimum {
    pub(crate) fn weights(&self) -> &[f64] {
        &self.parameters[..self.dims]
    }

    /// u of each annotator where it was learned.
    pub(crate) fn logits(&self) -> &[f64] {
        &self.parameters[self.dims..]
    }
}

/// u of who answered: an expert where nothing is known.
pub(crate) fn logit_of(logits: &[f64], annotator: Option<usize>) -> f64 {
    let known = annotator.and_then(|annotator| logits.get(annotator));
    known.copied().unwrap_or(f64::INFINITY)
}

/// log p of an answer; its slopes by d and by u.
pub(crate) fn log_likelihood(margin: f64, logit: f64, tie: bool) -> (f64, f64, f64) {
    let (value, by_margin, by_logit) = one_order(margin, logit);
    if !tie {
        return (value, by_margin, by_logit);
    }
    let (other, other_by_margin, other_by_logit) = one_order(-margin, logit);
    (
        (value + other) / 2.0,
        (by_margin - other_by_margin) / 2.0,
        (by_logit + other_by_logit) / 2.0,
    )
}

fn one_order(margin: f64, logit: f64) -> (f64, f64, f64) {
    let meant = log_sigmoid(logit) + log_sigmoid(margin);
    let flipped = log_sigmoid(-logit) + log_sigmoid(-margin);
    let was_meant = sigmoid(logit + margin);
    (
        log_add(meant, flipped),
        was_meant - sigmoid(margin),
        was_meant - sigmoid(logit),
    )
}

/// Minimises J from `start`, or from no preference and annotators as the prior has them.
pub(crate) fn minimize(
    space: &Space,
    terms: &[Term],
    l2: f64,
    belief: Belief<'_>,
    start: Option<&Minimum>,
    tolerance: f64,
) -> Result<Minimum, RewardError> {
    let objective = Objective {
        space,
        terms,
        l2,
        belief,
        total: terms.iter().map(|term| term.weight).sum(),
        cache: RefCell::default(),
    };
    let parameters = match (start, belief) {
        (Some(start), _) => start.parameters.clone(),
        (None, Belief::Known(_)) => vec![0.0; space.dims],
        // J has a mirror image: w negative and every η turned round. What most annotators
        // agree on decides which of the two it is.
        (None, Belief::Learned(prior, annotators)) => {
            let mut parameters = vec![0.0; space.dims];
            parameters.resize(space.dims + annotators, logit(prior.mode()));
            parameters
        }
    };
    objective.minimize(parameters, tolerance)
}

struct Objective<'a> {
    space: &'a Space,
    terms: &'a [Term],
    l2: f64,
    belief: Belief<'a>,
    total: f64,
    cache: RefCell<Cache>,
}

/// The optimiser asks for value and gradient one after the other, and forgets where it was
/// when its line search fails.
#[derive(Default)]
struct Cache {
    last: Option<Evaluation>,
    best: Option<Evaluation>,
}

#[derive(Clone)]
struct Evaluation {
    parameters: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Objective<'_> {
    fn minimize(&self, start: Vec<f64>, tolerance: f64) -> Result<Minimum, RewardError> {
        let failed = |_| RewardError::NotConverged {
            gradient_norm: f64::NAN,
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(tolerance)
            .map_err(failed)?;
        // Near the minimum the line search fails by rounding: what it reached counts.
        let _ = Executor::new(self, solver)
            .configure(|state| state.param(start).max_iters(MAX_ITERATIONS))
            .timer(false)
            .run();
        let best = self.cache.borrow_mut().best.take();
        let norm = |best: &Evaluation| dot(&best.gradient, &best.gradient).sqrt();
        let gradient_norm = best.as_ref().map_or(f64::NAN, norm);
        match best {
            Some(best) if gradient_norm <= MAX_GRADIENT => Ok(Minimum {
                parameters: best.parameters,
                dims: self.space.dims,
                gradient_norm,
            }),
            _ => Err(RewardError::NotConverged { gradient_norm }),
        }
    }

    fn evaluate(&self, parameters: &[f64]) -> Evaluation {
        let dims = self.space.dims;
        let (weights, learned) = parameters.split_at(dims);
        let logits = match self.belief {
            Belief::Known(logits) => logits,
            Belief::Learned(..) => learned,
        };
        let mut gradient = vec![0.0; parameters.len()];
        let (by_weights, by_logits) = gradient.split_at_mut(dims);
        let mut value = 0.0;
        for term in self.terms {
            let row = self.space.row(term.row);
            let logit = logit_of(logits, term.annotator);
            let (log_p, by_margin, by_logit) = log_likelihood(dot(weights, row), logit, term.tie);
            value -= term.weight * log_p;
            add_scaled(by_weights, -term.weight * by_margin, row);
            if let Some(slope) = term.annotator.and_then(|place| by_logits.get_mut(place)) {
                *slope -= term.weight * by_logit;
            }
        }
        value += self.l2 / 2.0 * dot(weights, weights);
        add_scaled(by_weights, self.l2, weights);
        if let Belief::Learned(prior, _) = self.belief {
            for (&logit, slope) in learned.iter().zip(by_logits) {
                value -= prior.faithful * log_sigmoid(logit);
                value -= prior.flipped * log_sigmoid(-logit);
                *slope -= prior.faithful * sigmoid(-logit) - prior.flipped * sigmoid(logit);
            }
        }
        gradient.iter_mut().for_each(|slope| *slope /= self.total);
        Evaluation {
            parameters: parameters.to_vec(),
            value: value / self.total,
            gradient,
        }
    }

    fn look_up<T>(&self, parameters: &[f64], wanted: impl Fn(&Evaluation) -> T) -> T {
        let mut cache = self.cache.borrow_mut();
        if let Some(last) = cache
            .last
            .as_ref()
            .filter(|last| last.parameters == parameters)
        {
            return wanted(last);
        }
        let last = self.evaluate(parameters);
        let found = wanted(&last);
        if cache
            .best
            .as_ref()
            .is_none_or(|best| last.value <= best.value)
        {
            cache.best = Some(last.clone());
        }
        cache.last = Some(last);
        found
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.look_up(parameters, |found| found.value))
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.look_up(parameters, |found| found.gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Belief, Objective, Term, log_likelihood};
    use crate::reward::reliability::ReliabilityPrior;
    use crate::reward::space::Space;
    use std::cell::RefCell;

    #[test]
    fn slopes_are_those_of_the_likelihood() {
        let step = 1e-5;
        for (margin, logit) in [(0.3, 1.2), (-2.0, 0.4), (5.0, -3.0), (-0.1, 0.0)] {
            for tie in [false, true] {
                let at = |d: f64, u: f64| log_likelihood(d, u, tie).0;
                let (_, by_margin, by_logit) = log_likelihood(margin, logit, tie);
                let rise = (at(margin + step, logit) - at(margin - step, logit)) / (2.0 * step);
                assert!((by_margin - rise).abs() < 1e-8, "{margin} {logit} {tie}");
                let rise = (at(margin, logit + step) - at(margin, logit - step)) / (2.0 * step);
                assert!((by_logit - rise).abs() < 1e-8, "{margin} {logit} {tie}");
            }
        }
    }

    #[test]
    fn extreme_margins_and_certain_annotators_stay_finite() {
        for margin in [-1e5, 0.0, 1e5] {
            for logit in [-1e3, 0.0, 1e3, f64::INFINITY] {
                let (value, by_margin, by_logit) = log_likelihood(margin, logit, false);
                assert!(value.is_finite() && by_margin.is_finite() && by_logit.is_finite());
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let rows = vec![1.0, -0.5, 0.2, 0.7, -1.1, 0.4];
        let space = Space::of_rows(2, rows);
        let term = |row, annotator, tie, weight| Term {
            row,
            annotator,
            tie,
            weight,
        };
        let terms = [
            term(0, Some(0), false, 1.0),
            term(1, Some(1), true, 1.0),
            term(2, None, false, 0.4),
        ];
        let objective = Objective {
            space: &space,
            terms: &terms,
            l2: 0.3,
            belief: Belief::Learned(ReliabilityPrior::default(), 2),
            total: 2.4,
            cache: RefCell::default(),
        };
        let at = [0.4, -0.8, 1.1, -0.3];
        let gradient = objective.evaluate(&at).gradient;
        for (place, slope) in gradient.iter().enumerate() {
            let value = |step: f64| {
                let mut moved = at;
                moved[place] += step;
                objective.evaluate(&moved).value
            };
            let rise = (value(1e-5) - value(-1e-5)) / 2e-5;
            assert!((slope - rise).abs() < 1e-8, "{place}: {slope} {rise}");
        }
    }
}
