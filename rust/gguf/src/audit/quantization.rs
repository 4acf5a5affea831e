//! The name of a model's quantization.

use crate::{GgmlType, Gguf, GgufError};
use std::collections::HashMap;

/// The numbers `general.file_type` uses, as llama.cpp's `llama_ftype`.
const FILE_TYPES: &[(u32, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4"),
    (39, "NVFP4"),
    (40, "Q1_0"),
    (41, "Q2_0"),
];

/// What `general.file_type` says, else the type with the most elements.
///
/// # Errors
/// [`GgufError::WrongType`].
pub(super) fn name(gguf: &Gguf<'_>) -> Result<String, GgufError> {
    let file_type = gguf.metadata().read::<u32>("general.file_type")?;
    if let Some(&(_, name)) = FILE_TYPES
        .iter()
        .find(|&&(number, _)| Some(number) == file_type)
    {
        return Ok(name.to_owned());
    }
    let mut elements: HashMap<GgmlType, u64> = HashMap::new();
    for tensor in gguf.tensors() {
        let sum = elements.entry(tensor.tensor_type()).or_default();
        *sum = sum.saturating_add(tensor.elements());
    }
    let most = elements
        .into_iter()
        .max_by_key(|&(tensor_type, count)| (count, tensor_type));
    Ok(most
        .map_or("", |(tensor_type, _)| tensor_type.name())
        .to_uppercase())
}
