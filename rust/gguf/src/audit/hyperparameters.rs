//! The hyperparameters that llama.cpp reads for every architecture.

use super::keys::Keys;
use crate::{GgufError, RopeHeader};

/// `LLAMA_MAX_LAYERS`: llama.cpp's arrays have this many places and it aborts
/// on more.
const MAX_LAYERS: u32 = 512;
const MAX_CONTEXT: u32 = 1 << 24;
const MAX_EMBEDDING: u32 = 1 << 16;
const MAX_FEED_FORWARD: u32 = 1 << 20;
const MAX_HEADS: u32 = 1 << 10;
const MAX_HEAD_LENGTH: u32 = 1 << 10;

/// Keys the loader reads for any architecture, and whose effects nothing here
/// checks: other head sizes in sliding-window layers, classifier heads, a
/// second output width.
const REFUSED: &[&str] = &[
    "embedding_length_out",
    "classifier.output_labels",
    "classifier.pooling_type",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "rope.dimension_count_swa",
];

/// Sizes of a transformer whose layers are all alike.
#[derive(Debug, Clone)]
pub(super) struct Hyperparameters {
    pub(super) context_length: u32,
    pub(super) embedding_length: u32,
    pub(super) block_count: u32,
    pub(super) feed_forward_length: u32,
    pub(super) head_count: u32,
    pub(super) head_count_kv: u32,
    pub(super) key_length: u32,
    pub(super) value_length: u32,
    pub(super) rms_norm_epsilon: f32,
    pub(super) rope: RopeHeader,
}

impl Hyperparameters {
    /// Reads and checks what `load_hparams` reads. Per-layer arrays are of the
    /// wrong type here: no audited architecture has them.
    ///
    /// # Errors
    /// Any of the key errors, [`GgufError::NotAMultiple`],
    /// [`GgufError::Inconsistent`], [`GgufError::MixtureOfExperts`].
    pub(super) fn read(keys: &Keys<'_, '_>) -> Result<Self, GgufError> {
        keys.refuse(REFUSED)?;
        refuse_experts(keys)?;
        refuse_other_kinds(keys)?;
        let context_length = keys.require_u32("context_length", 1..=MAX_CONTEXT)?;
        let embedding_length = keys.require_u32("embedding_length", 1..=MAX_EMBEDDING)?;
        let head_count = keys.require_u32("attention.head_count", 1..=MAX_HEADS)?;
        let (key_length, value_length) = head_lengths(keys, embedding_length, head_count)?;
        Ok(Self {
            context_length,
            embedding_length,
            block_count: keys.require_u32("block_count", 1..=MAX_LAYERS)?,
            feed_forward_length: keys.require_u32("feed_forward_length", 1..=MAX_FEED_FORWARD)?,
            head_count,
            head_count_kv: head_count_kv(keys, head_count)?,
            key_length,
            value_length,
            // Zero divides by zero on a zero vector; ggml aborts below zero.
            rms_norm_epsilon: keys.require_f32("attention.layer_norm_rms_epsilon", 1e-12..=1e-1)?,
            rope: rope(keys, key_length)?,
        })
    }

    /// Width of all query heads.
    pub(super) fn query_width(&self) -> u64 {
        u64::from(self.head_count).saturating_mul(self.key_length.into())
    }

    /// Width of all key heads.
    pub(super) fn key_width(&self) -> u64 {
        u64::from(self.head_count_kv).saturating_mul(self.key_length.into())
    }

    /// Width of all value heads.
    pub(super) fn value_width(&self) -> u64 {
        u64::from(self.head_count_kv).saturating_mul(self.value_length.into())
    }
}

/// Each count is an assertion against the others in llama.cpp; all zero is the
/// only state a dense model needs.
fn refuse_experts(keys: &Keys<'_, '_>) -> Result<(), GgufError> {
    match keys.read::<u32>("expert_count")? {
        None | Some(0) => {}
        Some(experts) => return Err(GgufError::MixtureOfExperts { experts }),
    }
    for suffix in [
        "expert_used_count",
        "expert_group_count",
        "expert_group_used_count",
    ] {
        keys.u32(suffix, 0..=0)?;
    }
    Ok(())
}

