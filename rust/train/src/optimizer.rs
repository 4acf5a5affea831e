//! Optimisers over one long slice of parameters, as PyTorch defines them.

use serde::{Deserialize, Serialize};

/// Which optimiser, with its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum OptimizerOptions {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2017,
    /// arXiv:1711.05101).
    AdamW {
        /// Decay of the mean.
        beta1: f32,
        /// Decay of the mean square.
        beta2: f32,
        /// Added to the root.
        epsilon: f32,
        /// Share of each parameter lost, times the learning rate.
        weight_decay: f32,
    },
    /// Gradient descent with momentum; 0 keeps no state.
    Sgd {
        /// Share of the last step kept.
        momentum: f32,
    },
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        Self::AdamW {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl OptimizerOptions {
    /// SGD with the usual momentum.
    pub const SGD: Self = Self::Sgd { momentum: 0.9 };

    /// F32 values of state for each parameter.
    #[must_use]
    pub fn state_per_parameter(self) -> usize {
        match self {
            Self::AdamW { .. } => 2,
            Self::Sgd { momentum } => usize::from(momentum != 0.0),
        }
    }
}

/// An optimiser with its state.
#[derive(Debug, Clone, PartialEq)]
pub enum Optimizer {
    /// AdamW.
    AdamW(AdamW),
    /// SGD.
    Sgd(Sgd),
}

impl Optimizer {
    /// Fresh state for `parameters` of them.
    #[must_use]
    pub fn new(options: OptimizerOptions, parameters: usize) -> Self {
        match options {
            OptimizerOptions::AdamW {
                beta1,
                beta2,
                epsilon,
                weight_decay,
            } => Self::AdamW(AdamW {
                betas: (beta1, beta2),
                epsilon,
                weight_decay,
                steps: 0,
                means: vec![0.0; parameters],
                squares: vec![0.0; parameters],
            }),
            OptimizerOptions::Sgd { momentum } => Self::Sgd(Sgd {
                momentum,
                velocity: vec![0.0; if momentum == 0.0 { 0 } else { parameters }],
            }),
        }
    }

    /// Moves the parameters one step against the gradient.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f64) {
        match self {
            Self::AdamW(adam) => adam.step(parameters, gradient, learning_rate),
            Self::Sgd(sgd) => sgd.step(parameters, gradient, learning_rate),
        }
    }

    /// How often it has moved anything.
    pub(crate) fn updates(&self) -> u64 {
        match self {
            Self::AdamW(adam) => adam.steps,
            Self::Sgd(_) => 0,
        }
    }

    pub(crate) fn set_updates(&mut self, updates: u64) {
        if let Self::AdamW(adam) = self {
            adam.steps = updates;
        }
    }

    /// What it remembers, by name: one value a parameter each.
    pub(crate) fn state(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let (first, second) = match self {
            Self::AdamW(adam) => (("means", &adam.means), Some(("squares", &adam.squares))),
            Self::Sgd(sgd) => (("velocity", &sgd.velocity), None),
        };
        let all = std::iter::once(first).chain(second);
        all.filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| (name, values.as_slice()))
    }

    /// The same, to be written.
    pub(crate) fn state_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (first, second) = match self {
            Self::AdamW(adam) => (&mut adam.means, Some(&mut adam.squares)),
            Self::Sgd(sgd) => (&mut sgd.velocity, None),
        };
        let all = std::iter::once(first).chain(second);
        all.filter(|values| !values.is_empty())
            .map(Vec::as_mut_slice)
    }
}

/// State of [`OptimizerOptions::AdamW`].
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    betas: (f32, f32),
    epsilon: f32,
    weight_decay: f32,
    steps: u64,
    means: Vec<f32>,
    squares: Vec<f32>,
}

impl AdamW {
    fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f64) {
        self.steps += 1;
        let (beta1, beta2) = self.betas;
        let correction =
            |beta: f32| 1.0 - f64::from(beta).powi(i32::try_from(self.steps).unwrap_or(i32::MAX));
        let step_size = (learning_rate / correction(beta1)) as f32;
        let root = correction(beta2).sqrt() as f32;
        let keep = 1.0 - (learning_rate * f64::from(self.weight_decay)) as f32;
        let state = self.means.iter_mut().zip(&mut self.squares);
        for ((p, &g), (mean, square)) in parameters.iter_mut().zip(gradient).zip(state) {
            *mean += (g - *mean) * (1.0 - beta1);
            *square = *square * beta2 + g * g * (1.0 - beta2);
            *p = *p * keep - step_size * *mean / (square.sqrt() / root + self.epsilon);
        }
    }
}

/// State of [`OptimizerOptions::Sgd`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    momentum: f32,
    velocity: Vec<f32>,
}

impl Sgd {
    fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f64) {
        let rate = learning_rate as f32;
        if self.velocity.is_empty() {
            for (p, &g) in parameters.iter_mut().zip(gradient) {
                *p -= rate * g;
            }
            return;
        }
        let velocity = self.velocity.iter_mut();
        for ((p, &g), velocity) in parameters.iter_mut().zip(gradient).zip(velocity) {
            *velocity = *velocity * self.momentum + g;
            *p -= rate * *velocity;
        }
    }
}

/// Shortens the gradient to `most` (PyTorch's `clip_grad_norm_`); returns the
/// Euclidean norm it had, summed in F64.
pub fn clip(gradient: &mut [f32], most: f32) -> f64 {
    let norm = gradient
        .iter()
        .map(|&g| f64::from(g) * f64::from(g))
        .sum::<f64>()
        .sqrt();
    let factor = (f64::from(most) / (norm + 1e-6)) as f32;
    if factor < 1.0 {
        for g in gradient {
            *g *= factor;
        }
    }
    norm
}
