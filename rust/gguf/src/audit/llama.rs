//! The `llama` architecture.

use super::hyperparameters::Hyperparameters;
use super::keys::Keys;
use super::tensors::Rule;
use crate::{GgufError, SlidingWindow};

/// # Errors
/// [`GgufError::Inconsistent`].
pub(super) fn read(
    keys: &Keys<'_, '_>,
    sizes: &mut Hyperparameters,
) -> Result<Option<SlidingWindow>, GgufError> {
    // The graph asserts that whole heads rotate.
    if sizes.rope.dimension_count != sizes.key_length {
        return Err(GgufError::Inconsistent {
            key: keys.key("rope.dimension_count"),
            found: sizes.rope.dimension_count.into(),
            expected: sizes.key_length.into(),
        });
    }
    Ok(None)
}

pub(super) fn tensors(sizes: &Hyperparameters, vocabulary: u32) -> Vec<Rule> {
    let embedding = u64::from(sizes.embedding_length);
    let feed_forward = u64::from(sizes.feed_forward_length);
    let (query, key, value) = (sizes.query_width(), sizes.key_width(), sizes.value_width());
    let mut rules = vec![
        Rule::matrix("token_embd.weight", embedding, vocabulary.into()),
        Rule::vector("output_norm.weight", embedding),
        // Absent where the output shares the token embedding.
        Rule::matrix("output.weight", embedding, vocabulary.into()).optional(),
        Rule::vector(
            "rope_freqs.weight",
            u64::from(sizes.rope.dimension_count) / 2,
        )
        .optional(),
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
            Rule::vector(name("attn_output.bias"), embedding).optional(),
            Rule::vector(name("ffn_norm.weight"), embedding),
            Rule::matrix(name("ffn_gate.weight"), embedding, feed_forward),
            Rule::matrix(name("ffn_up.weight"), embedding, feed_forward),
            Rule::matrix(name("ffn_down.weight"), feed_forward, embedding),
            Rule::vector(name("ffn_gate.bias"), feed_forward).optional(),
            Rule::vector(name("ffn_up.bias"), feed_forward).optional(),
            Rule::vector(name("ffn_down.bias"), embedding).optional(),
        ]);
    }
    rules
}
