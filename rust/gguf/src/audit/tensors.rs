//! Which tensors a model has, how large and of which type.

use crate::{GgmlType, Gguf, GgufError, TensorInfo};
use std::collections::HashMap;

/// What a tensor is used for, which decides the types it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A matrix to multiply by, or rows to look up.
    Matrix,
    /// A norm's gain, a bias or rotation factors: element-wise operations,
    /// which ggml's CPU code has for 32-bit floats.
    Vector,
}

/// One tensor of an architecture.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    name: String,
    dims: [u64; 4],
    usage: Use,
    required: bool,
}

impl Rule {
    /// A matrix of `rows` rows of `columns`.
    pub(super) fn matrix(name: impl Into<String>, columns: u64, rows: u64) -> Self {
        let dims = [columns, rows, 1, 1];
        Self {
            name: name.into(),
            dims,
            usage: Use::Matrix,
            required: true,
        }
    }

    /// A vector of `elements`.
    pub(super) fn vector(name: impl Into<String>, elements: u64) -> Self {
        let dims = [elements, 1, 1, 1];
        Self {
            name: name.into(),
            dims,
            usage: Use::Vector,
            required: true,
        }
    }

    /// The same, but it may be absent.
    pub(super) fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

/// Checks the tensor table against `rules`, which are all there is.
///
/// # Errors
/// [`GgufError::UnexpectedTensor`], [`GgufError::TensorShape`],
/// [`GgufError::TensorType`], [`GgufError::MissingTensor`].
pub(super) fn audit(gguf: &Gguf<'_>, rules: &[Rule]) -> Result<(), GgufError> {
    let by_name: HashMap<&str, &Rule> = rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule))
        .collect();
    for tensor in gguf.tensors() {
        // llama.cpp counts the tensors it used and refuses a file with more.
        let rule = by_name
            .get(tensor.name())
            .ok_or_else(|| GgufError::UnexpectedTensor {
                tensor: tensor.name().to_owned(),
            })?;
        check(tensor, rule)?;
    }
    match rules
        .iter()
        .find(|rule| rule.required && gguf.tensor(&rule.name).is_none())
    {
        Some(rule) => Err(GgufError::MissingTensor {
            tensor: rule.name.clone(),
        }),
        None => Ok(()),
    }
}

fn check(tensor: &TensorInfo<'_>, rule: &Rule) -> Result<(), GgufError> {
    if tensor.dims() != rule.dims {
        return Err(GgufError::TensorShape {
            tensor: tensor.name().to_owned(),
            found: tensor.dims(),
            expected: rule.dims,
        });
    }
    let usable = match rule.usage {
        Use::Matrix => is_weight_type(tensor.tensor_type()),
        Use::Vector => tensor.tensor_type() == GgmlType::F32,
    };
    if !usable {
        return Err(GgufError::TensorType {
            tensor: tensor.name().to_owned(),
            found: tensor.tensor_type(),
        });
    }
    Ok(())
}

/// Whether ggml's CPU code has both a dot product and a row look-up for it;
/// without one it calls through a null pointer or aborts.
fn is_weight_type(tensor_type: GgmlType) -> bool {
    match tensor_type {
        GgmlType::F32 | GgmlType::F16 | GgmlType::BF16 => true,
        GgmlType::Q4_0 | GgmlType::Q4_1 | GgmlType::Q5_0 | GgmlType::Q5_1 | GgmlType::Q8_0 => true,
        GgmlType::Q2_K | GgmlType::Q3_K | GgmlType::Q4_K | GgmlType::Q5_K | GgmlType::Q6_K => true,
        GgmlType::IQ1_S | GgmlType::IQ1_M | GgmlType::IQ4_NL | GgmlType::IQ4_XS => true,
        GgmlType::IQ2_XXS | GgmlType::IQ2_XS | GgmlType::IQ2_S => true,
        GgmlType::IQ3_XXS | GgmlType::IQ3_S => true,
        GgmlType::TQ1_0 | GgmlType::TQ2_0 | GgmlType::Q1_0 | GgmlType::Q2_0 => true,
        GgmlType::MXFP4 | GgmlType::NVFP4 => true,
        // Activations only.
        GgmlType::Q8_1 | GgmlType::Q8_K => false,
        GgmlType::I8 | GgmlType::I16 | GgmlType::I32 | GgmlType::I64 | GgmlType::F64 => false,
    }
}
