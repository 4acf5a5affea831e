//! Forward and backward through all layers.

pub(crate) mod head;
pub(crate) mod layer;

use pocketune_kernels::{Control, Panels, RopeTable, ThreadPool};

use crate::error::TrainError;
use crate::lora::Lora;
use crate::model::{LayerStates, Model};
use crate::pack::Pack;
use crate::plan::MemoryPlan;
pub use head::TargetWeights;
pub use layer::Dropout;
use layer::{Env, Gradient, LayerInput};

/// Adapters over the model's weights. `frozen` ones belong to every policy, `initial` to the
/// reference alone; `trained` is what moves, and without it the reference answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adapters<'a> {
    /// Applied as they are.
    pub frozen: &'a [Lora],
    /// Applied as it is: what training began with, where the reference has it.
    pub initial: Option<&'a Lora>,
    /// Applied, and gets gradients.
    pub trained: Option<&'a Lora>,
}

/// A model with adapters, and what it computes with.
#[derive(Debug, Clone, Copy)]
pub struct AdaptedModel<'a> {
    /// The weights.
    pub model: &'a Model,
    /// The threads.
    pub pool: &'a ThreadPool,
    /// What changes the weights.
    pub adapters: Adapters<'a>,
    /// How time is traded for memory.
    pub plan: &'a MemoryPlan,
    /// Stops it.
    pub control: &'a Control,
    /// Of the trained adapter's input, in training alone.
    pub dropout: Option<Dropout>,
}

/// One pack on its way through the model. Every function blocks, and returns
/// [`TrainError::Cancelled`] after the product under way when told to stop.
pub struct Pass<'a> {
    adapted: AdaptedModel<'a>,
    rope: RopeTable,
    pack: &'a Pack,
    // Input of each layer, then the last one's output.
    inputs: Vec<Panels>,
    states: Vec<Option<LayerStates>>,
}

