//! Models and adapters that `tests/reference/*.py` see too, and the numbers that
//! those programs found.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each binary uses a part"
)]

mod blocks;
mod compare;

use std::fs;
use std::path::Path;

pub use compare::{
    adapter, check_curve, errors, numbers, preferences, samples, text_gradient, thumbs,
    whole_batches,
};
use pocketune_base::Digest;
use pocketune_gguf::fixtures::TinyModel;
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder};
use pocketune_train::{MemoryPlan, Model};
use serde_json::Value;

/// The models, by name.
pub const MODELS: [&str; 3] = ["tied", "untied", "wide"];

/// Rows of whole blocks of 32.
const NARROW: [GgmlType; 7] = [
    GgmlType::Q4_0,
    GgmlType::Q8_0,
    GgmlType::Q4_1,
    GgmlType::Q5_0,
    GgmlType::F16,
    GgmlType::Q5_1,
    GgmlType::BF16,
];

/// Superblocks of 256.
const WIDE: [GgmlType; 4] = [
    GgmlType::Q4_K,
    GgmlType::Q6_K,
    GgmlType::Q5_K,
    GgmlType::Q8_0,
];

/// The bytes of a model of two layers with grouped queries, whose matrices have
/// all types in turn.
pub fn model_bytes(name: &str) -> Vec<u8> {
    let mut tiny = TinyModel::llama();
    if name != "tied" {
        let embeddings = tiny.tensor_mut("token_embd.weight").unwrap().dims.clone();
        tiny.push("output.weight", GgmlType::F32, &embeddings);
    }
    let types: &[GgmlType] = if name == "wide" { &WIDE } else { &NARROW };
    if name == "wide" {
        tiny.widen(256, 512);
    }
    let plain = tiny.build().unwrap();
    let gguf = Gguf::parse(&plain, plain.len() as u64).unwrap();
    let mut builder = GgufBuilder::from_file(&gguf, &plain).unwrap();
    let (mut matrices, mut seed) = (0, 0);
    for tensor in gguf.tensors() {
        let tensor_type = if tensor.n_dims() < 2 {
            GgmlType::F32
        } else {
            matrices += 1;
            types[matrices % types.len()]
        };
        let elements = usize::try_from(tensor.elements()).unwrap();
        let data = if tensor.n_dims() < 2 {
            blocks::norm(seed, elements)
        } else {
            blocks::random(tensor_type, seed, elements)
        };
        seed += u32::try_from(elements).unwrap();
        builder
            .replace_tensor(tensor.name(), tensor_type, data)
            .unwrap();
    }
    builder.build().unwrap()
}

/// The model of a case, opened. Its bytes must be those that the case was made with.
pub fn model(case: &Value) -> Model {
    let name = case["model"].as_str().unwrap();
    let bytes = model_bytes(name);
    let hash = Digest::of(&bytes).to_string();
    assert_eq!(case["sha256"], hash, "{name}: run scripts/reference.sh");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Model::open(file.path()).unwrap()
}

/// A file of `tests/reference`.
pub fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Keeps everything.
pub const PLAN: MemoryPlan = MemoryPlan {
    pack_samples: 1,
    chunk_tokens: 1024,
    head_tokens: 128,
    kept_layers: 2,
    bytes: 0,
    activation_bytes: 0,
};
