//! Why a folder of PEFT does not become an adapter.

use super::fields::PEFT_VERSION;
use super::python_re::PatternError;

/// One variant for each kind of fault. Names and values come from the files; they are
/// shortened by [`shown`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeftError {
    #[error("it is a file: name the folder that PEFT's save_pretrained wrote")]
    NotAFolder,
    #[error("the folder has no {file}{hint}")]
    FileMissing { file: &'static str, hint: String },
    #[error("adapter_config.json is no JSON: {0}")]
    ConfigSyntax(serde_json::Error),
    #[error("adapter_config.json is {found}, not a JSON object")]
    ConfigType { found: &'static str },
    #[error("adapter_config.json has no {field}")]
    FieldMissing { field: &'static str },
    #[error("adapter_config.json: {field} is {value}, not {expected}")]
    FieldType {
        field: String,
        value: String,
        expected: &'static str,
    },
    #[error("adapter_config.json: {field} is {value}: {reason}")]
    FieldUnsupported {
        field: String,
        value: String,
        reason: &'static str,
    },
    #[error(
        "adapter_config.json: {field} is {value}: LoraConfig of PEFT {PEFT_VERSION} has no such field, and what it \
         would change is not known"
    )]
    FieldUnknown { field: String, value: String },
    #[error("adapter_config.json: {field} has {count} keys, more than {limit}")]
    TooManyPatterns {
        field: &'static str,
        count: usize,
        limit: usize,
    },
    #[error("adapter_config.json: {field}, regular expression {pattern}: {source}")]
    Pattern {
        field: &'static str,
        pattern: String,
        source: PatternError,
    },
    #[error("adapter_model.safetensors: {0}")]
    Tensors(#[from] safetensors::SafeTensorError),
    #[error("adapter_model.safetensors holds no tensors")]
    NoTensors,
    #[error("tensor {tensor}: {reason}")]
    TensorUnsupported {
        tensor: String,
        reason: &'static str,
    },
    #[error("module {module} has {found} and no {missing}")]
    HalfMissing {
        module: String,
        found: &'static str,
        missing: &'static str,
    },
    #[error("tensor {tensor} has the dimensions {found:?}: a matrix has two, none of them 0")]
    NotAMatrix { tensor: String, found: Vec<usize> },
    #[error("tensor {tensor} has elements of type {found}; F32, F16, BF16 and F64 are supported")]
    TensorType { tensor: String, found: String },
    #[error("tensor {tensor} holds a number that is not finite")]
    NotFinite { tensor: String },
    #[error("tensor {tensor} holds a number that is not finite once scaled by {factor}")]
    NotFiniteScaled { tensor: String, factor: f64 },
    #[error("module {module}: lora_A has rank {rank_a} and lora_B has rank {rank_b}")]
    RanksDiffer {
        module: String,
        rank_a: usize,
        rank_b: usize,
    },
    #[error("module {module} has rank {found}, adapter_config.json says {configured} ({field})")]
    OtherRank {
        module: String,
        found: usize,
        configured: u64,
        field: String,
    },
    #[error("the adapter is for another model{trained_on}: {reason}")]
    OtherModel { trained_on: String, reason: String },
    #[error(
        "module {module}: this model has no output matrix of its own, it shares that of its embedding"
    )]
    OutputShared { module: String },
    #[error(
        "the tensors of module {module} are missing, which adapter_config.json says is trained ({field})"
    )]
    ModuleMissing { module: String, field: String },
    #[error(
        "adapter_model.safetensors changes module {module}, which PEFT would leave alone by {field}"
    )]
    ModuleNotTargeted { module: String, field: String },
    #[error("all scales are 0: it changes nothing")]
    ScalesZero,
    #[error("module {module} has the scale {scale}, beyond what F32 holds")]
    ScaleRange { module: String, scale: f64 },
    #[error("the adapter cannot be written as GGUF: {0}")]
    NotBuilt(String),
    #[error("PEFT has no module for {0}")]
    NoModule(String),
}

/// Text of a file for a message: on one line and not long.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 100;
    let mut shown = String::new();
    for character in text.chars().take(CHARACTERS_MAX) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
