//! What a caller chooses. Meanings and ranges: `pocketune_core`'s options.

use pocketune_core as core;

use crate::messages::{Message, TemplateChoice};

/// Storage type of cached keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum KvCacheType {
    /// 16-bit floats.
    F16,
    /// 8-bit blocks: about half the memory.
    Q8_0,
    /// 32-bit floats, for exact comparisons.
    F32,
}

/// How to load a model.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EngineOptions {
    /// Tokens of prompt and reply together; null: the trained length, at most 4,096.
    #[uniffi(default = None)]
    pub context_tokens: Option<u32>,
    /// Threads, 1 to 64; null: the performance cores, at most 4.
    #[uniffi(default = None)]
    pub threads: Option<u32>,
    /// Most prompt tokens read between two looks at cancellation, 32 to 4,096.
    #[uniffi(default = 512)]
    pub batch_tokens: u32,
    /// Tokens computed at once, 32 to `batch_tokens`; buffers grow with it.
    #[uniffi(default = 512)]
    pub micro_batch_tokens: u32,
    /// Storage type of the KV cache; null: F16.
    #[uniffi(default = None)]
    pub kv_cache_type: Option<KvCacheType>,
    /// Keep every position of sliding-window layers, so that edited histories
    /// reuse their unchanged start.
    #[uniffi(default = true)]
    pub full_sliding_window: bool,
    /// Map the weights from the file.
    #[uniffi(default = true)]
    pub use_mmap: bool,
    /// Most bytes of all chats' KV caches; null: twice the active chat's.
    #[uniffi(default = None)]
    pub kv_limit_bytes: Option<u64>,
    /// Load although the estimate exceeds what is free.
    #[uniffi(default = false)]
    pub ignore_memory_estimate: bool,
    /// A directory for small caches (the model's SHA-256); null: the
    /// application's cache directory on Android, nowhere elsewhere.
    #[uniffi(default = None)]
    pub cache_directory: Option<String>,
}

impl From<EngineOptions> for core::EngineOptions {
    fn from(options: EngineOptions) -> Self {
        Self {
            context_tokens: options.context_tokens,
            threads: options.threads,
            batch_tokens: options.batch_tokens,
            micro_batch_tokens: options.micro_batch_tokens,
            kv_cache_type: match options.kv_cache_type {
                None | Some(KvCacheType::F16) => core::KvCacheType::F16,
                Some(KvCacheType::Q8_0) => core::KvCacheType::Q8_0,
                Some(KvCacheType::F32) => core::KvCacheType::F32,
            },
            full_sliding_window: options.full_sliding_window,
            use_mmap: options.use_mmap,
            kv_limit_bytes: options.kv_limit_bytes,
            ignore_memory_estimate: options.ignore_memory_estimate,
        }
    }
}

/// Lowers the logits of tokens that were used before.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Penalties {
    /// Tokens looked back at, 0 to 4,096.
    #[uniffi(default = 64)]
    pub last_tokens: u32,
    /// Factor on used tokens, 0.01 to 10; 1 is off.
    #[uniffi(default = 1.0)]
    pub repeat: f32,
    /// Subtracted for each use; 0 is off.
    #[uniffi(default = 0.0)]
    pub frequency: f32,
    /// Subtracted once from each used token; 0 is off.
    #[uniffi(default = 0.0)]
    pub presence: f32,
}

impl From<core::Penalties> for Penalties {
    fn from(penalties: core::Penalties) -> Self {
        Self {
            last_tokens: penalties.last_tokens,
            repeat: penalties.repeat,
            frequency: penalties.frequency,
            presence: penalties.presence,
        }
    }
}

/// Adds to one token's logit.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct TokenBias {
    /// The token.
    pub token: i32,
    /// What is added, at most a million either way; negative infinity forbids the token.
    pub bias: f32,
}

