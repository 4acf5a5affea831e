//! The tokenizer's keys.

use super::keys::check_u32;
use super::{other_metadata, special_tokens, vocabulary};
use crate::{Array, GgufError, List, Metadata, TokenizerHeader, VocabularySizes};

/// A tokenizer llama.cpp has code for and the audit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `llama`: SentencePiece with byte tokens.
    SentencePiece,
    /// `gpt2`: byte-level byte-pair encoding.
    BytePair {
        /// Whether prompts start with a beginning-of-sequence token unless the
        /// file says otherwise.
        add_bos: bool,
    },
}

/// Pre-tokenizers whose splitting llama.cpp does in its own code.
///
/// The others it knows split through `std::regex`, which recurses once a
/// character and overflows the stack on a long run of one kind; some leave
/// spaces in the pieces, on which the merge look-up aborts.
const PRE_TOKENIZERS: &[&str] = &[
    "a.x-4.0",
    "codeshell",
    "command-r",
    "dbrx",
    "deepseek-r1-qwen",
    "exaone",
    "exaone4",
    "gigachat",
    "gpt-2",
    "granite-docling",
    "hunyuan",
    "jais",
    "kormo",
    "megrez",
    "mellum",
    "mellum2",
    "minerva-7b",
    "mpt",
    "olmo",
    "phi-2",
    "qwen2",
    "refact",
    "smaug-bpe",
    "smollm",
    "solar-open",
    "stablelm2",
    "starcoder",
    "trillion",
];

/// Pre-tokenizers of the same kind that add a beginning-of-sequence token.
const PRE_TOKENIZERS_WITH_BOS: &[&str] = &[
    "falcon-h1",
    "falcon3",
    "lfm2",
    "llama-bpe",
    "llama-v3",
    "llama3",
    "midm-2.0",
    "pixtral",
];

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(super) const SCORES: &str = "tokenizer.ggml.scores";
pub(super) const TYPES: &str = "tokenizer.ggml.token_type";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";
const SUPPRESS: &str = "tokenizer.ggml.suppress_tokens";
const CHARSMAP: &str = "tokenizer.ggml.precompiled_charsmap";
const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// Keys the loader reads as `bool` and the audit has no use for.
const FLAGS: &[&str] = &[
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.remove_extra_whitespaces",
    "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.normalizer.lowercase",
    "tokenizer.ggml.normalizer.strip_accents",
];

/// Tokens of the largest vocabulary accepted. Real ones have up to 262,144.
const MAX_TOKENS: u32 = 1 << 20;

/// Bytes of the longest chat template accepted. Real ones have up to 20,000.
const MAX_TEMPLATE_BYTES: u64 = 256 * 1024;

/// What the tokenizer audit found out.
pub(super) struct Tokenizer {
    pub(super) vocabulary_size: u32,
    pub(super) vocabulary: VocabularySizes,
    pub(super) header: TokenizerHeader,
    pub(super) chat_template: Option<String>,
}

/// Checks everything `llama_vocab::load` and the tokenizers read.
///
/// # Errors
/// Any of the key and tokenizer errors.
pub(super) fn audit(metadata: &Metadata<'_>) -> Result<Tokenizer, GgufError> {
    let kind = kind(metadata)?;
    for flag in FLAGS {
        metadata.read::<bool>(flag)?;
    }
    metadata.read::<u32>("tokenizer.ggml.token_type_count")?;
    if metadata.value(CHARSMAP).is_some() {
        // A table of offsets that only T5's tokenizer follows.
        return Err(GgufError::UnsupportedKey {
            key: CHARSMAP.to_owned(),
        });
    }
    let tokens: List<'_, &str> = metadata.require(TOKENS)?;
    let vocabulary_size = size(&tokens)?;
    let types = token_types(metadata, vocabulary_size)?;
    check_scores(metadata, vocabulary_size)?;
    let mut vocabulary = vocabulary::audit(kind, &tokens, types.as_ref())?;
    // Some files have them for SentencePiece too, which does not look at them.
    if let Some(merges) = metadata.read(MERGES)? {
        vocabulary.merges = vocabulary::size_of_merges(&merges)?;
    }
    if let Kind::BytePair { .. } = kind {
        vocabulary::check_merges(&metadata.require(MERGES)?)?;
    }
    vocabulary.other_bytes = other_metadata::audit(metadata)?;
    if let Some(list) = metadata.read::<List<'_, i32>>(SUPPRESS)? {
        special_tokens::check_inside(SUPPRESS, list.iter(), vocabulary_size)?;
    }
    let special = special_tokens::read(metadata, kind, vocabulary_size)?;
    Ok(Tokenizer {
        vocabulary_size,
        vocabulary,
        header: TokenizerHeader {
            model: metadata.require::<&str>(MODEL)?.to_owned(),
            pre: metadata.read::<&str>(PRE)?.map(str::to_owned),
            bos: special.bos,
            eos: special.eos,
            eot: special.eot,
            unknown: special.unknown,
            padding: special.padding,
            add_bos: special.add_bos,
            add_eos: special.add_eos,
        },
        chat_template: super::text(metadata, CHAT_TEMPLATE, MAX_TEMPLATE_BYTES)?,
    })
}

