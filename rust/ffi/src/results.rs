//! What calls return.

use pocketune_core as core;

/// Facts about a model file.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ModelFacts {
    /// Architecture, such as `llama`.
    pub architecture: String,
    /// Name that the file gives itself.
    pub name: Option<String>,
    /// Quantization, such as `Q4_1`.
    pub quantization: String,
    /// Licence that the file states.
    pub license: Option<String>,
    /// Number of weights.
    pub parameters: u64,
    /// Tokens of context that the model was trained on.
    pub context_length: u32,
    /// Width of the hidden state.
    pub embedding_length: u32,
    /// Number of layers.
    pub block_count: u32,
    /// Number of tokens in the vocabulary.
    pub vocabulary_size: u32,
    /// Whether the file brings a chat template.
    pub has_chat_template: bool,
    /// Size of the file.
    pub file_bytes: u64,
}

impl From<&core::ModelFacts> for ModelFacts {
    fn from(facts: &core::ModelFacts) -> Self {
        let header = &facts.header;
        Self {
            architecture: header.architecture.name().to_owned(),
            name: header.name.clone(),
            quantization: header.quantization.clone(),
            license: header.license.clone(),
            parameters: header.parameters,
            context_length: header.context_length,
            embedding_length: header.embedding_length,
            block_count: header.block_count,
            vocabulary_size: header.vocabulary_size,
            has_chat_template: facts.has_chat_template(),
            file_bytes: facts.file_bytes,
        }
    }
}

/// Memory that a model needs with given options, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct MemoryEstimate {
    /// Context length that the estimate is for, in tokens.
    pub context_tokens: u32,
    /// Everything together.
    pub required_bytes: u64,
    /// Weights in the file's layout, mapped unless mapping is off.
    pub weight_bytes: u64,
    /// Weights copied into a layout that suits this CPU.
    pub repacked_bytes: u64,
    /// KV cache of the active chat.
    pub kv_bytes: u64,
    /// Compute buffers and logits.
    pub compute_bytes: u64,
    /// Vocabulary, code and thread stacks.
    pub overhead_bytes: u64,
    /// What the system says is free; null where it does not say.
    pub available_bytes: Option<u64>,
    /// Whether the model can be loaded.
    pub fits: bool,
}

impl From<core::MemoryEstimate> for MemoryEstimate {
    fn from(estimate: core::MemoryEstimate) -> Self {
        Self {
            context_tokens: estimate.context_tokens,
            required_bytes: estimate.required_bytes(),
            weight_bytes: estimate.weight_bytes,
            repacked_bytes: estimate.repacked_bytes,
            kv_bytes: estimate.kv_bytes,
            compute_bytes: estimate.compute_bytes,
            overhead_bytes: estimate.overhead_bytes,
            available_bytes: estimate.available_bytes,
            fits: estimate.fits(),
        }
    }
}

/// A pooled hidden state.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Embedding {
    /// One number for each dimension; not normalized.
    pub values: Vec<f32>,
    /// Tokens that went into it.
    pub tokens: u32,
}

impl From<core::Embedding> for Embedding {
    fn from(embedding: core::Embedding) -> Self {
        let tokens = u32::try_from(embedding.tokens).unwrap_or(u32::MAX);
        Self {
            values: embedding.values,
            tokens,
        }
    }
}

/// One token of a scored reply.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct TokenScore {
    /// The token.
    pub token: i32,
    /// Its natural-log probability given everything before it.
    pub log_probability: f64,
}

/// How likely a reply is.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Score {
    /// Natural-log probability of the whole reply.
    pub log_probability: f64,
    /// Each token of the reply, in order.
    pub tokens: Vec<TokenScore>,
}

impl From<core::Score> for Score {
    fn from(score: core::Score) -> Self {
        let tokens = score
            .tokens
            .iter()
            .map(|token| TokenScore {
                token: token.token,
                log_probability: token.log_probability,
            })
            .collect();
        Self {
            log_probability: score.log_probability(),
            tokens,
        }
    }
}
