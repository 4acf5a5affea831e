//! Adapters that are loaded together.

use std::fmt;

use crate::worker::AdapterSetId;

/// Some adapters with scales, loaded for as long as anybody holds this and any job of
/// theirs runs.
pub(crate) struct AdapterSet {
    id: AdapterSetId,
    names: Vec<String>,
    unload: Option<Box<dyn Fn() + Send + Sync>>,
}

impl AdapterSet {
    /// The model as it is.
    pub(crate) fn none() -> Self {
        Self {
            id: AdapterSetId::NONE,
            names: Vec::new(),
            unload: None,
        }
    }

    /// A set that the worker has loaded, and what lets it go.
    pub(crate) fn loaded(
        id: AdapterSetId,
        names: Vec<String>,
        unload: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            names,
            unload: Some(Box::new(unload)),
        }
    }

    pub(crate) fn id(&self) -> AdapterSetId {
        self.id
    }

    /// Digests and scales: equal for sets that compute alike.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
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
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