fn kind(metadata: &Metadata<'_>) -> Result<Kind, GgufError> {
    let unsupported = |key: &str, found: &str| {
        Err(GgufError::UnsupportedValue {
            key: key.to_owned(),
            found: found.to_owned(),
        })
    };
    match metadata.require::<&str>(MODEL)? {
        "llama" => {
            // Read, not used.
            metadata.read::<&str>(PRE)?;
            Ok(Kind::SentencePiece)
        }
        // Without a pre-tokenizer llama.cpp takes one of the recursing ones.
        "gpt2" => match metadata.require::<&str>(PRE)? {
            pre if PRE_TOKENIZERS.contains(&pre) => Ok(Kind::BytePair { add_bos: false }),
            pre if PRE_TOKENIZERS_WITH_BOS.contains(&pre) => Ok(Kind::BytePair { add_bos: true }),
            pre => unsupported(PRE, pre),
        },
        model => unsupported(MODEL, model),
    }
}

fn size(tokens: &List<'_, &str>) -> Result<u32, GgufError> {
    let size = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    check_u32(TOKENS, size, 1..=MAX_TOKENS)
}

fn token_types<'a>(
    metadata: &Metadata<'a>,
    vocabulary_size: u32,
) -> Result<Option<List<'a, i32>>, GgufError> {
    let types = metadata.read::<List<'a, i32>>(TYPES)?;
    if let Some(list) = &types {
        check_len(TYPES, list.len(), vocabulary_size)?;
    }
    Ok(types)
}

/// Scores are floats, or integers in some files.
fn check_scores(metadata: &Metadata<'_>, vocabulary_size: u32) -> Result<(), GgufError> {
    let Some(array) = metadata.read::<Array<'_>>(SCORES)? else {
        return Ok(());
    };
    check_len(SCORES, array.len(), vocabulary_size)?;
    if metadata.read::<List<'_, i32>>(SCORES).is_ok() {
        return Ok(());
    }
    let Some(scores) = metadata.read::<List<'_, f32>>(SCORES)? else {
        return Ok(());
    };
    // Merges are ordered by score; with a NaN there is no order.
    match (0..)
        .zip(scores.iter())
        .find(|(_, score)| !score.is_finite())
    {
        Some((id, found)) => Err(GgufError::BadScore { id, found }),
        None => Ok(()),
    }
}

fn check_len(key: &str, found: usize, expected: u32) -> Result<(), GgufError> {
    let (found, expected) = (found as u64, u64::from(expected));
    if found != expected {
        return Err(GgufError::ArrayLength {
            key: key.to_owned(),
            found,
            expected,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PRE_TOKENIZERS, PRE_TOKENIZERS_WITH_BOS};

    /// Whoever chooses a model reads there which will do.
    #[test]
    fn the_documentation_lists_the_pre_tokenizers() {
        let (_, list) = include_str!("../../../FORMATS.md")
            .split_once("Pre-tokenizers: ")
            .unwrap();
        let (list, _) = list.split_once(".\n\n").unwrap();
        let listed: Vec<&str> = list
            .split(',')
            .map(|name| name.trim().trim_matches('`'))
            .collect();
        let mut known = [PRE_TOKENIZERS, PRE_TOKENIZERS_WITH_BOS].concat();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
