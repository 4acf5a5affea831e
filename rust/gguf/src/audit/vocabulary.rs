//! The tokens themselves.

use super::tokenizer::Kind;
use crate::{GgufError, List, TextSize, VocabularySizes};
use std::borrow::Cow;
use std::collections::HashMap;

/// Bytes of the longest token accepted. Real ones have up to a few hundred.
const MAX_TOKEN_BYTES: u64 = 4096;

/// Bytes of the longest control, user-defined or unknown token. Real ones are names such as
/// `<|reserved_special_token_247|>`, or a run of some dozen spaces.
const MAX_SPECIAL_TOKEN_BYTES: u64 = 512;

/// Bytes of all tokens' text together. The largest vocabularies in use, of 200,000 to
/// 290,000 tokens, have 1 to 3 MB (Gemma 3: 2 MB). llama.cpp keeps four copies.
const MAX_TEXT_BYTES: u64 = 8 * 1024 * 1024;

/// Control, user-defined and unknown tokens. Most models have 3 to 1,200 (gpt-oss), Gemma 3
/// 6,400; models that speak have up to 65,536 codes among them. llama.cpp looks for each
/// of them in every text.
const MAX_SPECIAL_TOKENS: u32 = 1 << 17;

/// Bytes of their text together: 65,536 codes such as `<|speech_65535|>` are 1 MB. Finders
/// of written-out tokens take several times that.
const MAX_SPECIAL_TEXT_BYTES: u64 = 2 * 1024 * 1024;

/// Merge rules. Real vocabularies have up to 580,000 (Gemma's, written as byte pairs).
const MAX_MERGES: u32 = 1 << 20;

/// Bytes of all merge rules together. 580,000 have 7 MB. llama.cpp keeps two copies.
const MAX_MERGE_TEXT_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes that all tokens may decode to.
const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;
const LAST_TYPE: i32 = 6;

/// Checks every token's text and type, which come in equal numbers.
///
/// # Errors
/// [`GgufError::DuplicateToken`], [`GgufError::TokenTooLong`],
/// [`GgufError::UnknownTokenType`], [`GgufError::BadByteToken`],
/// [`GgufError::MissingByteToken`], [`GgufError::TokenTextTooLarge`],
/// [`GgufError::VocabularyTooLarge`], [`GgufError::TooManySpecialTokens`],
/// [`GgufError::SpecialTokensTooLarge`].
pub(super) fn audit(
    kind: Kind,
    tokens: &List<'_, &str>,
    types: Option<&List<'_, i32>>,
) -> Result<VocabularySizes, GgufError> {
    let types = types
        .into_iter()
        .flat_map(List::iter)
        .chain(std::iter::repeat(NORMAL));
    let mut sizes = sizes(tokens, types.clone())?;
    // Room in proportion to bytes: each token took eight at least.
    let mut ids: HashMap<Cow<'_, str>, u32> = HashMap::with_capacity(tokens.len());
    let mut decoded_bytes = 0_u64;
    for ((id, text), token_type) in (0..).zip(tokens.iter()).zip(types) {
        check_type(id, text, token_type)?;
        if matches!(kind, Kind::BytePair { .. }) && token_type == NORMAL {
            decoded_bytes = decoded_bytes.saturating_add(decoded_len(text));
        }
        // What llama.cpp calls a token without text.
        let text = match text {
            "" => Cow::Owned(format!("[EMPTY_{id}]")),
            text => Cow::Borrowed(text),
        };
        // Two tokens of one text fail an assertion.
        if let Some(first) = ids.insert(text, id) {
            return Err(GgufError::DuplicateToken { first, second: id });
        }
    }
    if decoded_bytes > MAX_DECODED_BYTES {
        let (found, limit) = (decoded_bytes, MAX_DECODED_BYTES);
        return Err(GgufError::TokenTextTooLarge { found, limit });
    }
    sizes.decoded_bytes = decoded_bytes;
    match kind {
        Kind::SentencePiece => check_byte_tokens(&ids)?,
        Kind::BytePair { .. } => {}
    }
    Ok(sizes)
}

/// How much text there is, within the limits for all of it.
fn sizes(
    tokens: &List<'_, &str>,
    types: impl Iterator<Item = i32>,
) -> Result<VocabularySizes, GgufError> {
    let mut sizes = VocabularySizes::default();
    for (text, token_type) in tokens.iter().zip(types) {
        sizes.tokens.add(text);
        if is_special(token_type) {
            sizes.special.add(text);
        }
        if matches!(token_type, UNKNOWN | CONTROL) {
            sizes.unseen.add(text);
        }
    }
    let VocabularySizes {
        tokens, special, ..
    } = sizes;
    if special.count > MAX_SPECIAL_TOKENS {
        let (found, limit) = (special.count, MAX_SPECIAL_TOKENS);
        return Err(GgufError::TooManySpecialTokens { found, limit });
    }
    if special.bytes > MAX_SPECIAL_TEXT_BYTES {
        let (found, limit) = (special.bytes, MAX_SPECIAL_TEXT_BYTES);
        return Err(GgufError::SpecialTokensTooLarge { found, limit });
    }
    if tokens.bytes > MAX_TEXT_BYTES {
        let (found, limit) = (tokens.bytes, MAX_TEXT_BYTES);
        return Err(GgufError::VocabularyTooLarge { found, limit });
    }
    Ok(sizes)
}

