//! How a model cuts text, in one digest.

use pocketune_base::Digest;
use pocketune_gguf::Gguf;

const PREFIX: &str = "tokenizer.";

/// SHA-256 over a model file's `tokenizer.` keys with their values, encoded as in a GGUF
/// file and in the order of the keys' bytes: vocabulary, merges, special tokens and
/// chat template. Two files with one fingerprint turn every conversation into the same
/// tokens.
#[must_use]
pub fn tokenizer_fingerprint(gguf: &Gguf<'_>) -> Digest {
    Digest::of(&gguf.metadata().encode_under(PREFIX))
}
