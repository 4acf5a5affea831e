//! `adapter_model.safetensors`: names, elements, pairs.

use std::collections::BTreeMap;

use pocketune_gguf::GgmlType;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::error::{PeftError, shown};

/// A and B of each module, by PEFT's name of it.
pub(crate) type Pairs<'a> = BTreeMap<String, Pair<'a>>;

/// `lora_A` of r rows and `lora_B` of r columns.
pub(crate) struct Pair<'a> {
    pub(crate) a: TensorView<'a>,
    pub(crate) b: TensorView<'a>,
}

#[derive(Default)]
struct Halves<'a> {
    a: Option<TensorView<'a>>,
    b: Option<TensorView<'a>>,
}

/// All tensors of a file, which must be matrices in pairs and nothing else.
pub(crate) fn pairs<'a>(tensors: &SafeTensors<'a>) -> Result<Pairs<'a>, PeftError> {
    let mut modules: BTreeMap<String, Halves<'a>> = BTreeMap::new();
    let mut tensors = tensors.tensors();
    tensors.sort_by(|one, other| one.0.cmp(&other.0));
    for (name, tensor) in tensors {
        let (module, half) = split(&name).map_err(|reason| PeftError::TensorUnsupported {
            tensor: shown(&name),
            reason,
        })?;
        let &[rows, columns] = tensor.shape() else {
            return Err(not_a_matrix(&name, &tensor));
        };
        if rows == 0 || columns == 0 {
            return Err(not_a_matrix(&name, &tensor));
        }
        let halves = modules.entry(module.to_owned()).or_default();
        match half {
            Half::A => halves.a = Some(tensor),
            Half::B => halves.b = Some(tensor),
        }
    }
    let pair = |(module, halves): (String, Halves<'a>)| match (halves.a, halves.b) {
        (Some(a), Some(b)) => Ok((module, Pair { a, b })),
        (a, _) => {
            let (found, missing) = match a {
                Some(_) => ("lora_A", "lora_B"),
                None => ("lora_B", "lora_A"),
            };
            Err(PeftError::HalfMissing {
                module: shown(&module),
                found,
                missing,
            })
        }
    };
    modules.into_iter().map(pair).collect()
}

fn not_a_matrix(name: &str, tensor: &TensorView<'_>) -> PeftError {
    PeftError::NotAMatrix {
        tensor: shown(name),
        found: tensor.shape().to_vec(),
    }
}

pub(crate) enum Half {
    A,
    B,
}

const PREFIX: &str = "base_model.model.";

/// PEFT's name of a half.
pub(crate) fn name(module: &str, half: Half) -> String {
    match half {
        Half::A => format!("{PREFIX}{module}.lora_A.weight"),
        Half::B => format!("{PREFIX}{module}.lora_B.weight"),
    }
}

