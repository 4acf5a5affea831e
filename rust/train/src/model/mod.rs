//! Models that can be trained over. An architecture is one file beside this one.

mod llama;
mod weights;

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use pocketune_gguf::{Architecture as Name, ModelHeader};
use pocketune_kernels::{Matrix, Panels, RopeTable};

use crate::error::TrainError;
use crate::lora::Projection;
use crate::pass::layer::{Env, Gradient, LayerInput};
use crate::plan::LayerSizes;
use weights::Weights;

/// A GGUF model, mapped for reading. Shared by all that computes with it.
#[derive(Debug)]
pub struct Model {
    header: ModelHeader,
    architecture: Box<dyn Architecture>,
    pub(crate) digest: OnceLock<String>,
}

/// The parts of a network that differ between architectures. Implementations hold
/// the weights and compute one layer at a time.
pub(crate) trait Architecture: fmt::Debug + Send + Sync {
    fn layers(&self) -> usize;

    /// V.
    fn vocabulary(&self) -> usize;

    fn projection(&self, layer: usize, projection: Projection) -> Matrix<'_>;

    /// The V x E matrix that makes logits.
    fn head(&self) -> Matrix<'_>;

    /// Weight and epsilon of the norm before the head.
    fn final_norm(&self) -> (&[f32], f32);

    /// Embeddings of the tokens.
    fn embed(&self, tokens: &[u32]) -> Panels;

    fn rope(&self, positions: &[u32]) -> RopeTable;

    fn sizes(&self) -> LayerSizes;

    /// The whole file.
    fn file(&self) -> &[u8];

    /// The layer's output for input `x`.
    fn layer_forward(
        &self,
        env: &Env<'_>,
        layer: usize,
        x: &Panels,
    ) -> Result<LayerOutput, TrainError>;

    /// Turns `dy`, the gradient of the layer's output, into that of its input
    /// and adds to the adapter's gradient. The input's is not made when not wanted.
    fn layer_backward(
        &self,
        env: &Env<'_>,
        layer: usize,
        input: LayerInput<'_>,
        dy: Panels,
        gradient: &mut Gradient<'_>,
    ) -> Result<Panels, TrainError>;
}

/// What a layer computed.
pub(crate) struct LayerOutput {
    pub(crate) y: Panels,
    pub(crate) states: LayerStates,
}

/// Intermediate values that the backward pass needs; see the architecture's file.
#[derive(Debug)]
pub(crate) struct LayerStates(pub(crate) Vec<Panels>);

impl Model {
    /// Maps and audits `path`. Reads the header and the norms; blocks on the disk for
    /// that long.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::ModelNotAFile`], [`TrainError::Gguf`], [`TrainError::UnsupportedArchitecture`],
    /// [`TrainError::UnsupportedModel`], [`TrainError::UnsupportedType`].
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let (weights, header) = Weights::open(path)?;
        let architecture: Box<dyn Architecture> = match header.architecture {
            Name::Llama => Box::new(llama::Llama::new(weights, &header)?),
            other @ Name::Gemma3 => {
                return Err(TrainError::UnsupportedArchitecture {
                    architecture: other.name().to_owned(),
                });
            }
        };
        Ok(Self {
            header,
            architecture,
            digest: OnceLock::new(),
        })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn header(&self) -> &ModelHeader {
        &self.header
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.architecture.layers()
    }

    /// V.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.architecture.vocabulary()
    }

    /// A weight matrix of a layer, N x K, in the file's own blocks.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn projection(&self, layer: usize, projection: Projection) -> Matrix<'_> {
        self.architecture.projection(layer, projection)
    }

    /// P: weights that take part in matrix products, the head included.
    #[must_use]
    pub fn multiplied_weights(&self) -> u64 {
        let size = |matrix: Matrix<'_>| (matrix.rows() * matrix.columns()) as u64;
        let layers: u64 = (0..self.layers())
            .flat_map(|layer| Projection::ALL.map(|projection| (layer, projection)))
            .map(|(layer, projection)| size(self.projection(layer, projection)))
            .sum();
        layers + size(self.architecture.head())
    }

    pub(crate) fn architecture(&self) -> &dyn Architecture {
        self.architecture.as_ref()
    }
}
