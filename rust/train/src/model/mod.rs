//! Models that can be trained over. An architecture is one file beside this one.

mod digest;
mod llama;
mod weights;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use pocketune_base::{Digest, open_regular};
use pocketune_gguf::{Architecture as Name, Gguf, ModelHeader, audit_model};
use pocketune_kernels::{MappedFile, Matrix, Panels, RopeTable};

use crate::error::TrainError;
use crate::lora::Projection;
use crate::pass::layer::{Env, Gradient, LayerInput};
use crate::plan::LayerSizes;
use digest::LazyDigest;
use weights::Weights;

/// A GGUF model, mapped for reading. Shared by all that computes with it.
#[derive(Debug)]
pub struct Model {
    header: ModelHeader,
    architecture: Box<dyn Architecture>,
    digest: LazyDigest,
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
    /// The model in a file that somebody opened, audited and mapped: `header` is what the
    /// audit of these bytes returned. `digest` gives the file's SHA-256; it is called once,
    /// by the first checkpoint, and may block. Reads the table of tensors and the norms;
    /// blocks on the disk for that long.
    ///
    /// # Errors
    /// [`TrainError::Gguf`], [`TrainError::UnsupportedArchitecture`],
    /// [`TrainError::UnsupportedModel`], [`TrainError::UnsupportedType`].
    pub fn from_mapped(
        file: Arc<MappedFile>,
        header: ModelHeader,
        digest: impl Fn() -> io::Result<Digest> + Send + Sync + 'static,
    ) -> Result<Self, TrainError> {
        let architecture: Box<dyn Architecture> = match header.architecture {
            Name::Llama => Box::new(llama::Llama::new(Weights::of(file)?, &header)?),
            other @ Name::Gemma3 => {
                return Err(TrainError::UnsupportedArchitecture {
                    architecture: other.name().to_owned(),
                });
            }
        };
        Ok(Self {
            header,
            architecture,
            digest: LazyDigest::new(digest),
        })
    }

    /// Maps and audits the file at `path`, for those who have not opened it already: tools
    /// and tests. Blocks as [`Model::from_mapped`] does.
    ///
    /// # Errors
    /// As [`Model::from_mapped`], and [`TrainError::Io`], [`TrainError::ModelNotAFile`].
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let file = Arc::new(MappedFile::of(&open_regular(path)?)?);
        let header = audit_model(&Gguf::parse(&file, file.len() as u64)?)?;
        let bytes = Arc::clone(&file);
        let digest = move || Ok(Digest::of(&bytes));
        Self::from_mapped(file, header, digest)
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

    /// SHA-256 of the model file in hexadecimal. Blocks the first time.
    pub(crate) fn digest(&self) -> io::Result<&Digest> {
        self.digest.get()
    }

    pub(crate) fn architecture(&self) -> &dyn Architecture {
        self.architecture.as_ref()
    }
}
