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
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    let kind = match suffix {
        "classifier.output_labels" | "classifier.pooling_type" => "classifiers",
        "embedding_length_out" => "embedding models",
        "attention.key_length_swa" | "attention.value_length_swa" | "rope.dimension_count_swa" => {
            "models whose sliding-window layers have heads of another size"
        }
        "tensor_extra.name" | "tensor_extra.prec_a4" => "models with a precision for each tensor",
        "ggml.precompiled_charsmap" => "tokenizers with a table of normalisations",
        _ => return format!("metadata key {key:?} is not supported"),
    };
    format!("{kind} are not supported (metadata key {key:?})")
}

/// Why a whole number is refused.
pub(crate) fn out_of_range(key: &str, found: i64, min: i64, max: i64) -> String {
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    let kind = match suffix {
        "pooling_type" => "embedding models",
        "nextn_predict_layers" => "models with layers that predict several tokens",
        "expert_used_count" | "expert_group_count" | "expert_group_used_count" => {
            "mixture-of-experts models"
        }
        _ => return format!("metadata key {key:?} is {found}, not {min} to {max}"),
    };
    format!("{kind} are not supported (metadata key {key:?} is {found})")
}

/// Why a value of this type is refused.
pub(crate) fn wrong_type(key: &str, found: ValueType, expected: ValueType) -> String {
    let of_tokenizer = key.starts_with("tokenizer.") || key.starts_with("general.");
    if found == ValueType::Array && expected == ValueType::U32 && !of_tokenizer {
        return format!(
            "models whose layers differ are not supported (metadata key {key:?} is a list)"
        );
    }
    format!("metadata key {key:?} is {found}, not {expected}")
}

/// Why a tensor of this name is refused.
pub(crate) fn unexpected_tensor(tensor: &str) -> String {
    let part = tensor.rsplit_once("blk.").map_or(tensor, |(_, part)| part);
    let kind = if part.contains("_exps") || part.contains("_shexp") || part.contains("gate_inp") {
        " (mixture-of-experts models are not supported)"
    } else if tensor.starts_with("rope_factors_") {
        " (context extension by \"longrope\" is not supported)"
    } else if tensor.starts_with("v.") || tensor.starts_with("mm.") {
        " (models that see are not supported)"
    } else {
        ""
    };
    format!("tensor {tensor:?} does not belong to the architecture{kind}")
}
