//! Learning rates over time, as Hugging Face's schedulers define them.

use serde::{Deserialize, Serialize};

/// How the learning rate goes on after warm-up, which is linear from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls to 0 along half a cosine.
    #[default]
    Cosine,
}

impl Schedule {
    /// The factor on the learning rate in `step` (from 0) of `steps`.
    #[must_use]
    pub fn factor(self, step: u64, warm_up: u64, steps: u64) -> f64 {
        if step < warm_up {
            return step as f64 / warm_up.max(1) as f64;
        }
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let left = steps.saturating_sub(warm_up).max(1);
                let progress = (step - warm_up) as f64 / left as f64;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn warms_up_and_falls() {
        let at = |step| Schedule::Cosine.factor(step, 5, 25);
        assert_eq!((at(0), at(1), at(5)), (0.0, 0.2, 1.0));
        assert!((at(15) - 0.5).abs() < 1e-12 && at(25) < 1e-12);
        assert_eq!(Schedule::Constant.factor(9, 0, 10), 1.0);
    }
}