/// Module and half of a tensor such as
/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`, or what it is instead.
fn split(name: &str) -> Result<(&str, Half), &'static str> {
    let inner = name.strip_prefix(PREFIX);
    let matrix = inner.and_then(|name| name.strip_suffix(".weight"));
    if let Some(matrix) = matrix {
        if let Some(module) = matrix.strip_suffix(".lora_A") {
            return Ok((module, Half::A));
        }
        if let Some(module) = matrix.strip_suffix(".lora_B") {
            return Ok((module, Half::B));
        }
    }
    Err(foreign(name))
}

/// What a tensor is that belongs to no plain LoRA.
fn foreign(name: &str) -> &'static str {
    let parts: Vec<&str> = name.split('.').collect();
    let has = |part: &str| parts.contains(&part);
    let half = |part: &&&str| matches!(**part, "lora_A" | "lora_B");
    let last = parts.last().copied().unwrap_or_default();
    if has("modules_to_save") || has("original_module") {
        "it replaces a module of the base model (modules_to_save), which is no LoRA"
    } else if has("lora_embedding_A") || has("lora_embedding_B") {
        "it is a LoRA of the embedding, which llama.cpp does not apply as PEFT does"
    } else if has("lora_magnitude_vector") {
        "it is a magnitude of DoRA (use_dora), which scales the base model's weights as well"
    } else if parts
        .iter()
        .any(|part| part.starts_with("trainable_tokens"))
    {
        "it holds rows of the embedding (trainable_token_indices), which is no LoRA"
    } else if has("base_layer") {
        "it is a copy of the base model's own matrix: save with save_embedding_layers=False"
    } else if last == "bias" {
        "it is a bias (bias or lora_bias), which is no LoRA"
    } else if parts.iter().any(|part| part.contains("lora_diag")) {
        "it is a part of KaSA (kasa_config), which is no plain LoRA"
    } else if parts
        .iter()
        .position(|part| half(&part))
        .is_some_and(|at| at + 3 == parts.len())
    {
        "its name holds the name of an adapter: it comes from the model's state_dict; save with save_pretrained, which \
         leaves that name out"
    } else if parts.iter().any(|part| half(&part)) && !name.starts_with(PREFIX) {
        "its name does not begin with base_model.model., where PEFT looks for it"
    } else if !parts.iter().any(|part| part.starts_with("lora_")) && last == "weight" {
        "it is a whole matrix, no half of a LoRA; PEFT saves the embedding so where the vocabulary was resized: save \
         with save_embedding_layers=False"
    } else {
        "it is no half of a LoRA"
    }
}

/// Elements as GGUF has them.
pub(crate) struct Values {
    pub(crate) tensor_type: GgmlType,
    pub(crate) bytes: Vec<u8>,
}

impl Values {
    /// F64 becomes F32, as in PEFT's own layers; other types stay as they are.
    pub(crate) fn of(name: &str, tensor: &TensorView<'_>) -> Result<Self, PeftError> {
        let data = tensor.data();
        let (tensor_type, bytes) = match tensor.dtype() {
            Dtype::F32 => (GgmlType::F32, data.to_vec()),
            Dtype::F16 => (GgmlType::F16, data.to_vec()),
            Dtype::BF16 => (GgmlType::BF16, data.to_vec()),
            Dtype::F64 => {
                let values = data.as_chunks::<8>().0.iter();
                let values = values.map(|&bytes| f64::from_le_bytes(bytes) as f32);
                (GgmlType::F32, values.flat_map(f32::to_le_bytes).collect())
            }
            other => {
                return Err(PeftError::TensorType {
                    tensor: shown(name),
                    found: format!("{other:?}"),
                });
            }
        };
        let values = Self { tensor_type, bytes };
        if values.floats().all(f32::is_finite) {
            Ok(values)
        } else {
            Err(PeftError::NotFinite {
                tensor: shown(name),
            })
        }
    }

    fn floats(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        let halves = self.bytes.as_chunks::<2>().0.iter();
        match self.tensor_type {
            GgmlType::F16 => Box::new(halves.map(|&half| half::f16::from_le_bytes(half).to_f32())),
            GgmlType::BF16 => {
                Box::new(halves.map(|&half| half::bf16::from_le_bytes(half).to_f32()))
            }
            _ => {
                let words = self.bytes.as_chunks::<4>().0.iter();
                Box::new(words.map(|&word| f32::from_le_bytes(word)))
            }
        }
    }

    /// Row i becomes row `order[i]` of before; `order` names each row once.
    pub(crate) fn permuted(self, order: &[usize]) -> Self {
        let width = self.bytes.len() / order.len().max(1);
        let rows: Vec<&[u8]> = self.bytes.chunks_exact(width.max(1)).collect();
        let bytes = order.iter().filter_map(|&row| rows.get(row));
        Self {
            bytes: bytes.flat_map(|row| row.iter().copied()).collect(),
            ..self
        }
    }

    /// Each element times `factor`; as F32 where that is not 1.
    pub(crate) fn scaled(self, name: &str, factor: f64) -> Result<Self, PeftError> {
        if (factor - 1.0).abs() < 1e-12 {
            return Ok(self);
        }
        let scaled = self.floats().map(|x| (f64::from(x) * factor) as f32);
        let scaled: Vec<f32> = scaled.collect();
        if !scaled.iter().all(|x| x.is_finite()) {
            return Err(PeftError::NotFiniteScaled {
                tensor: shown(name),
                factor,
            });
        }
        Ok(Self {
            tensor_type: GgmlType::F32,
            bytes: scaled.into_iter().flat_map(f32::to_le_bytes).collect(),
        })
    }
}
