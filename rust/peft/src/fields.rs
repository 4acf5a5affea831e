//! What each field of `adapter_config.json` does to what PEFT computes.
//!
//! rust/FORMATS.md has the same table for people; a test compares the two, and another
//! compares this one with the fields that PEFT writes.

use serde_json::Value;

use crate::error::{PeftError, shown};

/// What a field does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect {
    /// Read and applied, or compared with the tensors.
    Read,
    /// Changes nothing of a trained LoRA, whatever its value.
    None,
    /// Changes more than a product of low rank unless it is empty: the reason to refuse.
    Unsupported(&'static str),
}

use Effect::{None as NoEffect, Read, Unsupported};

/// Every field of LoraConfig.
pub(crate) const FIELDS: [(&str, Effect); 42] = [
    ("peft_type", Read),
    ("task_type", Read),
    ("r", Read),
    ("lora_alpha", Read),
    ("use_rslora", Read),
    ("rank_pattern", Read),
    ("alpha_pattern", Read),
    ("target_modules", Read),
    ("exclude_modules", Read),
    ("layers_to_transform", Read),
    ("layers_pattern", Read),
    ("bias", Read),
    ("init_lora_weights", Read),
    ("auto_mapping", NoEffect),
    ("base_model_name_or_path", NoEffect),
    ("corda_config", NoEffect),
    ("eva_config", NoEffect),
    ("inference_mode", NoEffect),
    ("lora_dropout", NoEffect),
    ("lora_ga_config", NoEffect),
    ("megatron_core", NoEffect),
    ("peft_version", NoEffect),
    ("qalora_group_size", NoEffect),
    ("revision", NoEffect),
    ("runtime_config", NoEffect),
    (
        "alora_invocation_tokens",
        Unsupported("it acts only after certain tokens"),
    ),
    (
        "arrow_config",
        Unsupported("it routes between several LoRAs"),
    ),
    (
        "ensure_weight_tying",
        Unsupported("it may change the embedding with the output"),
    ),
    (
        "fan_in_fan_out",
        Unsupported("it is for matrices that lie the other way round"),
    ),
    (
        "kasa_config",
        Unsupported("it cuts the base model's weights"),
    ),
    (
        "layer_replication",
        Unsupported("it repeats layers of the base model"),
    ),
    (
        "loftq_config",
        Unsupported("LoftQ changes the base model's weights"),
    ),
    ("lora_bias", Unsupported("it adds a bias")),
    (
        "megatron_config",
        Unsupported("it is for layers of Megatron"),
    ),
    (
        "modules_to_save",
        Unsupported("it replaces whole modules of the base model"),
    ),
    (
        "monteclora_config",
        Unsupported("it samples the update anew each time"),
    ),
    (
        "target_parameters",
        Unsupported("it changes parameters that are not of a linear layer"),
    ),
    (
        "trainable_token_indices",
        Unsupported("it changes rows of the embedding"),
    ),
    (
        "use_bdlora",
        Unsupported("its matrices are stored in blocks"),
    ),
    (
        "use_dora",
        Unsupported("DoRA scales the base model's weights as well"),
    ),
    (
        "use_qalora",
        Unsupported("QALoRA pools what goes into the matrices"),
    ),
    (
        "velora_config",
        Unsupported("VeLoRA keeps more than two matrices"),
    ),
];

/// Refuses fields that change more than a LoRA does, and those nobody knows.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), PeftError> {
    let effect = FIELDS.iter().find(|(field, _)| *field == name);
    match effect {
        Some((_, Read | NoEffect)) => Ok(()),
        _ if is_empty(value) => Ok(()),
        Some((_, Unsupported(reason))) => Err(unsupported(name, value, reason)),
        None => Err(PeftError::FieldUnknown {
            field: shown(name),
            value: shown(&value.to_string()),
        }),
    }
}

pub(crate) fn unsupported(field: &str, value: &Value, reason: &'static str) -> PeftError {
    PeftError::FieldUnsupported {
        field: field.to_owned(),
        value: shown(&value.to_string()),
        reason,
    }
}

/// Values that ask for nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        _ => false,
    }
}

/// Why an adapter initialised in this way is refused, if it is.
///
/// PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA take a part out of the base model's weights, so
/// that base and adapter together start as the base model was. PEFT compares prefixes and
/// ignores case for some; here all are compared so. Saved with
/// `path_initial_model_for_weight_conversion`, such an adapter says `true`.
pub(crate) fn initialisation(value: &Value) -> Result<(), PeftError> {
    const FIELD: &str = "init_lora_weights";
    const CHANGES_BASE: &str = "it changes the base model's weights, which this model still has as they were; save it \
                                with path_initial_model_for_weight_conversion, as an ordinary LoRA";
    const LOFTQ: &str =
        "it changes the base model's weights, which this model still has as they were";
    const EVA: &str = "it marks a start that PEFT computes from data; EVA leaves the base model's weights alone, so \
                       that a trained adapter is imported once this is true";
    let name = match value {
        Value::Null | Value::Bool(_) => return Ok(()),
        Value::String(name) => name.to_lowercase(),
        _ => {
            return Err(PeftError::FieldType {
                field: FIELD.to_owned(),
                value: shown(&value.to_string()),
                expected: "true, false or a name",
            });
        }
    };
    let begins = |prefix: &str| name.starts_with(prefix);
    let reason = match name.as_str() {
        // The base model's weights stay; MiCA computes B from them once and saves it.
        "gaussian" | "orthogonal" | "mica" => return Ok(()),
        _ if ["pissa", "corda", "olora", "lora_ga"]
            .into_iter()
            .any(begins) =>
        {
            CHANGES_BASE
        }
        _ if begins("loftq") => LOFTQ,
        "eva" => EVA,
        _ => "what such an initialisation does to the base model is not known",
    };
    Err(unsupported(FIELD, value, reason))
}
