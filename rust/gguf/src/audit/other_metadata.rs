//! Metadata that nobody but the loader's log reads.

use super::tokenizer::{MERGES, SCORES, TOKENS, TYPES};
use crate::{GgufError, Metadata, Value};

/// Arrays whose length the vocabulary bounds.
const VOCABULARY: [&str; 4] = [TOKENS, SCORES, TYPES, MERGES];

/// Bytes of all other arrays together. Lists of tags, languages and layers have less than
/// 10,000. llama.cpp writes every array out as text for its log, of which 40 characters
/// remain: a number of eight bytes can have 316 digits.
const MAX_OTHER_ARRAYS_BYTES: u64 = 64 * 1024;

/// Bytes of all keys and values but the vocabulary.
///
/// # Errors
/// [`GgufError::ArraysTooLarge`].
pub(super) fn audit(metadata: &Metadata<'_>) -> Result<u64, GgufError> {
    let (mut bytes, mut arrays) = (0_u64, 0_u64);
    let others = metadata.iter().filter(|(key, _)| !VOCABULARY.contains(key));
    for (key, value) in others {
        let of_value = match value {
            Value::Array(array) => {
                let bytes = array.as_bytes().len() as u64;
                arrays = arrays.saturating_add(bytes);
                bytes
            }
            Value::Str(text) => text.len() as u64,
            _ => 8,
        };
        bytes = bytes
            .saturating_add(key.len() as u64)
            .saturating_add(of_value);
    }
    if arrays > MAX_OTHER_ARRAYS_BYTES {
        let (found, limit) = (arrays, MAX_OTHER_ARRAYS_BYTES);
        return Err(GgufError::ArraysTooLarge { found, limit });
    }
    Ok(bytes)
}
