//! The `gemma3` architecture, text only.

use super::hyperparameters::{FREQ_BASE, Hyperparameters};
use super::keys::{Keys, check_u32};
use super::tensors::Rule;
use crate::{GgufError, List, SlidingWindow, Value, ValueType};

/// Larger windows overflow the size of llama.cpp's sliding-window cache.
const MAX_WINDOW: u32 = 1 << 20;

/// Every so many layers one sees the whole context, unless the file says
/// otherwise.
const DEFAULT_PERIOD: u32 = 6;

const PATTERN: &str = "attention.sliding_window_pattern";

/// # Errors
/// Any of the key errors, [`GgufError::ArrayLength`].
pub(super) fn read(
    keys: &Keys<'_, '_>,
    sizes: &mut Hyperparameters,
) -> Result<Option<SlidingWindow>, GgufError> {
    let softcap = keys
        .f32("final_logit_softcapping", 0.0..=1e4)?
        .unwrap_or(0.0);
    // Logits are divided by it: zero switches it off, next to zero makes infinities.
    if softcap != 0.0 {
        keys.f32("final_logit_softcapping", 1.0..=1e4)?;
    }
    let freq_base_sliding = keys
        .f32("rope.freq_base_swa", FREQ_BASE)?
        .unwrap_or(10_000.0);
    let Some(tokens) = keys
        .u32("attention.sliding_window", 0..=MAX_WINDOW)?
        .filter(|&w| w > 0)
    else {
        return Ok(None);
    };
    sizes.rope.freq_base_sliding = Some(freq_base_sliding);
    let layers = sliding_layers(keys, sizes.block_count)?;
    Ok(Some(SlidingWindow { tokens, layers }))
}

/// Which layers slide: a list with one entry a layer, or the period with which
/// a layer does not. Both kinds must occur: each has a key-value cache of its
/// own, and none of them may be empty.
fn sliding_layers(keys: &Keys<'_, '_>, block_count: u32) -> Result<Vec<bool>, GgufError> {
    let key = keys.key(PATTERN);
    let layers: Vec<bool> = match keys.read_any(PATTERN) {
        Some(Value::Array(array)) => {
            let (found, expected) = (array.len() as u64, u64::from(block_count));
            if found != expected {
                return Err(GgufError::ArrayLength {
                    key,
                    found,
                    expected,
                });
            }
            listed_layers(keys, array.element_type())?
        }
        _ => {
            let period = keys.read::<u32>(PATTERN)?.unwrap_or(DEFAULT_PERIOD);
            let period = check_u32(&key, period, 2..=block_count.max(2))?;
            (1..=block_count)
                .map(|layer| !layer.is_multiple_of(period))
                .collect()
        }
    };
    let sliding = layers.iter().filter(|&&sliding| sliding).count() as u32;
    if sliding == 0 || sliding == block_count {
        let max = i64::from(block_count).saturating_sub(1);
        return Err(GgufError::OutOfRange {
            key,
            found: sliding.into(),
            min: 1,
            max,
        });
    }
    Ok(layers)
}

fn listed_layers(keys: &Keys<'_, '_>, element: ValueType) -> Result<Vec<bool>, GgufError> {
    Ok(match element {
        ValueType::Bool => keys
            .read::<List<'_, bool>>(PATTERN)?
            .map(|list| list.iter().collect()),
        ValueType::I32 => keys
            .read::<List<'_, i32>>(PATTERN)?
            .map(|list| list.iter().map(|x| x != 0).collect()),
        _ => keys
            .read::<List<'_, u32>>(PATTERN)?
            .map(|list| list.iter().map(|x| x != 0).collect()),
    }
    .unwrap_or_default())
}

pub(super) fn tensors(sizes: &Hyperparameters, vocabulary: u32) -> Vec<Rule> {
    let embedding = u64::from(sizes.embedding_length);
    let feed_forward = u64::from(sizes.feed_forward_length);
    let (query, key, value) = (sizes.query_width(), sizes.key_width(), sizes.value_width());
    let head = u64::from(sizes.key_length);
    let mut rules = vec![
        Rule::matrix("token_embd.weight", embedding, vocabulary.into()),
        Rule::vector("output_norm.weight", embedding),
        // Absent where the output shares the token embedding.
        Rule::matrix("output.weight", embedding, vocabulary.into()).optional(),
    ];
    for layer in 0..sizes.block_count {
        let name = |tensor: &str| format!("blk.{layer}.{tensor}");
        rules.extend([
            Rule::vector(name("attn_norm.weight"), embedding),
            Rule::matrix(name("attn_q.weight"), embedding, query),
            Rule::matrix(name("attn_k.weight"), embedding, key),
            Rule::matrix(name("attn_v.weight"), embedding, value),
            Rule::matrix(name("attn_output.weight"), query, embedding),
            Rule::vector(name("attn_q.bias"), query).optional(),
            Rule::vector(name("attn_k.bias"), key).optional(),
            Rule::vector(name("attn_v.bias"), value).optional(),
            Rule::vector(name("attn_q_norm.weight"), head),
            Rule::vector(name("attn_k_norm.weight"), head),
            Rule::vector(name("post_attention_norm.weight"), embedding),
            Rule::vector(name("ffn_norm.weight"), embedding),
            Rule::matrix(name("ffn_gate.weight"), embedding, feed_forward),
            Rule::matrix(name("ffn_up.weight"), embedding, feed_forward),
            Rule::matrix(name("ffn_down.weight"), feed_forward, embedding),
            Rule::vector(name("post_ffw_norm.weight"), embedding),
        ]);
    }
    rules
}
