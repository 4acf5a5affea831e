//! About how long a run takes.

use std::time::{Duration, Instant};

use pocketune_kernels::{Panels, ThreadPool, matmul_forward};

use crate::lora::Projection;
use crate::model::Model;

/// What steps cost, whatever computes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunCost {
    /// Multiplications with weights.
    pub multiplications: f64,
}

impl RunCost {
    /// The same so many times over.
    #[must_use]
    pub fn times(self, runs: usize) -> Self {
        Self {
            multiplications: self.multiplications * runs as f64,
        }
    }

    /// About how long it takes, from the speed of one product measured now. Blocks for some
    /// tenths of a second.
    #[must_use]
    pub fn duration(self, model: &Model, pool: &ThreadPool) -> Duration {
        // What is no product of weights takes about a fifth of the time.
        let seconds = 1.25 * self.multiplications / products_per_second(model, pool);
        Duration::from_secs_f64(seconds)
    }
}

/// Multiplications with weights that the machine does a second, as it is now.
fn products_per_second(model: &Model, pool: &ThreadPool) -> f64 {
    const TOKENS: usize = 128;
    let weight = model.projection(0, Projection::Gate);
    let x = Panels::new(TOKENS, weight.columns());
    let mut y = Panels::new(TOKENS, weight.rows());
    let mut rate = 0.0f64;
    for _ in 0..5 {
        let started = Instant::now();
        matmul_forward(pool, &weight, &x, &mut y, &[]);
        let done = (weight.rows() * weight.columns() * TOKENS) as f64;
        rate = rate.max(done / started.elapsed().as_secs_f64());
    }
    rate
}
