//! What llama.cpp would die of, checked before it looks.
//!
//! Its loader takes a model file on trust: a wrong value can run into an
//! assertion, divide by zero, index past an array or throw through C, and each
//! of these ends the process. The audit repeats, stricter, what the loader, the
//! tokenizers and the graph builders rely on (llama.cpp as pinned in the
//! workspace). It reads the tables only: tensor data has no value a kernel
//! could crash on, though it may hold NaNs.

mod architecture;
mod gemma3;
mod hyperparameters;
mod keys;
mod llama;
mod other_metadata;
mod quantization;
mod special_tokens;
mod tensors;
mod tokenizer;
mod vocabulary;

use crate::file::ALIGNMENT_KEY;
use crate::{Architecture, Gguf, GgufError, Metadata, ModelHeader, TensorInfo, Value};
use hyperparameters::Hyperparameters;
use keys::Keys;

/// `TENSOR_ALIGNMENT`: ggml asserts that mapped tensors are aligned to it.
const TENSOR_ALIGNMENT: u32 = 32;

/// Bytes of the longest name or licence accepted.
const MAX_TEXT_BYTES: u64 = 4096;

/// Checks everything about a model file that llama.cpp's loader takes on
/// trust, and returns the facts it states.
///
/// Pure; takes a tenth of a second for a vocabulary of 260,000 tokens, nearly
/// all of it to compare them, in at most 16 times as much memory as the tables have.
///
/// # Errors
/// The first fault found, each with a variant of its own: what kind of file it
/// is ([`GgufError::NotAModel`], [`GgufError::UnsupportedArchitecture`],
/// [`GgufError::SplitModel`], [`GgufError::SplitPart`], [`GgufError::MixtureOfExperts`]), keys
/// ([`GgufError::MissingKey`] to [`GgufError::Inconsistent`]), tokens, tensors.
pub fn audit_model(gguf: &Gguf<'_>) -> Result<ModelHeader, GgufError> {
    let metadata = gguf.metadata();
    let architecture = audit_kind(metadata)?;
    keys::check_u32(ALIGNMENT_KEY, gguf.alignment(), TENSOR_ALIGNMENT..=u32::MAX)?;
    let name = text(metadata, "general.name", MAX_TEXT_BYTES)?;
    let plan = architecture::plan(architecture);
    let keys = Keys::new(metadata, architecture.name());
    let mut sizes = Hyperparameters::read(&keys)?;
    let sliding_window = (plan.read)(&keys, &mut sizes)?;
    let tokenizer = tokenizer::audit(metadata)?;
    check_vocabulary_size(&keys, tokenizer.vocabulary_size)?;
    let rules = (plan.tensors)(&sizes, tokenizer.vocabulary_size);
    tensors::audit(gguf, &rules)?;
    Ok(ModelHeader {
        architecture,
        name,
        size_label: label(metadata, "general.size_label"),
        license: label(metadata, "general.license"),
        quantization: quantization::name(gguf)?,
        context_length: sizes.context_length,
        embedding_length: sizes.embedding_length,
        block_count: sizes.block_count,
        head_count: sizes.head_count,
        head_count_kv: sizes.head_count_kv,
        key_length: sizes.key_length,
        value_length: sizes.value_length,
        feed_forward_length: sizes.feed_forward_length,
        rms_norm_epsilon: sizes.rms_norm_epsilon,
        rope: sizes.rope,
        sliding_window,
        vocabulary_size: tokenizer.vocabulary_size,
        vocabulary: tokenizer.vocabulary,
        tokenizer: tokenizer.header,
        chat_template: tokenizer.chat_template,
        parameters: sum(gguf, |tensor| tensor.elements()),
        tensor_bytes: sum(gguf, |tensor| tensor.byte_len()),
    })
}

/// Checks that the file is one whole model of an audited architecture.
fn audit_kind(metadata: &Metadata<'_>) -> Result<Architecture, GgufError> {
    // First: only the first part says what kind of model it is.
    refuse_split(metadata)?;
    if let Some(found) = metadata.read::<&str>("general.type")?
        && found != "model"
    {
        return Err(GgufError::NotAModel {
            found: found.to_owned(),
        });
    }
    let found = metadata.require::<&str>("general.architecture")?;
    let architecture =
        Architecture::from_name(found).ok_or_else(|| GgufError::UnsupportedArchitecture {
            found: found.to_owned(),
        })?;
    // Per-tensor precision overrides.
    for key in ["general.tensor_extra.name", "general.tensor_extra.prec_a4"] {
        if metadata.value(key).is_some() {
            return Err(GgufError::UnsupportedKey {
                key: key.to_owned(),
            });
        }
    }
    Ok(architecture)
}

/// llama.cpp would go and open the other files by name.
fn refuse_split(metadata: &Metadata<'_>) -> Result<(), GgufError> {
    let Some(count) = metadata.read::<u16>("split.count")?.filter(|&n| n > 1) else {
        return Ok(());
    };
    Err(match metadata.read::<u16>("split.no")? {
        Some(index) => GgufError::SplitPart {
            part: u32::from(index).saturating_add(1),
            count,
        },
        None => GgufError::SplitModel { count },
    })
}

/// `vocab_size` only restates the number of tokens, on which llama.cpp sizes
/// the embedding; a file that contradicts itself is refused.
fn check_vocabulary_size(keys: &Keys<'_, '_>, expected: u32) -> Result<(), GgufError> {
    match keys.read::<u32>("vocab_size")? {
        Some(found) if found != expected => Err(GgufError::Inconsistent {
            key: keys.key("vocab_size"),
            found: found.into(),
            expected: expected.into(),
        }),
        _ => Ok(()),
    }
}

fn sum(gguf: &Gguf<'_>, count: fn(&TensorInfo<'_>) -> u64) -> u64 {
    gguf.tensors()
        .iter()
        .map(count)
        .fold(0, u64::saturating_add)
}

/// A string of at most `limit` bytes.
///
/// # Errors
/// [`GgufError::WrongType`], [`GgufError::TextTooLong`].
fn text(metadata: &Metadata<'_>, key: &str, limit: u64) -> Result<Option<String>, GgufError> {
    let Some(text) = metadata.read::<&str>(key)? else {
        return Ok(None);
    };
    let found = text.len() as u64;
    if found > limit {
        return Err(GgufError::TextTooLong {
            key: key.to_owned(),
            found,
            limit,
        });
    }
    Ok(Some(text.to_owned()))
}

/// A string that nothing but a screen shows: of another type or too long, it
/// is as good as absent.
fn label(metadata: &Metadata<'_>, key: &str) -> Option<String> {
    match metadata.value(key) {
        Some(Value::Str(text)) if text.len() as u64 <= MAX_TEXT_BYTES => Some(text.to_owned()),
        _ => None,
    }
}
