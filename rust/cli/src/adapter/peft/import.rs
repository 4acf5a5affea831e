//! From PEFT to GGUF.

use std::collections::BTreeMap;

use pocketune_gguf::{GgmlType, GgufBuilder};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::config::Config;
use super::layout::Layout;
use super::refused;
use crate::error::CliError;

/// A and B of one module.
#[derive(Default)]
struct Halves<'a> {
    a: Option<TensorView<'a>>,
    b: Option<TensorView<'a>>,
}

/// The adapter's file.
pub(super) fn to_gguf(layout: &Layout, config: &Config, file: &[u8]) -> Result<Vec<u8>, CliError> {
    let tensors = match SafeTensors::deserialize(file) {
        Ok(tensors) => tensors,
        Err(error) => return refused(format!("adapter_model.safetensors: {error}")),
    };
    let mut modules: BTreeMap<String, Halves<'_>> = BTreeMap::new();
    for (name, tensor) in tensors.iter() {
        let Some((module, half)) = split(name) else {
            return refused(format!("tensor {name} is no half of a LoRA"));
        };
        let halves = modules.entry(module.to_owned()).or_default();
        match half {
            Half::A => halves.a = Some(tensor),
            Half::B => halves.b = Some(tensor),
        }
    }
    // One alpha for all: that of the first module; others' factors go into their B.
    let Some(first) = modules.keys().next() else {
        return refused("it changes nothing");
    };
    let alpha = config.scale(first) * config.rank(first) as f64;
    let mut builder = GgufBuilder::new();
    builder
        .metadata("general.type", "adapter")
        .metadata("general.architecture", layout.architecture)
        .metadata("adapter.type", "lora")
        .metadata("adapter.lora.alpha", alpha as f32)
        .metadata("pocketune.imported_from", "peft");
    for (module, halves) in &modules {
        let Some(tensor) = layout.tensor(module) else {
            return refused(format!("no matrix of the model is called {module}"));
        };
        let (Some(a), Some(b)) = (&halves.a, &halves.b) else {
            return refused(format!("one half of {module} is missing"));
        };
        let (&[rank, columns], &[rows, rank_b]) = (a.shape(), b.shape()) else {
            return refused(format!("{module} is no matrix"));
        };
        if rank != rank_b || rank as u64 != config.rank(module) {
            return refused(format!("{module} has another rank than configured"));
        }
        let factor = config.scale(module) * rank as f64 / alpha;
        let order = layout.rows(&tensor, rows);
        let a = Values::of(module, a)?;
        let b = Values::of(module, b)?.permuted(&order, rank).scaled(factor);
        let name = |half: &str| format!("{tensor}.{half}");
        let dims = [columns as u64, rank as u64];
        builder.tensor(&name("lora_a"), a.tensor_type, &dims, a.bytes);
        let dims = [rank as u64, rows as u64];
        builder.tensor(&name("lora_b"), b.tensor_type, &dims, b.bytes);
    }
    builder
        .build()
        .map_err(|error| CliError::Peft(error.to_string()))
}

enum Half {
    A,
    B,
}

/// Module and half of a tensor such as
/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
fn split(name: &str) -> Option<(&str, Half)> {
    let name = name.strip_prefix("base_model.model.")?;
    let name = name.strip_suffix(".weight")?;
    match name.strip_suffix(".lora_A") {
        Some(module) => Some((module, Half::A)),
        None => Some((name.strip_suffix(".lora_B")?, Half::B)),
    }
}

/// Elements as GGUF has them.
struct Values {
    tensor_type: GgmlType,
    bytes: Vec<u8>,
}

impl Values {
    fn of(module: &str, tensor: &TensorView<'_>) -> Result<Self, CliError> {
        let tensor_type = match tensor.dtype() {
            Dtype::F32 => GgmlType::F32,
            Dtype::F16 => GgmlType::F16,
            Dtype::BF16 => GgmlType::BF16,
            other => return refused(format!("{module} has elements of type {other:?}")),
        };
        Ok(Self {
            tensor_type,
            bytes: tensor.data().to_vec(),
        })
    }

    /// Row i becomes row `order[i]` of before.
    fn permuted(self, order: &[usize], columns: usize) -> Self {
        let width = self.bytes.len() / (order.len() * columns).max(1) * columns;
        let rows: Vec<&[u8]> = self.bytes.chunks_exact(width.max(1)).collect();
        let bytes = order.iter().filter_map(|&row| rows.get(row));
        Self {
            bytes: bytes.flat_map(|row| row.iter().copied()).collect(),
            ..self
        }
    }

    /// Each element times `factor`; as F32 where that is not 1.
    fn scaled(self, factor: f64) -> Self {
        if (factor - 1.0).abs() < 1e-12 {
            return self;
        }
        let halves = || self.bytes.as_chunks::<2>().0.iter();
        let floats: Vec<f32> = match self.tensor_type {
            GgmlType::F16 => halves()
                .map(|&bytes| half::f16::from_le_bytes(bytes).to_f32())
                .collect(),
            GgmlType::BF16 => halves()
                .map(|&bytes| half::bf16::from_le_bytes(bytes).to_f32())
                .collect(),
            _ => {
                let words = self.bytes.as_chunks::<4>().0.iter();
                words.map(|&bytes| f32::from_le_bytes(bytes)).collect()
            }
        };
        let scaled = floats.into_iter().map(|x| (f64::from(x) * factor) as f32);
        Self {
            tensor_type: GgmlType::F32,
            bytes: scaled.flat_map(f32::to_le_bytes).collect(),
        }
    }
}