/// How a token is chosen from the logits.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Sampling {
    /// 0 is greedy; else 0.001 to 10.
    #[uniffi(default = 0.7)]
    pub temperature: f32,
    /// Keeps this many tokens; 0 keeps all.
    #[uniffi(default = 40)]
    pub top_k: u32,
    /// Keeps the smallest set with this probability; 1 is off.
    #[uniffi(default = 0.95)]
    pub top_p: f32,
    /// Keeps tokens at least this fraction as likely as the likeliest; 0 is off.
    #[uniffi(default = 0.05)]
    pub min_p: f32,
    /// Penalties on repetition; null: none.
    #[uniffi(default = None)]
    pub penalties: Option<Penalties>,
    /// Seed of the draw; null draws one, which the reply names.
    #[uniffi(default = None)]
    pub seed: Option<u32>,
    /// Added to single tokens' logits.
    #[uniffi(default = [])]
    pub logit_bias: Vec<TokenBias>,
}

impl From<Sampling> for core::Sampling {
    fn from(sampling: Sampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            penalties: sampling
                .penalties
                .map_or_else(core::Penalties::default, |penalties| core::Penalties {
                    last_tokens: penalties.last_tokens,
                    repeat: penalties.repeat,
                    frequency: penalties.frequency,
                    presence: penalties.presence,
                }),
            seed: sampling.seed,
            logit_bias: sampling
                .logit_bias
                .iter()
                .map(|bias| (bias.token, bias.bias))
                .collect(),
        }
    }
}

/// A form that a reply must have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Constraint {
    /// A grammar in llama.cpp's GBNF notation with the start symbol `root`, at most
    /// 64 KiB. What is wrong with it is said with its rule or line.
    Gbnf {
        /// The grammar.
        grammar: String,
    },
    /// A JSON Schema, as JSON text of at most 64 KiB. Between the parts of a document
    /// stands at most one space, or one line break and 20 spaces or tabs.
    JsonSchema {
        /// The schema.
        schema: String,
    },
}

/// What one reply may be like.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct GenerationOptions {
    /// Most tokens of the reply.
    #[uniffi(default = 512)]
    pub max_tokens: u32,
    /// How tokens are chosen; null: the defaults of `Sampling`.
    #[uniffi(default = None)]
    pub sampling: Option<Sampling>,
    /// The reply ends before the first of these strings.
    #[uniffi(default = [])]
    pub stop: Vec<String>,
    /// A form that the reply must have.
    #[uniffi(default = None)]
    pub constraint: Option<Constraint>,
}

impl From<GenerationOptions> for core::GenerationOptions {
    fn from(options: GenerationOptions) -> Self {
        Self {
            max_tokens: options.max_tokens,
            sampling: options.sampling.map(Into::into).unwrap_or_default(),
            stop: options.stop,
            constraint: options.constraint.map(|constraint| match constraint {
                Constraint::Gbnf { grammar } => core::Constraint::Gbnf(grammar),
                Constraint::JsonSchema { schema } => core::Constraint::JsonSchema(schema),
            }),
        }
    }
}

/// A prompt for scoring or embedding.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Prompt {
    /// Text as it stands; control tokens in it are control tokens.
    Raw {
        /// The text.
        text: String,
    },
    /// A conversation, rendered with a chat template and the opening of a reply.
    Chat {
        /// Instructions before the first turn.
        system_prompt: Option<String>,
        /// The turns.
        turns: Vec<Message>,
        /// Where the template comes from.
        template: TemplateChoice,
    },
}

impl From<Prompt> for core::Prompt {
    fn from(prompt: Prompt) -> Self {
        match prompt {
            Prompt::Raw { text } => Self::Raw(text),
            Prompt::Chat {
                system_prompt,
                turns,
                template,
            } => Self::Chat {
                system_prompt,
                turns: turns.into_iter().map(Into::into).collect(),
                template: template.into(),
            },
        }
    }
}

/// How hidden states of several tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The last token's.
    Last,
}

impl From<Pooling> for core::Pooling {
    fn from(pooling: Pooling) -> Self {
        match pooling {
            Pooling::Mean => Self::Mean,
            Pooling::Last => Self::Last,
        }
    }
}
