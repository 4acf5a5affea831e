//! The ids of special tokens.

use super::tokenizer::Kind;
use crate::{GgufError, Metadata};

const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";
const EOT: &str = "tokenizer.ggml.eot_token_id";
const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
const PADDING: &str = "tokenizer.ggml.padding_token_id";

/// The other ids the loader reads.
const OTHERS: &[&str] = &[
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.suffix_token_id",
    "tokenizer.ggml.middle_token_id",
];

/// What −1 becomes in the unsigned field that ids are kept in: converters write it for a
/// token that a tokenizer does not have, and llama.cpp then does as if the key were absent.
const ABSENT: u32 = u32::MAX;

/// Special tokens as llama.cpp will see them: the file's, else the
/// tokenizer's defaults.
pub(super) struct SpecialTokens {
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) eot: Option<u32>,
    pub(super) unknown: Option<u32>,
    pub(super) padding: Option<u32>,
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
}

/// # Errors
/// [`GgufError::WrongType`], [`GgufError::TokenOutsideVocabulary`],
/// [`GgufError::MissingKey`].
pub(super) fn read(
    metadata: &Metadata<'_>,
    kind: Kind,
    vocabulary: u32,
) -> Result<SpecialTokens, GgufError> {
    let id = |key: &str| -> Result<Option<u32>, GgufError> {
        let id = metadata.read::<u32>(key)?.filter(|&id| id != ABSENT);
        check_inside(key, id, vocabulary)?;
        Ok(id)
    };
    for key in OTHERS {
        id(key)?;
    }
    let default = |id: u32| (id < vocabulary).then_some(id);
    let (bos, eos, unknown, add_bos) = match kind {
        Kind::SentencePiece => (default(1), default(2), default(0), true),
        Kind::BytePair { add_bos } => (default(11), default(11), None, add_bos),
    };
    let special = SpecialTokens {
        bos: id(BOS)?.or(bos),
        eos: id(EOS)?.or(eos),
        eot: id(EOT)?,
        unknown: id(UNKNOWN)?.or(unknown),
        padding: id(PADDING)?,
        add_bos: metadata
            .read("tokenizer.ggml.add_bos_token")?
            .unwrap_or(add_bos),
        add_eos: metadata
            .read("tokenizer.ggml.add_eos_token")?
            .unwrap_or(false),
    };
    // The tokenizers assert that there is a token to add.
    for (added, token, key) in [
        (special.add_bos, special.bos, BOS),
        (special.add_eos, special.eos, EOS),
    ] {
        if added && token.is_none() {
            return Err(GgufError::MissingKey {
                key: key.to_owned(),
            });
        }
    }
    Ok(special)
}

/// Checks that `ids` name tokens.
///
/// # Errors
/// [`GgufError::TokenOutsideVocabulary`].
pub(super) fn check_inside<I: Into<i64>>(
    key: &str,
    ids: impl IntoIterator<Item = I>,
    vocabulary: u32,
) -> Result<(), GgufError> {
    match ids
        .into_iter()
        .map(Into::into)
        .find(|id| !(0..i64::from(vocabulary)).contains(id))
    {
        Some(found) => Err(GgufError::TokenOutsideVocabulary {
            key: key.to_owned(),
            found,
            vocabulary,
        }),
        None => Ok(()),
    }
}
