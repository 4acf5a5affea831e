//! A vocabulary as constraints see it: the bytes that each token adds to a reply.

use pocketune_grammar::TokenText;
use pocketune_llama::{LlamaError, Model};

/// Longer tokens are never chosen under a constraint, in bytes. A model file may
/// hold some of up to 4,096; in real vocabularies the longest is a run of 1,024
/// spaces, and shorter tokens write the same text.
pub(crate) const TOKEN_BYTES_MAX: usize = 512;

/// The texts of a model's tokens. Control tokens have none: they are not seen in a reply.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<usize>,
    /// The tokens that end a reply, in order.
    end_tokens: Vec<u32>,
}

impl Vocabulary {
    /// Reads the model's vocabulary: some 10 ms for 49,152 tokens.
    pub(crate) fn of(model: &Model) -> Result<Self, LlamaError> {
        let mut vocabulary = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(model.vocab_size()),
            end_tokens: Vec::new(),
        };
        for id in (0u32..).take(model.vocab_size()) {
            let token = i32::try_from(id).unwrap_or(i32::MAX);
            if model.is_end_of_generation(token) {
                vocabulary.end_tokens.push(id);
            } else {
                let bytes = model.token_bytes(token, false)?;
                if bytes.len() <= TOKEN_BYTES_MAX {
                    vocabulary.bytes.extend(bytes);
                }
            }
            vocabulary.ends.push(vocabulary.bytes.len());
        }
        Ok(vocabulary)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a token: none where it must not be chosen for its text.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = id.checked_sub(1).and_then(|before| self.ends.get(before));
        let range = start.copied().unwrap_or(0)..self.ends.get(id).copied().unwrap_or(0);
        self.bytes.get(range).unwrap_or_default()
    }

    pub(crate) fn text(&self, id: u32) -> TokenText<'_> {
        TokenText {
            bytes: self.bytes(id),
            ends: self.end_tokens.binary_search(&id).is_ok(),
        }
    }

    pub(crate) fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    #[cfg(test)]
    pub(crate) fn of_words(words: &[&[u8]], end_tokens: &[u32]) -> Self {
        let mut vocabulary = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            end_tokens: end_tokens.to_vec(),
        };
        for word in words {
            vocabulary.bytes.extend_from_slice(word);
            vocabulary.ends.push(vocabulary.bytes.len());
        }
        vocabulary
    }
}
