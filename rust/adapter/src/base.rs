//! The part of a base model that an adapter is checked against.

use std::collections::HashMap;

use pocketune_gguf::{Gguf, GgufError};

/// The weights of a layer that llama.cpp multiplies by through `build_lora_mm`
/// in every architecture that the audit lets pass, in alphabetical order.
pub const LAYER_WEIGHTS: [&str; 7] = [
    "attn_k",
    "attn_output",
    "attn_q",
    "attn_v",
    "ffn_down",
    "ffn_gate",
    "ffn_up",
];

/// The output projection of models that do not share it with the embedding.
const OUTPUT: &str = "output.weight";

/// Architecture of a model and the dimensions of the tensors that an adapter
/// may change.
///
/// It tells shapes apart, not weights: two models of one shape are equal here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseModel {
    architecture: String,
    // In ggml's order, padded with ones.
    targets: HashMap<String, [u64; 4]>,
}

impl BaseModel {
    /// The facts of a model file's tables.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`] or [`GgufError::WrongType`] for
    /// `general.architecture`; an audited model has it.
    pub fn of(gguf: &Gguf<'_>) -> Result<Self, GgufError> {
        let architecture: &str = gguf.metadata().require("general.architecture")?;
        let targets = gguf
            .tensors()
            .iter()
            .filter(|tensor| is_target(tensor.name()))
            .map(|tensor| (tensor.name().to_owned(), tensor.dims()))
            .collect();
        Ok(Self {
            architecture: architecture.to_owned(),
            targets,
        })
    }

    /// `general.architecture`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Names of the tensors that an adapter may change.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// Dimensions of a tensor that an adapter may change, in ggml's order, padded with ones.
    #[must_use]
    pub fn dims(&self, tensor: &str) -> Option<[u64; 4]> {
        self.targets.get(tensor).copied()
    }
}

/// Whether an adapter may change tensors of this name: the projections of a
/// layer and the output. `token_embd.weight` is left out although llama.cpp can
/// change it: it does so for look-ups only, with A and B the other way round.
pub(crate) fn is_target(tensor: &str) -> bool {
    if tensor == OUTPUT {
        return true;
    }
    let mut parts = tensor.split('.');
    let block = parts.next() == Some("blk");
    let layer = parts.next().is_some_and(is_layer_number);
    let weight = parts
        .next()
        .is_some_and(|name| LAYER_WEIGHTS.contains(&name));
    block && layer && weight && parts.next() == Some("weight") && parts.next().is_none()
}

fn is_layer_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_target;

    #[test]
    fn only_matrices_that_are_multiplied_by_are_targets() {
        for name in [
            "blk.0.attn_q.weight",
            "blk.31.ffn_down.weight",
            "output.weight",
        ] {
            assert!(is_target(name), "{name}");
        }
        for name in [
            "token_embd.weight",
            "output_norm.weight",
            "blk.0.attn_norm.weight",
            "blk.0.attn_q.bias",
            "blk.0.attn_q.weight.weight",
            "blk..attn_q.weight",
            "blk.x.attn_q.weight",
            "blk.0.attn_q",
            "rope_freqs.weight",
            "",
        ] {
            assert!(!is_target(name), "{name}");
        }
    }
}