/// Whether llama.cpp looks for the token's text before it cuts a text into words.
fn is_special(token_type: i32) -> bool {
    matches!(token_type, UNKNOWN | CONTROL | USER_DEFINED)
}

fn check_type(id: u32, text: &str, token_type: i32) -> Result<(), GgufError> {
    let found = text.len() as u64;
    let limit = match is_special(token_type) {
        true => MAX_SPECIAL_TOKEN_BYTES,
        false => MAX_TOKEN_BYTES,
    };
    if found > limit {
        return Err(GgufError::TokenTooLong { id, found, limit });
    }
    if !(0..=LAST_TYPE).contains(&token_type) {
        return Err(GgufError::UnknownTokenType {
            id,
            found: token_type,
        });
    }
    // Its digits are cut out of the text by position.
    if token_type == BYTE && !is_byte_token(text) {
        return Err(GgufError::BadByteToken { id });
    }
    Ok(())
}

fn is_byte_token(text: &str) -> bool {
    text.strip_prefix("<0x")
        .and_then(|text| text.strip_suffix('>'))
        .is_some_and(|digits| {
            digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
}

/// A byte no token covers is looked up all the same and ends the process: the
/// exception passes through C.
fn check_byte_tokens(ids: &HashMap<Cow<'_, str>, u32>) -> Result<(), GgufError> {
    let missing = (0..=u8::MAX).find(|&byte| {
        let plain = char::from(byte);
        let is_plain = byte.is_ascii() && ids.contains_key(plain.encode_utf8(&mut [0; 4]) as &str);
        !is_plain && !ids.contains_key(format!("<0x{byte:02X}>").as_str())
    });
    match missing {
        Some(byte) => Err(GgufError::MissingByteToken { byte }),
        None => Ok(()),
    }
}

/// Bytes that llama.cpp decodes a byte-level token to: one for a character of
/// the byte alphabet; for any other a note that repeats the whole token.
fn decoded_len(text: &str) -> u64 {
    text.chars().fold(0, |sum: u64, character| {
        let bytes = match is_byte_character(character) {
            true => 1,
            false => (text.len() as u64)
                .saturating_add(2 * character.len_utf8() as u64)
                .saturating_add("[UNK_BYTE_0x]".len() as u64),
        };
        sum.saturating_add(bytes)
    })
}

/// Whether GPT-2's byte-level encoding writes some byte as this character.
fn is_byte_character(character: char) -> bool {
    matches!(character, '!'..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{143}')
}

/// How much text the rules are, within the limits.
///
/// # Errors
/// [`GgufError::TooManyMerges`], [`GgufError::MergesTooLarge`].
pub(super) fn size_of_merges(merges: &List<'_, &str>) -> Result<TextSize, GgufError> {
    let mut size = TextSize::default();
    merges.iter().for_each(|rule| size.add(rule));
    if size.count > MAX_MERGES {
        let (found, limit) = (size.count, MAX_MERGES);
        return Err(GgufError::TooManyMerges { found, limit });
    }
    if size.bytes > MAX_MERGE_TEXT_BYTES {
        let (found, limit) = (size.bytes, MAX_MERGE_TEXT_BYTES);
        return Err(GgufError::MergesTooLarge { found, limit });
    }
    Ok(size)
}

/// Checks that every rule joins two pieces.
///
/// # Errors
/// [`GgufError::BadMerge`].
pub(super) fn check_merges(merges: &List<'_, &str>) -> Result<(), GgufError> {
    let is_rule = |rule: &str| {
        rule.split_once(' ').is_some_and(|(left, right)| {
            !left.is_empty() && !right.is_empty() && !right.contains(' ')
        })
    };
    match (0..).zip(merges.iter()).find(|(_, rule)| !is_rule(rule)) {
        Some((index, _)) => Err(GgufError::BadMerge { index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_tokens_have_two_digits() {
        assert!(is_byte_token("<0x0A>") && is_byte_token("<0xff>"));
        for text in [
            "<0x>", "<0x0>", "<0x0AA>", "<0x0G>", "<0x0A", "0x0A>", "<0xé>",
        ] {
            assert!(!is_byte_token(text), "{text}");
        }
    }

    #[test]
    fn characters_outside_the_alphabet_repeat_the_token() {
        assert_eq!(decoded_len("Ġthe"), 4);
        assert_eq!(decoded_len("日本"), 2 * (6 + 6 + 13));
    }
}