/// Embedding models, encoders and models with a trailing prediction block.
fn refuse_other_kinds(keys: &Keys<'_, '_>) -> Result<(), GgufError> {
    keys.u32("pooling_type", 0..=0)?;
    keys.u32("nextn_predict_layers", 0..=0)?;
    if keys.read::<bool>("attention.causal")? == Some(false) {
        // Asserts that a batch is never split, which it is.
        return Err(GgufError::UnsupportedValue {
            key: keys.key("attention.causal"),
            found: "false".to_owned(),
        });
    }
    Ok(())
}

fn head_lengths(
    keys: &Keys<'_, '_>,
    embedding_length: u32,
    head_count: u32,
) -> Result<(u32, u32), GgufError> {
    let key = keys.u32("attention.key_length", 2..=MAX_HEAD_LENGTH)?;
    let value = keys.u32("attention.value_length", 2..=MAX_HEAD_LENGTH)?;
    let default = embedding_length.checked_div(head_count).unwrap_or(0);
    if key.is_none() || value.is_none() {
        if !embedding_length.is_multiple_of(head_count) {
            return Err(GgufError::NotAMultiple {
                key: keys.key("embedding_length"),
                found: embedding_length.into(),
                divisor: head_count.into(),
            });
        }
        super::keys::check_u32(
            &keys.key("attention.key_length"),
            default,
            2..=MAX_HEAD_LENGTH,
        )?;
    }
    let (key, value) = (key.unwrap_or(default), value.unwrap_or(default));
    // Both audited graphs use one of the two for queries, keys and values.
    if key != value {
        return Err(GgufError::Inconsistent {
            key: keys.key("attention.value_length"),
            found: value.into(),
            expected: key.into(),
        });
    }
    Ok((key, value))
}

fn head_count_kv(keys: &Keys<'_, '_>, head_count: u32) -> Result<u32, GgufError> {
    let kv = keys
        .u32("attention.head_count_kv", 1..=head_count)?
        .unwrap_or(head_count);
    // Key heads are repeated over query heads; ggml asserts that it comes out even.
    if !head_count.is_multiple_of(kv) {
        return Err(GgufError::NotAMultiple {
            key: keys.key("attention.head_count"),
            found: head_count.into(),
            divisor: kv.into(),
        });
    }
    Ok(kv)
}

fn rope(keys: &Keys<'_, '_>, key_length: u32) -> Result<RopeHeader, GgufError> {
    let dimension_count = keys
        .u32("rope.dimension_count", 2..=key_length)?
        .unwrap_or(key_length);
    // Elements rotate in pairs; ggml asserts it.
    if !dimension_count.is_multiple_of(2) {
        return Err(GgufError::NotAMultiple {
            key: keys.key("rope.dimension_count"),
            found: dimension_count.into(),
            divisor: 2,
        });
    }
    keys.read::<bool>("rope.scaling.finetuned")?;
    keys.u32("rope.scaling.original_context_length", 1..=MAX_CONTEXT)?;
    keys.f32("rope.scaling.attn_factor", SCALE)?;
    keys.f32("rope.scaling.alpha", 0.0..=1e6)?;
    // llama.cpp aborts on a type it does not know; longrope needs tensors no
    // audit covers.
    let scaling = keys.one_of("rope.scaling.type", &["none", "linear", "yarn"])?;
    let linear = keys.f32("rope.scale_linear", SCALE)?;
    let scaling_factor = keys.f32("rope.scaling.factor", SCALE)?.or(linear);
    Ok(RopeHeader {
        dimension_count,
        freq_base: keys.f32("rope.freq_base", FREQ_BASE)?.unwrap_or(10_000.0),
        freq_base_sliding: None,
        scaling: scaling.unwrap_or("linear").to_owned(),
        scaling_factor: scaling_factor.unwrap_or(1.0),
    })
}

/// Context extension by more than this makes every position the same.
const SCALE: std::ops::RangeInclusive<f32> = 1e-3..=1e4;

/// YaRN divides by its logarithm, so it stays clear of 1.
pub(super) const FREQ_BASE: std::ops::RangeInclusive<f32> = 2.0..=1e12;
