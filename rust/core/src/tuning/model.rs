//! The model that is tuned: the engine's file, mapped once.

use std::sync::Arc;

use pocketune_adapter::{AdapterError, BaseModel, CandidateAdapter};
use pocketune_train::{Lora, Model};

use crate::engine::Engine;
use crate::error::Error;

/// A model's weights as tuning reads them: over the same open file that the engine was loaded
/// from, a descriptor included. Clones share them. The engine may be closed meanwhile, and
/// its memory is then free for tuning.
#[derive(Debug, Clone)]
pub struct TunableModel {
    weights: Arc<Model>,
    base: Arc<BaseModel>,
}

impl Engine {
    /// The model of this engine for tuning. Maps its file where nothing has yet; reads the
    /// table of tensors and the norms, and blocks on the disk for that long. Hashes nothing:
    /// the first checkpoint does, where the digest cache does not know the file.
    ///
    /// # Errors
    /// [`Error::Tuning`] for a model that cannot be tuned, [`Error::ModelUnreadable`].
    pub fn tunable(&self) -> Result<TunableModel, Error> {
        let shared = self.shared();
        let digest = shared.digest_later();
        let weights =
            Model::from_mapped(shared.file().mapped()?, self.facts().header.clone(), digest)?;
        Ok(TunableModel {
            weights: Arc::new(weights),
            base: Arc::clone(self.base_model()),
        })
    }
}

impl TunableModel {
    /// What an adapter for this model must fit, for [`CandidateAdapter::parse`].
    #[must_use]
    pub fn base_model(&self) -> &Arc<BaseModel> {
        &self.base
    }

    pub(super) fn weights(&self) -> &Model {
        &self.weights
    }

    /// The parameters of an adapter.
    pub(super) fn lora(&self, adapter: &CandidateAdapter) -> Result<Lora, Error> {
        if adapter.base() != &self.base {
            return Err(AdapterError::OtherModel.into());
        }
        Ok(Lora::of(&self.weights, adapter)?)
    }
}
