//! An engine with a tiny model, and signed adapters for it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use pocketune_adapter::fixtures::{at, attest, bundle, key, name, policy, release, sign_policy};
use pocketune_adapter::{Predicate, SubjectKind};
use pocketune_core::{
    Chat, ChatOptions, Digest, Engine, EngineOptions, GenerationOptions, KvCacheType, Sampling,
    Store, Timestamp,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_store::bundle_path;
use pocketune_tests::{engine, written};
use tempfile::TempDir;

/// An engine, the store that owns it, and a folder that deliveries come to.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&TinyModel::llama())
    }

    pub(crate) fn with(model: &TinyModel) -> Self {
        let options = EngineOptions {
            threads: Some(1),
            kv_cache_type: KvCacheType::F32,
            ..EngineOptions::default()
        };
        let engine = Arc::new(engine(written(model).path(), &options));
        let folder = tempfile::tempdir().unwrap();
        let device = Some(key(31).public());
        let folder_of_store = folder.path().join("store");
        let store = Store::open_with(&folder_of_store, Arc::clone(&engine), device).unwrap();
        let now = at("2026-11-25T07:00:00Z");
        let mut policy = policy();
        policy.roles.release.limits.max_bytes = 10_000_000;
        policy.roles.release.limits.max_update_norm = 1e3;
        let policy = sign_policy(&policy, &[1, 2]);
        store.pin_policy(&policy, now).unwrap();
        Self {
            engine,
            store,
            folder,
            now,
        }
    }

    /// An adapter whose effect its alpha tells, signed.
    pub(crate) fn delivered(&self, version: u64, alpha: f32) -> PathBuf {
        let adapter = TinyModel::llama().adapter(4, alpha).build().unwrap();
        let path = self.folder.path().join(format!("{version}.gguf"));
        let bundle = bundle(&adapter, self.store.adapters().base().unwrap(), |release| {
            release.version = version;
        });
        fs::write(&path, adapter).unwrap();
        fs::write(bundle_path(&path), bundle).unwrap();
        path
    }

    pub(crate) fn installed(&self, version: u64, alpha: f32) -> Digest {
        let path = self.delivered(version, alpha);
        self.store
            .adapters()
            .install(&path, self.now)
            .unwrap()
            .sha256()
    }

    pub(crate) fn activate(&self, wanted: &[(Digest, f32)]) {
        self.store.adapters().activate(wanted, self.now).unwrap();
    }

    pub(crate) fn chat(&self) -> Chat {
        self.engine.chat(ChatOptions::default()).unwrap()
    }

    /// What a new chat says.
    pub(crate) fn reply(&self) -> String {
        ask(&self.chat())
    }
}

/// The same draws each time. The likeliest tokens of a tiny model tell little: they
/// hardly change.
pub(crate) fn options() -> GenerationOptions {
    GenerationOptions {
        max_tokens: 12,
        sampling: Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(7),
            ..Sampling::default()
        },
        ..GenerationOptions::default()
    }
}

pub(crate) fn ask(chat: &Chat) -> String {
    let reply = chat.send("The river rises", &options()).unwrap();
    reply.finish().unwrap().text
}

impl World {
    /// A file that is no adapter, signed as one of this kind.
    pub(crate) fn signed(&self, kind: SubjectKind, version: u64, bytes: &[u8]) -> PathBuf {
        let mut release = release(bytes, self.store.adapters().base().unwrap());
        release.kind = kind;
        release.lora = None;
        release.channel = name("judges");
        release.version = version;
        let predicate = Predicate::Release(Box::new(release));
        let line = attest(Digest::of(bytes), predicate, &[11, 12]);
        let path = self.folder.path().join(format!("{kind:?}-{version}"));
        fs::write(&path, bytes).unwrap();
        fs::write(bundle_path(&path), line).unwrap();
        path
    }
}
