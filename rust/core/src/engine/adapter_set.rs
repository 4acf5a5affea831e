//! Adapters that are loaded together.

use std::fmt;

use crate::origin::AppliedAdapter;
use crate::worker::AdapterSetId;

/// Some adapters with scales, loaded for as long as anybody holds this and any job of
/// theirs runs.
pub(crate) struct AdapterSet {
    id: AdapterSetId,
    adapters: Vec<AppliedAdapter>,
    unload: Option<Box<dyn Fn() + Send + Sync>>,
}

impl AdapterSet {
    /// The model as it is.
    pub(crate) fn none() -> Self {
        Self {
            id: AdapterSetId::NONE,
            adapters: Vec::new(),
            unload: None,
        }
    }

    /// A set that the worker has loaded, and what lets it go.
    pub(crate) fn loaded(
        id: AdapterSetId,
        adapters: Vec<AppliedAdapter>,
        unload: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            adapters,
            unload: Some(Box::new(unload)),
        }
    }

    pub(crate) fn id(&self) -> AdapterSetId {
        self.id
    }

    /// Its adapters, in their order.
    pub(crate) fn adapters(&self) -> &[AppliedAdapter] {
        &self.adapters
    }

    /// Digests and scales: equal for sets that compute alike.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |it: &AppliedAdapter| format!("{} {}", it.sha256, it.scale);
        self.adapters.iter().map(name).collect()
    }
}

impl Drop for AdapterSet {
    fn drop(&mut self) {
        if let Some(unload) = &self.unload {
            unload();
        }
    }
}

impl fmt::Debug for AdapterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdapterSet")
            .field("id", &self.id)
            .field("adapters", &self.adapters)
            .finish_non_exhaustive()
    }
}
