//! Sigmoids.

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `log σ(x)` without overflow.
pub(super) fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// Compares slopes with differences of values.
#[cfg(test)]
pub(super) mod slopes {
    use crate::objective::{BatchFacts, Objective, ScoredReply};

    /// The largest error of a weight, each against the difference of losses around it.
    pub(crate) fn error(
        objective: &dyn Objective,
        batch: &BatchFacts,
        replies: &[ScoredReply],
    ) -> f64 {
        const STEP: f64 = 1e-4;
        let loss = |index: usize, by: f64| {
            let mut moved = replies.to_vec();
            moved[index].policy += by;
            objective.weigh(batch, &moved).loss
        };
        let weights = objective.weigh(batch, replies).weights;
        let errors = weights.iter().enumerate().map(|(index, weight)| {
            let slope = (loss(index, STEP) - loss(index, -STEP)) / (2.0 * STEP);
            (weight + slope).abs()
        });
        errors.fold(0.0, f64::max)
    }
}
