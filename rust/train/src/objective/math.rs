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

    /// The largest error of a weight, each against the difference of losses around it: of any
    /// token, and of the last.
    pub(crate) fn error(
        objective: &dyn Objective,
        batch: &BatchFacts,
        replies: &[ScoredReply],
    ) -> f64 {
        const STEP: f64 = 1e-4;
        let slope = |index: usize, end: f64| {
            let loss = |by: f64| {
                let mut moved = replies.to_vec();
                moved[index].policy += by;
                moved[index].policy_end += by * end;
                objective.weigh(batch, &moved).loss
            };
            (loss(STEP) - loss(-STEP)) / (2.0 * STEP)
        };
        let weights = objective.weigh(batch, replies).weights;
        let errors = weights.iter().enumerate().map(|(index, weight)| {
            let of_each = weight.each + slope(index, 0.0);
            let of_last = weight.each + weight.end + slope(index, 1.0);
            of_each.abs().max(of_last.abs())
        });
        errors.fold(0.0, f64::max)
    }
}
