//! What a caller may choose, with its ranges.

use pocketune_llama::{KvType, REPEAT_PENALTY_MIN, TEMPERATURE_MIN};
use serde::{Deserialize, Serialize};

use crate::constraint::Constraint;
use crate::error::Error;

/// Storage type of cached keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvCacheType {
    /// 16-bit floats.
    #[default]
    F16,
    /// 8-bit blocks, 8.5 bits a value: about half the memory, slightly other replies.
    Q8_0,
    /// 32-bit floats, for exact comparisons.
    F32,
}

impl KvCacheType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F16, Self::Q8_0, Self::F32];

    /// As llama.cpp and signed statements name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::F32 => "f32",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its name in saved chats.
    pub(crate) fn saved_name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Q8_0 => "Q8_0",
            Self::F32 => "F32",
        }
    }
}

impl From<KvCacheType> for KvType {
    fn from(kind: KvCacheType) -> Self {
        match kind {
            KvCacheType::F16 => Self::F16,
            KvCacheType::Q8_0 => Self::Q8_0,
            KvCacheType::F32 => Self::F32,
        }
    }
}

/// How to load a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Tokens of prompt and reply together, 64 to the model's trained length.
    /// `None`: the trained length, at most 4,096.
    pub context_tokens: Option<u32>,
    /// Threads, 1 to 64. `None`: the performance cores. Fewer are used while
    /// other work keeps cores busy.
    pub threads: Option<u32>,
    /// Most tokens handed to llama.cpp at once while reading a prompt, 32 to
    /// 4,096. Cancellation takes effect within one such batch.
    pub batch_tokens: u32,
    /// Tokens computed at once inside a batch, 32 to `batch_tokens`; compute
    /// buffers grow with it.
    pub micro_batch_tokens: u32,
    /// Storage type of the KV cache.
    pub kv_cache_type: KvCacheType,
    /// Keep every position of sliding-window layers (Gemma), so that a changed
    /// history still reuses its unchanged start. Off saves memory.
    pub full_sliding_window: bool,
    /// Map the weights from the file instead of copying them into memory.
    pub use_mmap: bool,
    /// Most bytes that the KV caches of chats may take together. The active
    /// chat's cache is allocated at once; the least recently used of the others
    /// are dropped, and read again when their chat goes on. `None`: twice the
    /// active chat's cache.
    pub kv_limit_bytes: Option<u64>,
    /// Load although the estimate exceeds what the system says is free.
    pub ignore_memory_estimate: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            context_tokens: None,
            threads: None,
            batch_tokens: 512,
            micro_batch_tokens: 512,
            kv_cache_type: KvCacheType::F16,
            full_sliding_window: true,
            use_mmap: true,
            kv_limit_bytes: None,
            ignore_memory_estimate: false,
        }
    }
}

/// Context length used when none is asked for and the model allows it, in tokens.
const DEFAULT_CONTEXT_TOKENS: u32 = 4096;
const CONTEXT_TOKENS_MIN: u32 = 64;
const THREADS_MAX: u32 = 64;

impl EngineOptions {
    /// The context length for a model trained on `trained_tokens`, checked.
    pub(crate) fn resolve_context_tokens(&self, trained_tokens: u32) -> Result<u32, Error> {
        let Some(asked) = self.context_tokens else {
            return Ok(trained_tokens.min(DEFAULT_CONTEXT_TOKENS));
        };
        let lowest = CONTEXT_TOKENS_MIN.min(trained_tokens);
        within("context_tokens", asked, lowest, trained_tokens)?;
        Ok(asked)
    }

    /// Checks everything that does not depend on the model.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(threads) = self.threads {
            within("threads", threads, 1, THREADS_MAX)?;
        }
        within("batch_tokens", self.batch_tokens, 32, 4096)?;
        within(
            "micro_batch_tokens",
            self.micro_batch_tokens,
            32,
            self.batch_tokens,
        )
    }
}

/// Lowers the logits of tokens that were used before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Penalties {
    /// Tokens looked back at, 0 to 4,096; 0 turns penalties off.
    pub last_tokens: u32,
    /// Factor on used tokens, 0.01 to 10; 1 is off.
    pub repeat: f32,
    /// Subtracted for each use, −10 to 10; 0 is off.
    pub frequency: f32,
    /// Subtracted once from each used token, −10 to 10; 0 is off.
    pub presence: f32,
}

impl Default for Penalties {
    fn default() -> Self {
        Self {
            last_tokens: 64,
            repeat: 1.0,
            frequency: 0.0,
            presence: 0.0,
        }
    }
}

/// How a token is chosen from the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token (greedy); else 0.001 to 10.
    pub temperature: f32,
    /// Keeps this many tokens; 0 keeps all.
    pub top_k: u32,
    /// Keeps the smallest set with this probability, above 0 to 1; 1 is off.
    pub top_p: f32,
    /// Keeps tokens at least this fraction as likely as the likeliest, 0 to 1; 0 is off.
    pub min_p: f32,
    /// Penalties on repetition.
    pub penalties: Penalties,
    /// Seed of the draw; `None` draws one, which the reply names.
    pub seed: Option<u32>,
    /// Added to the logits of single tokens, summed where one is named twice; beyond a
    /// million either way counts as a million. −∞ forbids a token. NaN and +∞ are refused.
    pub logit_bias: Vec<(pocketune_llama::Token, f32)>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            penalties: Penalties::default(),
            seed: None,
            logit_bias: Vec::new(),
        }
    }
}

