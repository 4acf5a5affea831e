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
    loaded: HashMap<AdapterSetId, Vec<(Arc<Adapter>, f32)>>,
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

    /// Makes these adapters with their scales the set `id`, from the memory in which they
    /// were checked.
    pub(crate) fn load(
        &mut self,
        context: &Context,
        id: AdapterSetId,
        adapters: &[(CandidateAdapter, f32)],
    ) -> Result<(), Error> {
        let load = |(adapter, scale): &(CandidateAdapter, f32)| {
            let adapter = Adapter::load(Arc::clone(context.model()), adapter.bytes())?;
            Ok((Arc::new(adapter), *scale))
        };
        let set = adapters.iter().map(load).collect::<Result<_, Error>>()?;
        self.loaded.insert(id, set);
        Ok(())
    }

    /// Computes under the set `id` from now on.
    pub(crate) fn attach(&mut self, context: &mut Context, id: AdapterSetId) -> Result<(), Error> {
        if self.attached == Some(id) {
            return Ok(());
        }
        let adapters: &[_] = if id == AdapterSetId::NONE {
            &[]
        } else {
            // A set is freed only when no lane of it has work left.
            self.loaded.get(&id).ok_or(Error::Closed)?
        };
        self.attached = None;
        context.set_adapters(adapters)?;
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use pocketune_adapter::BaseModel;
    use pocketune_gguf::Gguf;
    use pocketune_gguf::fixtures::TinyModel;
    use pocketune_llama::{ContextParams, KvType, Model, ModelLoad};

    use super::*;

    fn context(model: &[u8]) -> Context {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(model).unwrap();
        let model = Model::load(&file, ModelLoad::Copied, |_| true).unwrap();
        let params = ContextParams {
            context_tokens: 256,
            batch_tokens: 64,
            micro_batch_tokens: 64,
            outputs_max: 1,
            threads: 1,
            kv_type: KvType::F32,
            full_sliding_window: false,
        };
        Context::new(Arc::new(model), params).unwrap()
    }

    #[test]
    fn an_adapter_is_freed_when_its_set_is_unloaded_and_not_before() {
        let tiny = TinyModel::llama();
        let model = tiny.build().unwrap();
        let gguf = Gguf::parse(&model, model.len() as u64).unwrap();
        let base = Arc::new(BaseModel::of(&gguf).unwrap());
        let bytes = tiny.adapter(4, 8.0).build().unwrap();
        let candidate = CandidateAdapter::parse(bytes, &base).unwrap();
        let mut context = context(&model);
        let mut sets = AdapterSets::new();
        let (first, second) = (AdapterSetId(1), AdapterSetId(2));
        let refused = sets.attach(&mut context, first).unwrap_err();
        assert!(matches!(refused, Error::Closed), "{refused:?}");

        let load = |sets: &mut AdapterSets, id| {
            sets.load(&context, id, &[(candidate.clone(), 1.0)])
                .unwrap();
            Arc::downgrade(&sets.loaded[&id][0].0)
        };
        let (one, two) = (load(&mut sets, first), load(&mut sets, second));
        sets.attach(&mut context, first).unwrap();
        // One that is not attached goes without touching the other.
        sets.unload(&mut context, second);
        assert!(two.upgrade().is_none());
        assert_eq!(sets.attached, Some(first));
        sets.unload(&mut context, first);
        assert!(one.upgrade().is_none());
        assert_eq!(sets.attached, Some(AdapterSetId::NONE));
        assert!(sets.loaded.is_empty());
    }
}
