//! Reward models that are delivered.

use std::path::Path;
use std::sync::Arc;

use pocketune_adapter::{SubjectKind, Timestamp};

use crate::adapters::Adapters;
use crate::engine::Engine;
use crate::error::Error;
use crate::reward::RewardModel;

/// The reward models of a [`Store`](crate::Store). Thread-safe, and cheap to clone.
#[derive(Debug, Clone)]
pub struct RewardModels(Adapters);

impl RewardModels {
    pub(super) fn new(adapters: Adapters) -> Self {
        Self(adapters)
    }

    /// A reward model that was delivered: the head at `path` is verified with the
    /// attestations beside it, at each start. Blocks for hashing the model the first time.
    ///
    /// # Errors
    /// [`Error::Store`], with [`pocketune_store::StoreError::Refused`] for what is not
    /// accepted; [`Error::NotNow`] without an engine; those of [`RewardModel::parse`].
    pub fn open(&self, path: &Path, now: Timestamp) -> Result<RewardModel, Error> {
        let engine = self.0.engine()?;
        let file = self.0.accept_file(SubjectKind::RewardHead, path, now)?;
        RewardModel::parse(file.bytes(), engine)
    }

    /// The engine that its scores are computed on.
    ///
    /// # Errors
    /// [`Error::NotNow`] where the store was opened without one.
    pub fn engine(&self) -> Result<&Arc<Engine>, Error> {
        self.0.engine()
    }
}
