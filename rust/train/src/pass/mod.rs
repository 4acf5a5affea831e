//! Forward and backward through all layers.

pub(crate) mod head;
pub(crate) mod layer;

use pocketune_kernels::{Panels, RopeTable, ThreadPool};

use crate::control::Control;
use crate::error::TrainError;
use crate::lora::Lora;
use crate::model::{LayerStates, Model};
use crate::pack::Pack;
use crate::plan::MemoryPlan;
use layer::{Env, Gradient, LayerInput};

/// Adapters over the model's weights. `frozen` ones belong to the reference policy,
/// `trained` is what moves; without it the reference answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adapters<'a> {
    /// Applied as they are.
    pub frozen: &'a [Lora],
    /// Applied, and gets gradients.
    pub trained: Option<&'a Lora>,
}

/// One pack on its way through the model. Every function blocks, and returns
/// [`TrainError::Cancelled`] after the product under way when told to stop.
pub struct Pass<'a> {
    env: EnvOwned<'a>,
    pack: &'a Pack,
    plan: &'a MemoryPlan,
    // Input of each layer, then the last one's output.
    inputs: Vec<Panels>,
    states: Vec<Option<LayerStates>>,
}

struct EnvOwned<'a> {
    model: &'a Model,
    pool: &'a ThreadPool,
    rope: RopeTable,
    adapters: Adapters<'a>,
    control: &'a Control,
}

impl<'a> Pass<'a> {
    /// Forward for log-probabilities alone: keeps the last layer's output only.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn infer(
        model: &'a Model,
        pool: &'a ThreadPool,
        adapters: Adapters<'a>,
        pack: &'a Pack,
        plan: &'a MemoryPlan,
        control: &'a Control,
    ) -> Result<Self, TrainError> {
        let mut pass = Self::start(model, pool, adapters, pack, plan, control);
        let mut x = model.architecture().embed(&pack.tokens);
        for layer in 0..model.layers() {
            x = model
                .architecture()
                .layer_forward(&pass.env(), layer, &x)?
                .y;
        }
        pass.inputs.push(x);
        Ok(pass)
    }

    /// Forward with a backward pass to come: keeps each layer's input, and as many
    /// layers' intermediate values as the plan has room for.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn forward(
        model: &'a Model,
        pool: &'a ThreadPool,
        adapters: Adapters<'a>,
        pack: &'a Pack,
        plan: &'a MemoryPlan,
        control: &'a Control,
    ) -> Result<Self, TrainError> {
        let mut pass = Self::start(model, pool, adapters, pack, plan, control);
        let first = pass.first_layer();
        let mut x = model.architecture().embed(&pack.tokens);
        for layer in 0..model.layers() {
            let output = model.architecture().layer_forward(&pass.env(), layer, &x)?;
            // The last layers: their values are needed first and freed first.
            let keep = layer >= first && layer + plan.kept_layers >= model.layers();
            pass.states.push(keep.then_some(output.states));
            pass.inputs.push(std::mem::replace(&mut x, output.y));
            if layer < first {
                pass.inputs[layer] = Panels::new(0, 0);
            }
        }
        pass.inputs.push(x);
        Ok(pass)
    }

    fn start(
        model: &'a Model,
        pool: &'a ThreadPool,
        adapters: Adapters<'a>,
        pack: &'a Pack,
        plan: &'a MemoryPlan,
        control: &'a Control,
    ) -> Self {
        Self {
            env: EnvOwned {
                model,
                pool,
                rope: model.architecture().rope(pack.mask.positions()),
                adapters,
                control,
            },
            pack,
            plan,
            inputs: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Log-probability of each of the pack's targets.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn log_probabilities(&self) -> Result<Vec<f32>, TrainError> {
        let targets = &self.pack.targets;
        head::log_probabilities(&self.env(), self.last(), targets, self.plan.head_tokens)
    }

    /// Logits after one of the pack's tokens, V of them.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    ///
    /// # Panics
    /// When there is no such token.
    pub fn logits(&self, token: usize) -> Result<Vec<f32>, TrainError> {
        head::logits(&self.env(), self.last(), token)
    }

    /// KL(this policy ‖ that of `reference`) in nats at each of the pack's targets,
    /// exact over the vocabulary. `reference` went through the same pack.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn kl_divergence(&self, reference: &Pass<'_>) -> Result<Vec<f32>, TrainError> {
        let targets = &self.pack.targets;
        let last = [self.last(), reference.last()];
        head::kl_divergence(&self.env(), last, targets, self.plan.head_tokens)
    }

    /// Adds the gradient of `Σ weights[i]·(−log p(targets[i]))` to `gradient`, which is
    /// as long as the trained adapter's parameters. Uses up what [`Pass::forward`]
    /// kept. Returns the log-probabilities.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`]; `gradient` is then half done.
    ///
    /// # Panics
    /// When there is no trained adapter, or a length does not fit.
    pub fn backward(
        mut self,
        weights: &[f32],
        gradient: &mut [f32],
    ) -> Result<Vec<f32>, TrainError> {
        let trained = self
            .env
            .adapters
            .trained
            .map(|lora| lora.parameters().len());
        assert_eq!(trained, Some(gradient.len()), "gradient");
        assert_eq!(
            self.inputs.len(),
            self.env.model.layers() + 1,
            "infer has no way back"
        );
        let last = self.inputs.pop().unwrap_or_else(|| Panels::new(0, 0));
        let (targets, chunk) = (&self.pack.targets, self.plan.head_tokens);
        let (log_probabilities, mut dy) =
            head::backward(&self.env(), &last, targets, weights, chunk)?;
        drop(last);
        let first = self.first_layer();
        let mut gradient = Gradient(gradient);
        for layer in (first..self.env.model.layers()).rev() {
            let x = self.inputs.pop().unwrap_or_else(|| Panels::new(0, 0));
            let states = self.states.pop().flatten();
            let input = LayerInput {
                x: &x,
                states,
                wanted: layer > first,
            };
            let architecture = self.env.model.architecture();
            dy = architecture.layer_backward(&self.env(), layer, input, dy, &mut gradient)?;
        }
        Ok(log_probabilities)
    }

    fn first_layer(&self) -> usize {
        self.env.adapters.trained.map_or(0, Lora::first_layer)
    }

    fn last(&self) -> &Panels {
        // Both constructors push the last layer's output.
        &self.inputs[self.inputs.len() - 1]
    }

    fn env(&self) -> Env<'_> {
        Env {
            model: self.env.model,
            pool: self.env.pool,
            mask: &self.pack.mask,
            rope: &self.env.rope,
            adapters: self.env.adapters,
            control: self.env.control,
            chunk_tokens: self.plan.chunk_tokens,
        }
    }
}
