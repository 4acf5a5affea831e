//! The adapters that lanes compute under.

use std::collections::HashMap;
use std::sync::Arc;

use pocketune_adapter::CandidateAdapter;
use pocketune_llama::{Adapter, Context};

use crate::error::Error;

/// A set of adapters. Numbers are given once in the life of an engine, so that
/// one that is gone is never mistaken for one that came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AdapterSetId(pub(crate) u64);

impl AdapterSetId {
    /// The model as it is.
    pub(crate) const NONE: Self = Self(0);
}

/// The sets that are loaded, and the one that the context computes under.
#[derive(Debug)]
pub(crate) struct AdapterSets {
    loaded: HashMap<AdapterSetId, Arc<Adapter>>,
    // Unknown after a failure.
    attached: Option<AdapterSetId>,
}

impl AdapterSets {
    pub(crate) fn new() -> Self {
        Self {
            loaded: HashMap::new(),
            attached: Some(AdapterSetId::NONE),
        }
    }

    /// Makes `candidate` the set `id`, from the memory in which it was checked.
    pub(crate) fn load(
        &mut self,
        context: &Context,
        id: AdapterSetId,
        candidate: &CandidateAdapter,
    ) -> Result<(), Error> {
        let adapter = Adapter::load(Arc::clone(context.model()), candidate.bytes())?;
        self.loaded.insert(id, Arc::new(adapter));
        Ok(())
    }

    /// Computes under the set `id` from now on.
    pub(crate) fn attach(&mut self, context: &mut Context, id: AdapterSetId) -> Result<(), Error> {
        if self.attached == Some(id) {
            return Ok(());
        }
        let adapters = if id == AdapterSetId::NONE {
            Vec::new()
        } else {
            // A set is freed only when no lane of it has work left.
            let adapter = self.loaded.get(&id).ok_or(Error::Closed)?;
            vec![(Arc::clone(adapter), 1.0)]
        };
        self.attached = None;
        context.set_adapters(&adapters)?;
        self.attached = Some(id);
        Ok(())
    }

    /// Frees the set `id`, detaching it first where it is attached.
    pub(crate) fn unload(&mut self, context: &mut Context, id: AdapterSetId) {
        self.loaded.remove(&id);
        let elsewhere = self.attached.is_some_and(|attached| attached != id);
        if !elsewhere && let Err(error) = self.attach(context, AdapterSetId::NONE) {
            // The context keeps the adapter alive until others replace it.
            log::warn!("an adapter could not be detached: {error}");
        }
    }
}

#[cfg(test)]
impl AdapterSets {
    pub(crate) fn loaded(&self, id: AdapterSetId) -> Option<&Arc<Adapter>> {
        self.loaded.get(&id)
    }
}
