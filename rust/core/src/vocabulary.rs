//! What structures built over a vocabulary take, known from the file's header.
//!
//! Nearly all of it is llama.cpp's (llama-vocab.cpp, gguf.cpp): it keeps each text several
//! times in C++ containers. Sizes are those of libstdc++ on a 64-bit system; libc++'s are
//! smaller. A test measures them (`tests/tests/system/vocabulary.rs`).

use pocketune_gguf::{TextSize, VocabularySizes};

/// A `std::string`.
const STRING: u64 = 32;
/// What the allocator adds to a string's own block: a header, the NUL, rounding.
const BLOCK: u64 = 24;
/// A node of a `std::unordered_map` around its entry: next node, hash, the allocator's
/// header, and two places in the table of buckets.
const NODE: u64 = 40;
/// A token's score and type, in the file's arrays and beside its text, and its id in a map.
const NUMBERS: u64 = 24;
/// Texts of tokens that are alive at the peak of loading: as the file has them, as keys of
/// a map, as the list of tokens, as the pieces that replies are made of.
const TOKEN_TEXTS: u64 = 4;
/// Bytes of [`crate::chat::ControlTokens`] for each byte of text that it finds.
const FINDER_PER_BYTE: u64 = 40;
/// Copies of other metadata: as the file has it, once more while it is read, and as strings
/// that a loaded model can be asked for.
const OTHER_COPIES: u64 = 3;

/// Bytes of everything that grows with the vocabulary.
pub(crate) fn structure_bytes(sizes: &VocabularySizes) -> u64 {
    let VocabularySizes {
        tokens,
        special,
        merges,
        decoded_bytes,
        other_bytes,
    } = *sizes;
    let of_tokens = TOKEN_TEXTS * strings(tokens) + u64::from(tokens.count) * (NODE + NUMBERS);
    // Where a token's bytes are none that the encoding has, its piece says so at length.
    let of_pieces = decoded_bytes.saturating_sub(tokens.bytes);
    // As the file has them, and as two strings and a rank in a map.
    let of_merges = 2 * strings(merges) + u64::from(merges.count) * (STRING + NODE + 8);
    of_tokens + of_pieces + of_merges + special.bytes * FINDER_PER_BYTE + other_bytes * OTHER_COPIES
}

/// A list of `std::string`.
fn strings(texts: TextSize) -> u64 {
    u64::from(texts.count) * STRING + texts.long_bytes + u64::from(texts.long_count) * BLOCK
}
