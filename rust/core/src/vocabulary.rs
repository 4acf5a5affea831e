//! What structures built over a vocabulary take, known from the file's header.
//!
//! Nearly all of it is llama.cpp's (llama-vocab.cpp, gguf.cpp): it keeps
//! each text several times in C++ containers. Sizes are those of libstdc++ on a 64-bit
//! system; libc++'s are smaller. A test measures them (`tests/tests/system/vocabulary.rs`).

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
/// Strings of a token: as the file has them, the keys of a map, the list of tokens, the
/// pieces that replies are made of.
const TOKEN_STRINGS: u64 = 4;
/// Strings of a merge rule: as the file has it, and its two pieces in a map.
const MERGE_STRINGS: u64 = 3;
/// While the file is read, what lies outside the string objects is there once more.
const READING: u64 = 1;
/// Copies of other metadata: for the audit, as the file has it, once more while it is read,
/// and as strings that a loaded model can be asked for.
const OTHER_COPIES: u64 = 4;
/// One more record of a special token, by which written-out ones are found.
const FOUND: u64 = 80;
/// llguidance's tries, while they are built and after: nodes for the bytes of all tokens, of
/// which short ones share many.
const TRIE_PER_TOKEN: u64 = 450;
const TRIE_PER_SHORT_BYTE: u64 = 20;
const TRIE_PER_LONG_BYTE: u64 = 90;
/// What constraints look at: the texts of all tokens, one after the other, in a block that
/// grows by doubling, and where each ends.
const GRAMMAR_PER_BYTE: u64 = 3;
const GRAMMAR_PER_TOKEN: u64 = 16;

/// Bytes of everything that grows with the vocabulary in a loaded model.
pub(crate) fn structure_bytes(sizes: &VocabularySizes) -> u64 {
    let VocabularySizes {
        tokens,
        special,
        merges,
        decoded_bytes,
        other_bytes,
        ..
    } = *sizes;
    let of_tokens = u64::from(tokens.count) * (TOKEN_STRINGS * STRING + NODE + NUMBERS)
        + (TOKEN_STRINGS + READING) * outside(tokens);
    let of_merges = u64::from(merges.count) * (MERGE_STRINGS * STRING + NODE + 8)
        + (MERGE_STRINGS - 1 + READING) * outside(merges);
    // The loader writes each array out as text for its log.
    let of_log = tokens.bytes.max(merges.bytes);
    // Where a token's bytes are none that the encoding has, its piece says so at length.
    let of_pieces = decoded_bytes.saturating_sub(tokens.bytes);
    let of_finder = u64::from(special.count) * FOUND + special.bytes;
    of_tokens + of_merges + of_log + of_pieces + of_finder + other_bytes * OTHER_COPIES
}

/// Bytes that the first JSON Schema takes: three times what a grammar does.
pub(crate) fn schema_bytes(sizes: &VocabularySizes) -> u64 {
    let TextSize {
        count,
        bytes,
        long_bytes,
        ..
    } = sizes.tokens;
    // Constraints take tokens that a reply does not show for empty ones.
    let bytes = bytes.saturating_sub(sizes.unseen.bytes);
    let long_bytes = long_bytes.saturating_sub(sizes.unseen.long_bytes);
    u64::from(count) * TRIE_PER_TOKEN
        + bytes.saturating_sub(long_bytes) * TRIE_PER_SHORT_BYTE
        + long_bytes * TRIE_PER_LONG_BYTE
}

/// Bytes that the first grammar takes.
pub(crate) fn grammar_bytes(sizes: &VocabularySizes) -> u64 {
    sizes.tokens.bytes.max(sizes.decoded_bytes) * GRAMMAR_PER_BYTE
        + u64::from(sizes.tokens.count) * GRAMMAR_PER_TOKEN
}

/// What a list of strings has outside the string objects.
fn outside(texts: TextSize) -> u64 {
    texts.long_bytes + u64::from(texts.long_count) * BLOCK
}
