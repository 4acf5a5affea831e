//! Why a folder of PEFT does not become an adapter.

use crate::python_re::PatternError;

/// The release of PEFT whose configurations are read as it reads them.
pub const PEFT_VERSION: &str = "0.21.2";

/// One variant for each kind of fault. Names and values come from the files; they are
/// shortened by [`shown`].
#[derive(Debug, thiserror::Error)]
pub enum PeftError {
    /// A file was named where a folder is meant.
    #[error("it is a file: name the folder that PEFT's save_pretrained wrote")]
    NotAFolder,
    /// The folder lacks one of the two files.
    #[error("the folder has no {file}{hint}")]
    FileMissing {
        /// The file.
        file: &'static str,
        /// What lies there instead, where that helps.
        hint: String,
    },
    /// The configuration is no JSON.
    #[error("adapter_config.json is no JSON: {0}")]
    ConfigSyntax(serde_json::Error),
    /// The configuration is JSON and no object.
    #[error("adapter_config.json is {found}, not a JSON object")]
    ConfigType {
        /// What was found.
        found: &'static str,
    },
    /// A field that is needed is missing.
    #[error("adapter_config.json has no {field}")]
    FieldMissing {
        /// The field.
        field: &'static str,
    },
    /// A field holds another type than PEFT writes.
    #[error("adapter_config.json: {field} is {value}, not {expected}")]
    FieldType {
        /// The field.
        field: String,
        /// Its value, shortened.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A field asks for what an adapter in GGUF cannot do.
    #[error("adapter_config.json: {field} is {value}: {reason}")]
    FieldUnsupported {
        /// The field.
        field: String,
        /// Its value, shortened.
        value: String,
        /// Why.
        reason: &'static str,
    },
    /// A field that this version of PEFT does not have.
    #[error(
        "adapter_config.json: {field} is {value}: LoraConfig of PEFT {PEFT_VERSION} has no such field, and what it \
         would change is not known"
    )]
    FieldUnknown {
        /// The field.
        field: String,
        /// Its value, shortened.
        value: String,
    },
    /// More patterns than are looked at.
    #[error("adapter_config.json: {field} has {count} keys, more than {limit}")]
    TooManyPatterns {
        /// The field.
        field: &'static str,
        /// How many there are.
        count: usize,
        /// How many are accepted.
        limit: usize,
    },
    /// A regular expression that cannot be read.
    #[error("adapter_config.json: {field}, regular expression {pattern}: {source}")]
    Pattern {
        /// The field.
        field: &'static str,
        /// The expression, shortened.
        pattern: String,
        /// What is wrong with it.
        source: PatternError,
    },
    /// The weights are no safetensors.
    #[error("adapter_model.safetensors: {0}")]
    Tensors(#[from] safetensors::SafeTensorError),
    /// The file of weights is empty.
    #[error("adapter_model.safetensors holds no tensors")]
    NoTensors,
    /// A tensor that is no half of a LoRA.
    #[error("tensor {tensor}: {reason}")]
    TensorUnsupported {
        /// The tensor.
        tensor: String,
        /// Why.
        reason: &'static str,
    },
    /// A module has one of its two matrices.
    #[error("module {module} has {found} and no {missing}")]
    HalfMissing {
        /// The module.
        module: String,
        /// What was found.
        found: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// A tensor is no matrix.
    #[error("tensor {tensor} has the dimensions {found:?}: a matrix has two, none of them 0")]
    NotAMatrix {
        /// The tensor.
        tensor: String,
        /// What was found.
        found: Vec<usize>,
    },
    /// Elements of a type that is not read.
    #[error("tensor {tensor} has elements of type {found}; F32, F16, BF16 and F64 are supported")]
    TensorType {
        /// The tensor.
        tensor: String,
        /// What was found.
        found: String,
    },
    /// A weight is infinite or no number.
    #[error("tensor {tensor} holds a number that is not finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
    /// A weight is no finite number once its scale is applied.
    #[error("tensor {tensor} holds a number that is not finite once scaled by {factor}")]
    NotFiniteScaled {
        /// The tensor.
        tensor: String,
        /// The scale.
        factor: f64,
    },
    /// The two matrices of a module have different ranks.
    #[error("module {module}: lora_A has rank {rank_a} and lora_B has rank {rank_b}")]
    RanksDiffer {
        /// The module.
        module: String,
        /// Of `lora_A`.
        rank_a: usize,
        /// Of `lora_B`.
        rank_b: usize,
    },
    /// A module has another rank than the configuration says.
    #[error("module {module} has rank {found}, adapter_config.json says {configured} ({field})")]
    OtherRank {
        /// The module.
        module: String,
        /// What was found.
        found: usize,
        /// The rank in the configuration.
        configured: u64,
        /// The field.
        field: String,
    },
    /// The adapter was trained on another model.
    #[error("the adapter is for another model{trained_on}: {reason}")]
    OtherModel {
        /// The name of that model, where it is told.
        trained_on: String,
        /// Why.
        reason: String,
    },
    /// The model has no output matrix of its own.
    #[error(
        "module {module}: this model has no output matrix of its own, it shares that of its embedding"
    )]
    OutputShared {
        /// The module.
        module: String,
    },
    /// A module that the configuration names has no tensors.
    #[error(
        "the tensors of module {module} are missing, which adapter_config.json says is trained ({field})"
    )]
    ModuleMissing {
        /// The module.
        module: String,
        /// The field.
        field: String,
    },
    /// A module has tensors that the configuration does not name.
    #[error(
        "adapter_model.safetensors changes module {module}, which PEFT would leave alone by {field}"
    )]
    ModuleNotTargeted {
        /// The module.
        module: String,
        /// The field.
        field: String,
    },
    /// The adapter changes nothing.
    #[error("all scales are 0: it changes nothing")]
    ScalesZero,
    /// A scale that F32 cannot hold.
    #[error("module {module} has the scale {scale}, beyond what F32 holds")]
    ScaleRange {
        /// The module.
        module: String,
        /// The scale.
        scale: f64,
    },
    /// The result could not be written as GGUF.
    #[error("the adapter cannot be written as GGUF: {0}")]
    NotBuilt(String),
    /// PEFT has no name for a matrix.
    #[error("PEFT has no module for {0}")]
    NoModule(String),
}

/// Text of a file for a message: on one line and not long.
pub(crate) fn shown(text: &str) -> String {
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
