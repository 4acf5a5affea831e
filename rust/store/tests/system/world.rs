//! A tiny model, adapters for it, and a store in a folder of its own.

use std::sync::Arc;

use pocketune_adapter::fixtures::{
    at, attest, bundle, key, name, policy, release, sign_policy, validation,
};
use pocketune_adapter::{
    BaseIdentity, BaseModel, BaseNorms, Digest, Predicate, PublicKey, Release, Timestamp,
    tokenizer_fingerprint,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use pocketune_store::{Delivery, Situation, StoreError, StoreFolder};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: StoreFolder,
    pub(crate) base: BaseIdentity,
    pub(crate) now: Timestamp,
    pub(crate) device: PublicKey,
}

impl World {
    /// With the honest policy pinned.
    pub(crate) fn new() -> Self {
        let world = Self::without_policy();
        let policy = sign_policy(&policy(), &[1, 2]);
        world.store.pin_policy(&policy, world.now).unwrap();
        world
    }

    pub(crate) fn without_policy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: StoreFolder::open(folder.path()).unwrap(),
            folder,
            base: base(),
            now: at("2026-11-25T07:00:00Z"),
            device: key(31).public(),
        }
    }

    pub(crate) fn situation(&self) -> Situation<'_> {
        Situation {
            now: self.now,
            base: &self.base,
            device: Some(&self.device),
        }
    }

    /// The adapter number `number`, released as `change` says.
    pub(crate) fn delivery(&self, number: u8, change: impl FnOnce(&mut Release)) -> Delivery {
        delivery(&self.base, number, change)
    }

    /// Installs adapter `number` as that version of `stable`.
    pub(crate) fn install(&self, number: u8, version: u64) -> Result<Digest, StoreError> {
        let delivery = self.delivery(number, |release| release.version = version);
        let installed = self.store.install(&delivery, &self.situation())?;
        Ok(installed.sha256())
    }

    /// Installs adapter `number` as that version of another channel.
    pub(crate) fn install_in(
        &self,
        channel: &str,
        number: u8,
        version: u64,
    ) -> Result<Digest, StoreError> {
        let delivery = self.delivery(number, |release| {
            release.version = version;
            release.channel = name(channel);
        });
        let installed = self.store.install(&delivery, &self.situation())?;
        Ok(installed.sha256())
    }

    /// The same before it is installed, released by these keys.
    pub(crate) fn delivery_by(
        &self,
        channel: &str,
        number: u8,
        version: u64,
        keys: &[u8],
    ) -> Delivery {
        let adapter = self.delivery(number, |_| ()).adapter;
        let mut release = release(&adapter, &self.base);
        release.version = version;
        release.channel = name(channel);
        let sha256 = Digest::of(&adapter);
        let released = attest(sha256, Predicate::Release(Box::new(release)), keys);
        let validation = Predicate::Validation(Box::new(validation(&self.base)));
        let bundle = released + &attest(sha256, validation, &[21]);
        Delivery {
            bundle: bundle.into_bytes().into(),
            adapter,
        }
    }

    pub(crate) fn active(&self) -> Vec<Digest> {
        let active = self.store.active(&self.situation()).unwrap();
        let adapters = active.adapters.iter();
        adapters.map(|active| active.adapter.sha256()).collect()
    }

    /// Names of the files in the folder of blobs.
    pub(crate) fn blobs(&self) -> Vec<String> {
        blobs(self.folder.path())
    }

    pub(crate) fn reopened(self) -> Self {
        let Self {
            folder,
            store,
            base,
            now,
            device,
        } = self;
        drop(store);
        Self {
            store: StoreFolder::open(folder.path()).unwrap(),
            folder,
            base,
            now,
            device,
        }
    }
}

pub(crate) fn blobs(store: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(store.join("blobs")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn base() -> BaseIdentity {
    let model = TinyModel::llama();
    let bytes = model.build().unwrap();
    let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
    BaseIdentity {
        shapes: Arc::new(BaseModel::of(&gguf).unwrap()),
        sha256: Digest::of(&bytes),
        tokenizer_sha256: tokenizer_fingerprint(&gguf),
        norms: Arc::new(norms()),
    }
}

/// As if every matrix had the norm 1.
pub(crate) fn norms() -> BaseNorms {
    let model = TinyModel::llama();
    let tensors = model.tensors.iter();
    tensors.map(|tensor| (tensor.name.clone(), 1.0)).collect()
}

pub(crate) fn delivery(
    base: &BaseIdentity,
    number: u8,
    change: impl FnOnce(&mut Release),
) -> Delivery {
    let mut adapter = TinyModel::llama().adapter(2, 0.01 + f32::from(number) / 1e4);
    let small = |name: &str| name.starts_with("blk.0.attn_q") || name.starts_with("blk.1.attn_v");
    adapter.tensors.retain(|tensor| small(&tensor.name));
    let adapter = adapter.build().unwrap();
    Delivery {
        bundle: bundle(&adapter, base, change).into(),
        adapter: adapter.into(),
    }
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> &'static str {
    match outcome.unwrap_err() {
        StoreError::Refused(refusal) => refusal.reason(),
        other => panic!("{other:?}"),
    }
}
