//! What whole-system tests share: models, and a plain llama.cpp loop to compare with.

#![deny(unsafe_code)]
#![allow(clippy::panic, clippy::expect_used, reason = "tests fail by panicking")]

pub mod delivery;
pub mod ggml;
pub mod many_replies;
pub mod measures;
pub mod policy;
pub mod reference;
pub mod requests;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_adapter::{BaseModel, CandidateAdapter};
use pocketune_core::{DigestCache, Engine, EngineOptions, ModelSource};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder};
use pocketune_train::{Lora, Model};
use tempfile::NamedTempFile;

/// A real model that `scripts/fetch-model.sh` fetched. Fails when it is missing.
#[must_use]
pub fn real_model(file: &str) -> PathBuf {
    let directory = std::env::var_os("POCKETUNE_MODELS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
                || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
                PathBuf::from,
            );
            cache.join("pocketune/models")
        },
        PathBuf::from,
    );
    let path = directory.join(file);
    assert!(
        path.is_file(),
        "{file} is missing: run scripts/fetch-model.sh all"
    );
    path
}

/// SmolLM2-135M-Instruct, Q4_1, with a ChatML template.
#[must_use]
pub fn smollm2() -> PathBuf {
    real_model("smollm2-135m-instruct-q4_1.gguf")
}

/// Gemma 3 270M, Q4_K_M, a base model without a template.
#[must_use]
pub fn gemma3() -> PathBuf {
    real_model("gemma-3-270m-q4_k_m.gguf")
}

/// Writes a tiny model to a temporary file.
#[must_use]
pub fn written(model: &TinyModel) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(&model.build().expect("a valid model"))
        .expect("room for a tiny model");
    file
}

/// Loads the model at `path`.
#[must_use]
pub fn engine(path: impl Into<PathBuf>, options: &EngineOptions) -> Engine {
    let source = ModelSource::Path(path.into());
    Engine::load(&source, options, Arc::new(DigestCache::in_memory()), |_| {
        true
    })
    .expect("the model loads")
}

/// The same model with every matrix as ggml's floats.
///
/// # Panics
/// When a file cannot be read or written, or is no sound model.
pub fn as_f32(from: &Path, to: &Path) {
    let bytes = fs::read(from).expect("a sound model");
    let gguf = Gguf::parse(&bytes, bytes.len() as u64).expect("a sound model");
    let mut builder = GgufBuilder::from_file(&gguf, &bytes).expect("a sound model");
    for tensor in gguf.tensors() {
        let data = gguf.tensor_data(tensor, &bytes).expect("a sound model");
        let elements = usize::try_from(tensor.elements()).expect("a sound model");
        let floats = ggml::to_float(tensor.tensor_type(), data, elements);
        let data: Vec<u8> = floats
            .iter()
            .flat_map(|float| float.to_le_bytes())
            .collect();
        builder
            .replace_tensor(tensor.name(), GgmlType::F32, data)
            .expect("a sound model");
    }
    fs::write(to, builder.build().expect("a sound model")).expect("room for the model");
}

/// The parameters of an adapter for the model at `path`, as training goes on from them.
///
/// # Errors
/// What is wrong with the file, or keeps it from being trained.
pub fn read_lora(path: &Path, model: &Model, adapter: Vec<u8>) -> Result<Lora, Box<dyn Error>> {
    let file = fs::read(path)?;
    let base = BaseModel::of(&Gguf::parse(&file, file.len() as u64)?)?;
    Ok(Lora::of(
        model,
        &CandidateAdapter::parse(adapter, &Arc::new(base))?,
    )?)
}
