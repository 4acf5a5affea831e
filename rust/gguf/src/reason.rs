//! What a refused key means, in words of people who choose models.

use crate::ValueType;

/// Why a string value is refused.
pub(crate) fn unsupported_value(key: &str, found: &str) -> String {
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    match (key, suffix) {
        ("tokenizer.ggml.model", _) => {
            format!("the tokenizer {found:?} is not supported (llama and gpt2 are)")
        }
        ("tokenizer.ggml.pre", _) => format!(
            "the pre-tokenizer {found:?} is not supported: llama.cpp does not know it, or cuts \
             text for it by a recursion that long texts overflow"
        ),
        (_, "rope.scaling.type") => {
            format!("context extension by {found:?} is not supported (none, linear and yarn are)")
        }
        (_, "attention.causal") => {
            "models that look at later tokens (encoders) are not supported".to_owned()
        }
        _ => format!("metadata key {key:?} has unsupported value {found:?}"),
    }
}

/// Why a file with this key is refused.
pub(crate) fn unsupported_key(key: &str) -> String {
    match kind_by_key(key) {
        Some(kind) => format!("{kind} are not supported (metadata key {key:?})"),
        None => format!("metadata key {key:?} is not supported"),
    }
}

/// The models that have this key, where a word for them is known.
pub(crate) fn kind_by_key(key: &str) -> Option<&'static str> {
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    Some(match suffix {
        "classifier.output_labels" | "classifier.pooling_type" => "classifiers",
        "embedding_length_out" => "embedding models",
        "attention.key_length_swa" | "attention.value_length_swa" | "rope.dimension_count_swa" => {
            "models whose sliding-window layers have heads of another size"
        }
        "tensor_extra.name" | "tensor_extra.prec_a4" => "models with a precision for each tensor",
        "ggml.precompiled_charsmap" => "tokenizers with a table of normalisations",
        _ => return None,
    })
}

/// Why a whole number is refused.
pub(crate) fn out_of_range(key: &str, found: i64, min: i64, max: i64) -> String {
    match kind_by_number(key) {
        Some(kind) => format!("{kind} are not supported (metadata key {key:?} is {found})"),
        None => format!("metadata key {key:?} is {found}, not {min} to {max}"),
    }
}

/// The models that have another number under this key, where a word for them is known.
pub(crate) fn kind_by_number(key: &str) -> Option<&'static str> {
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    Some(match suffix {
        "pooling_type" => "embedding models",
        "nextn_predict_layers" => "models with layers that predict several tokens",
        "expert_used_count" | "expert_group_count" | "expert_group_used_count" => {
            "mixture-of-experts models"
        }
        _ => return None,
    })
}

/// Why a value of this type is refused.
pub(crate) fn wrong_type(key: &str, found: ValueType, expected: ValueType) -> String {
    if is_by_layer(key, found, expected) {
        return format!(
            "models whose layers differ are not supported (metadata key {key:?} is a list)"
        );
    }
    format!("metadata key {key:?} is {found}, not {expected}")
}

/// Whether a list stands where one number for all layers is expected.
pub(crate) fn is_by_layer(key: &str, found: ValueType, expected: ValueType) -> bool {
    let of_tokenizer = key.starts_with("tokenizer.") || key.starts_with("general.");
    found == ValueType::Array && expected == ValueType::U32 && !of_tokenizer
}

/// Why a tensor of this name is refused.
pub(crate) fn unexpected_tensor(tensor: &str) -> String {
    let refused = format!("tensor {tensor:?} does not belong to the architecture");
    match kind_by_tensor(tensor) {
        Some(kind) => format!("{refused} ({kind} are not supported)"),
        None => refused,
    }
}

/// The models that have this tensor, where a word for them is known.
pub(crate) fn kind_by_tensor(tensor: &str) -> Option<&'static str> {
    let part = tensor.rsplit_once("blk.").map_or(tensor, |(_, part)| part);
    if part.contains("_exps") || part.contains("_shexp") || part.contains("gate_inp") {
        Some("mixture-of-experts models")
    } else if tensor.starts_with("rope_factors_") {
        Some("models with context extension by \"longrope\"")
    } else if tensor.starts_with("v.") || tensor.starts_with("mm.") {
        Some("models that see")
    } else {
        None
    }
}
