//! What of a sound model is not supported here, apart from what is wrong with a file.

use crate::{GgufError, reason};

/// No format has come so far in ten years.
const VERSION_MAX: u32 = 100;

impl GgufError {
    /// The part of a well-formed model that is not supported, in words for whoever offers
    /// models, such as `mixture-of-experts models` or `pre-tokenizer tekken`. None for a file
    /// that is damaged or no model, and where it is the architecture.
    #[must_use]
    pub fn unsupported_feature(&self) -> Option<String> {
        Some(match self {
            // Any larger number is no version: the file only begins like one.
            Self::UnsupportedVersion { found } if *found <= VERSION_MAX => {
                format!("GGUF version {found}")
            }
            Self::BigEndian { .. } => "big-endian files".to_owned(),
            Self::SplitModel { .. } | Self::SplitPart { .. } => "split files".to_owned(),
            Self::MixtureOfExperts { .. } => "mixture-of-experts models".to_owned(),
            Self::UnsupportedKey { key } => reason::kind_by_key(key).unwrap_or(key).to_owned(),
            Self::UnsupportedValue { key, found } => value(key, found),
            Self::OutOfRange { key, .. } => reason::kind_by_number(key)?.to_owned(),
            Self::UnexpectedTensor { tensor } => reason::kind_by_tensor(tensor)?.to_owned(),
            Self::WrongType {
                key,
                found,
                expected,
            } if reason::is_by_layer(key, *found, *expected) => "layers that differ".to_owned(),
            Self::UnknownTensorType { found, .. } => format!("ggml type {found}"),
            _ => return None,
        })
    }
}

fn value(key: &str, found: &str) -> String {
    let suffix = key.split_once('.').map_or(key, |(_, suffix)| suffix);
    match (key, suffix) {
        ("tokenizer.ggml.model", _) => format!("tokenizer {found}"),
        ("tokenizer.ggml.pre", _) => format!("pre-tokenizer {found}"),
        (_, "rope.scaling.type") => format!("context extension by {found}"),
        (_, "attention.causal") => "encoders".to_owned(),
        _ => format!("{key} {found}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(error: &GgufError) -> Option<String> {
        error.unsupported_feature()
    }

    #[test]
    fn what_is_sound_and_not_supported_is_named() {
        let pre = GgufError::UnsupportedValue {
            key: "tokenizer.ggml.pre".to_owned(),
            found: "tekken".to_owned(),
        };
        assert_eq!(feature(&pre).as_deref(), Some("pre-tokenizer tekken"));
        let experts = GgufError::UnexpectedTensor {
            tensor: "blk.0.ffn_up_exps.weight".to_owned(),
        };
        assert_eq!(
            feature(&experts).as_deref(),
            Some("mixture-of-experts models")
        );
    }

    #[test]
    fn damage_is_no_feature() {
        assert_eq!(feature(&GgufError::BadMagic { found: [0; 4] }), None);
        let text = u32::from_le_bytes(*b", or");
        assert_eq!(
            feature(&GgufError::UnsupportedVersion { found: text }),
            None
        );
        let stray = GgufError::UnexpectedTensor {
            tensor: "blk.0.stray".to_owned(),
        };
        assert_eq!(feature(&stray), None);
    }
}