impl<'a> Pass<'a> {
    /// Forward for log-probabilities alone: keeps the last layer's output only.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn infer(adapted: AdaptedModel<'a>, pack: &'a Pack) -> Result<Self, TrainError> {
        let mut pass = Self::start(adapted, pack);
        let architecture = adapted.model.architecture();
        let mut x = architecture.embed(&pack.tokens);
        for layer in 0..adapted.model.layers() {
            x = architecture.layer_forward(&pass.env(), layer, &x)?.y;
        }
        pass.inputs.push(x);
        Ok(pass)
    }

    /// Forward with a backward pass to come: keeps each layer's input, and as many
    /// layers' intermediate values as the plan has room for.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn forward(adapted: AdaptedModel<'a>, pack: &'a Pack) -> Result<Self, TrainError> {
        let mut pass = Self::start(adapted, pack);
        let first = pass.first_layer();
        let (architecture, layers) = (adapted.model.architecture(), adapted.model.layers());
        let mut x = architecture.embed(&pack.tokens);
        for layer in 0..layers {
            let output = architecture.layer_forward(&pass.env(), layer, &x)?;
            // The last layers: their values are needed first and freed first.
            let keep = layer >= first && layer + adapted.plan.kept_layers >= layers;
            pass.states.push(keep.then_some(output.states));
            pass.inputs.push(std::mem::replace(&mut x, output.y));
            if layer < first {
                pass.inputs[layer] = Panels::new(0, 0);
            }
        }
        pass.inputs.push(x);
        Ok(pass)
    }

    fn start(adapted: AdaptedModel<'a>, pack: &'a Pack) -> Self {
        Self {
            adapted,
            rope: adapted.model.architecture().rope(pack.mask.positions()),
            pack,
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
        head::log_probabilities(&self.env(), self.last(), targets, self.head_tokens())
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

    /// The last layer's output at each of the pack's targets: all that log-probabilities
    /// are made from.
    #[must_use]
    pub fn hidden(&self) -> Panels {
        head::gather(self.last(), &self.pack.targets)
    }

    /// KL(this policy ‖ reference) in nats at each of the pack's targets, exact over the
    /// vocabulary. `reference` is what [`Pass::hidden`] of the reference was.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    ///
    /// # Panics
    /// When `reference` is not from the same pack and model.
    pub fn kl_divergence(&self, reference: &Panels) -> Result<Vec<f32>, TrainError> {
        let targets = &self.pack.targets;
        let chunk = self.adapted.plan.couples();
        head::kl_divergence(&self.env(), self.last(), reference, targets, chunk)
    }

    /// Adds the gradient of `Σ wᵢ·(−log p(targets[i]))` to `gradient`, which is as long as
    /// the trained adapter's parameters. Uses up what [`Pass::forward`] kept. Returns
    /// the log-probabilities.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`]; `gradient` is then half done.
    ///
    /// # Panics
    /// When there is no trained adapter, or a length does not fit.
    pub fn backward(
        mut self,
        weights: TargetWeights<'_>,
        gradient: &mut [f32],
    ) -> Result<Vec<f32>, TrainError> {
        let last = self.take_last();
        let (targets, chunk) = (&self.pack.targets, self.head_tokens());
        let (log_probabilities, dy) = head::backward(&self.env(), &last, targets, weights, chunk)?;
        drop(last);
        self.layers_backward(dy, gradient)?;
        Ok(log_probabilities)
    }

    /// Adds the gradient of `Σ weights·KL(reference ‖ this policy)` over the pack's targets, exact
    /// over the vocabulary, as [`Pass::backward`] does. Returns KL at each target in nats.
    /// `reference` is what [`Pass::hidden`] of the reference was.
    ///
    /// # Errors
    /// As [`Pass::backward`].
    ///
    /// # Panics
    /// As [`Pass::backward`], and when `reference` is not from the same pack and model.
    pub fn backward_toward(
        mut self,
        reference: &Panels,
        weights: &[f32],
        gradient: &mut [f32],
    ) -> Result<Vec<f32>, TrainError> {
        let last = self.take_last();
        let (targets, chunk) = (&self.pack.targets, self.adapted.plan.couples());
        let (kl, dy) =
            head::backward_toward(&self.env(), &last, reference, targets, weights, chunk)?;
        drop(last);
        self.layers_backward(dy, gradient)?;
        Ok(kl)
    }

    /// The last layer's output, which nothing else needs.
    fn take_last(&mut self) -> Panels {
        assert_eq!(
            self.inputs.len(),
            self.adapted.model.layers() + 1,
            "infer has no way back"
        );
        self.inputs.pop().unwrap_or_else(|| Panels::new(0, 0))
    }

    /// From the gradient of the last layer's output to that of the trained adapter.
    fn layers_backward(mut self, mut dy: Panels, gradient: &mut [f32]) -> Result<(), TrainError> {
        let AdaptedModel {
            model, adapters, ..
        } = self.adapted;
        let trained = adapters.trained.map(|lora| lora.parameters().len());
        assert_eq!(trained, Some(gradient.len()), "gradient");
        let first = self.first_layer();
        let mut gradient = Gradient(gradient);
        for layer in (first..model.layers()).rev() {
            let x = self.inputs.pop().unwrap_or_else(|| Panels::new(0, 0));
            let states = self.states.pop().flatten();
            let input = LayerInput {
                x: &x,
                states,
                wanted: layer > first,
            };
            dy = model.architecture().layer_backward(
                &self.env(),
                layer,
                input,
                dy,
                &mut gradient,
            )?;
        }
        Ok(())
    }

    fn first_layer(&self) -> usize {
        let trained = self.adapted.adapters.trained;
        trained.map_or(0, Lora::first_layer)
    }

    fn head_tokens(&self) -> usize {
        self.adapted.plan.head_tokens
    }

    fn last(&self) -> &Panels {
        // Both constructors push the last layer's output.
        &self.inputs[self.inputs.len() - 1]
    }

    fn env(&self) -> Env<'_> {
        Env {
            adapted: self.adapted,
            mask: &self.pack.mask,
            rope: &self.rope,
            first_token: 0,
        }
    }
}