impl Sampling {
    /// Always the likeliest token, without penalties: the same prompt gives the same reply.
    #[must_use]
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }
}

/// What one reply may be like.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationOptions {
    /// Most tokens of the reply, at least 1.
    pub max_tokens: u32,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The reply ends before the first of these strings, which are never
    /// streamed, not even in part. At most 16, each of 1 to 256 bytes.
    pub stop: Vec<String>,
    /// A form that the reply must have.
    pub constraint: Option<Constraint>,
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self {
            max_tokens: 512,
            sampling: Sampling::default(),
            stop: Vec::new(),
            constraint: None,
        }
    }
}

impl GenerationOptions {
    /// Greedy decoding with everything else at its default.
    #[must_use]
    pub fn greedy() -> Self {
        Self {
            sampling: Sampling::greedy(),
            ..Self::default()
        }
    }

    pub(crate) fn check(&self, vocab_size: usize) -> Result<(), Error> {
        within("max_tokens", self.max_tokens, 1, u32::MAX)?;
        let sampling = &self.sampling;
        check_temperature(sampling.temperature)?;
        above_zero("top_p", sampling.top_p, 1.0)?;
        within_f32("min_p", sampling.min_p, 0.0, 1.0)?;
        let penalties = &sampling.penalties;
        within("penalties.last_tokens", penalties.last_tokens, 0, 4096)?;
        within_f32(
            "penalties.repeat",
            penalties.repeat,
            REPEAT_PENALTY_MIN,
            10.0,
        )?;
        within_f32("penalties.frequency", penalties.frequency, -10.0, 10.0)?;
        within_f32("penalties.presence", penalties.presence, -10.0, 10.0)?;
        for &(token, bias) in &sampling.logit_bias {
            if !usize::try_from(token).is_ok_and(|id| id < vocab_size) {
                return Err(Error::option(
                    "logit_bias",
                    format!("names token {token}, the vocabulary has {vocab_size}"),
                ));
            }
            if bias.is_nan() || bias == f32::INFINITY {
                return Err(Error::option(
                    "logit_bias",
                    "must be below +infinity and not NaN",
                ));
            }
        }
        if self.stop.len() > 16 {
            return Err(Error::option("stop", "takes at most 16 strings"));
        }
        if self
            .stop
            .iter()
            .any(|stop| stop.is_empty() || stop.len() > 256)
        {
            return Err(Error::option("stop", "takes strings of 1 to 256 bytes"));
        }
        Ok(())
    }
}

fn within(name: &'static str, value: u32, low: u32, high: u32) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::option(
        name,
        format!("is {value}, allowed are {low} to {high}"),
    ))
}

fn check_temperature(value: f32) -> Result<(), Error> {
    if value == 0.0 || (TEMPERATURE_MIN..=10.0).contains(&value) {
        return Ok(());
    }
    Err(Error::option(
        "temperature",
        format!("is {value}, allowed are 0 and {TEMPERATURE_MIN} to 10"),
    ))
}

fn above_zero(name: &'static str, value: f32, high: f32) -> Result<(), Error> {
    if value > 0.0 && value <= high {
        return Ok(());
    }
    Err(Error::option(
        name,
        format!("is {value}, allowed are numbers above 0 up to {high}"),
    ))
}

fn within_f32(name: &'static str, value: f32, low: f32, high: f32) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::option(
        name,
        format!("is {value}, allowed are {low} to {high}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::{GenerationOptions, Sampling};
    use crate::error::Error;

    fn refused(change: impl Fn(&mut Sampling)) -> Option<&'static str> {
        let mut options = GenerationOptions::default();
        change(&mut options.sampling);
        match options.check(10) {
            Err(Error::InvalidOption { name, .. }) => Some(name),
            _ => None,
        }
    }

    #[test]
    fn numbers_that_divide_by_almost_nothing_or_are_none_are_refused() {
        for value in [1e-39, 1e-45, 0.0009, -0.5, 10.1, f32::NAN, f32::INFINITY] {
            assert_eq!(
                refused(|it| it.temperature = value),
                Some("temperature"),
                "{value}"
            );
        }
        for value in [0.0, -0.0, 0.001, 10.0] {
            assert_eq!(refused(|it| it.temperature = value), None, "{value}");
        }
        for value in [0.0, -1.0, 1.1, f32::NAN] {
            assert_eq!(refused(|it| it.top_p = value), Some("top_p"), "{value}");
        }
        for value in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert_eq!(refused(|it| it.min_p = value), Some("min_p"), "{value}");
        }
        for value in [0.0, 1e-30, 11.0, f32::NAN] {
            let name = refused(|it| it.penalties.repeat = value);
            assert_eq!(name, Some("penalties.repeat"), "{value}");
        }
        for value in [-11.0, f32::NAN, f32::INFINITY] {
            let name = refused(|it| it.penalties.frequency = value);
            assert_eq!(name, Some("penalties.frequency"), "{value}");
            let name = refused(|it| it.penalties.presence = value);
            assert_eq!(name, Some("penalties.presence"), "{value}");
        }
        for value in [f32::NAN, f32::INFINITY] {
            let name = refused(|it| it.logit_bias = vec![(1, value)]);
            assert_eq!(name, Some("logit_bias"), "{value}");
        }
        for value in [f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0] {
            assert_eq!(
                refused(|it| it.logit_bias = vec![(1, value)]),
                None,
                "{value}"
            );
        }
    }
}
