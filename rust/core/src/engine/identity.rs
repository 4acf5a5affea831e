//! What adapters for the engine's model are verified against.

use std::sync::Arc;

use pocketune_adapter::{BaseIdentity, BaseNorms};
use pocketune_gguf::{Gguf, TensorInfo};
use pocketune_kernels::{dequantize, is_supported};

use super::Engine;
use crate::digest::DigestCache;
use crate::error::Error;
use crate::source::{ModelFile, ModelSource};

/// Elements that are dequantised at a time: whole blocks of every type.
const PIECE: usize = 1 << 14;

/// Highest root mean square of a matrix's weights. Training leaves 0.01 to 1. One enormous
/// weight would make every change look small beside it, and pass any limit on changes.
const WEIGHT_RMS_MAX: f64 = 10.0;

impl Engine {
    /// The model as adapters are verified against it, given the norms of its matrices.
    /// Blocks for hashing the file where the digest cache does not know it.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`].
    pub fn base_identity(&self, norms: BaseNorms) -> Result<BaseIdentity, Error> {
        Ok(BaseIdentity {
            shapes: Arc::clone(self.base_model()),
            sha256: self.digest()?,
            tokenizer_sha256: self.shared.tokenizer_sha256(),
            norms: Arc::new(norms),
        })
    }

    /// Frobenius norms of the matrices that an adapter may change. Reads all of them:
    /// about a second a gigabyte. Blocks. Matrices of a type that is not supported here
    /// have none, and no adapter may change them.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`], [`Error::ModelInvalid`]; [`Error::WeightsUnsound`] for
    /// weights that are infinite, no numbers, or beyond what training makes.
    pub fn base_norms(&self) -> Result<BaseNorms, Error> {
        norms(self.shared.file())
    }

    /// The model of `source` as adapters are verified against it, without loading it.
    /// Blocks for reading all of it, about two seconds a gigabyte.
    ///
    /// # Errors
    /// As [`Engine::inspect`], and [`Error::WeightsUnsound`].
    pub fn identify(source: &ModelSource, digests: &DigestCache) -> Result<BaseIdentity, Error> {
        let file = source.open()?;
        let norms = norms(&file)?;
        Ok(BaseIdentity {
            sha256: file.digest(digests).map_err(Error::ModelUnreadable)?,
            shapes: Arc::clone(&file.base),
            tokenizer_sha256: file.tokenizer_sha256,
            norms: Arc::new(norms),
        })
    }
}

fn norms(file: &ModelFile) -> Result<BaseNorms, Error> {
    let bytes = file.mapped()?;
    let gguf = Gguf::parse(&bytes, bytes.len() as u64)?;
    let norm = |name: &str| {
        let tensor = gguf.tensor(name)?;
        let data = gguf.tensor_data(tensor, &bytes)?;
        let norm = sound(tensor, norm(tensor, data)?);
        Some(norm.map(|norm| (name.to_owned(), norm)))
    };
    file.base.targets().filter_map(norm).collect()
}

/// The norm of a matrix whose weights may be measured against.
fn sound(tensor: &TensorInfo<'_>, norm: f64) -> Result<f64, Error> {
    let weights: f64 = tensor.dims().iter().map(|&dim| dim as f64).product();
    let fault = match norm {
        norm if !norm.is_finite() => "one is infinite or no number",
        norm if norm > WEIGHT_RMS_MAX * weights.sqrt() => "they are far larger than training makes",
        norm => return Ok(norm),
    };
    Err(Error::WeightsUnsound {
        tensor: tensor.name().to_owned(),
        fault,
    })
}

fn norm(tensor: &TensorInfo<'_>, data: &[u8]) -> Option<f64> {
    let tensor_type = tensor.tensor_type();
    if !is_supported(tensor_type) {
        return None;
    }
    let block = usize::try_from(tensor_type.block_size()).ok()?;
    let block_bytes = usize::try_from(tensor_type.block_bytes()).ok()?;
    let mut values = vec![0.0; PIECE];
    let squares = data.chunks(PIECE / block * block_bytes).map(|piece| {
        let values = &mut values[..piece.len() / block_bytes * block];
        dequantize(tensor_type, piece, values);
        let squares = values
            .iter()
            .map(|&value| f64::from(value) * f64::from(value));
        squares.sum::<f64>()
    });
    Some(squares.sum::<f64>().sqrt())
}
