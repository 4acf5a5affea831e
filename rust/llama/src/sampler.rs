//! From logits to a token: a chain of stages and an optional grammar.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use crate::bindings::{self, StageKind};
use crate::context::Context;
use crate::error::{LlamaError, Message};
use crate::model::Model;
use crate::vocab::Token;

/// Longest grammar accepted, in bytes.
pub const GRAMMAR_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of parentheses accepted in a grammar: llama.cpp parses by recursion.
pub const GRAMMAR_NESTING_MAX: usize = 64;

/// One stage of a sampler chain, applied in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Adds to the logits of single tokens; negative infinity forbids one.
    LogitBias(Vec<(Token, f32)>),
    /// Lowers the logits of tokens seen among the last `last_tokens`.
    Penalties {
        /// Tokens looked back at.
        last_tokens: u32,
        /// Factor on seen tokens, 1 = off.
        repeat: f32,
        /// Subtracted once per occurrence, 0 = off.
        frequency: f32,
        /// Subtracted once from every seen token, 0 = off.
        presence: f32,
    },
    /// Keeps the k most likely tokens.
    TopK(u32),
    /// Keeps the smallest set with this probability (nucleus sampling).
    TopP(f32),
    /// Keeps tokens at least this fraction as likely as the likeliest.
    MinP(f32),
    /// Divides the logits.
    Temperature(f32),
    /// Draws from what is left.
    Distribution {
        /// Seed of the stage's own generator.
        seed: u32,
    },
    /// Takes the likeliest token.
    Greedy,
}

/// A sampler chain with its state. Used by one thread at a time.
#[derive(Debug)]
pub struct Sampler {
    chain: NonNull<sys::llama_sampler>,
    grammar: Option<NonNull<sys::llama_sampler>>,
    // Grammar and bias stages keep pointers into the vocabulary.
    model: Arc<Model>,
}

// SAFETY: samplers hold plain data and are bound to no thread; `&mut self`
// keeps their use to one thread at a time.
unsafe impl Send for Sampler {}

impl Sampler {
    /// A chain of `stages`, which must end in [`Stage::Distribution`] or [`Stage::Greedy`].
    ///
    /// # Errors
    /// [`LlamaError::SamplingFailed`], [`LlamaError::OutOfMemory`].
    pub fn new(model: Arc<Model>, stages: &[Stage]) -> Result<Self, LlamaError> {
        let biases: Vec<Vec<sys::llama_logit_bias>> = stages.iter().map(raw_biases).collect();
        let raw: Vec<bindings::Stage> = stages
            .iter()
            .zip(&biases)
            .map(|(stage, biases)| raw_stage(stage, biases))
            .collect();
        let mut chain = std::ptr::null_mut();
        let mut message = Message::new();
        // SAFETY: `raw` and the bias arrays it points to outlive the call,
        // which copies them (llama-sampler.cpp, init_logit_bias).
        let status = unsafe {
            bindings::pt_sampler_chain_new(
                model.vocab(),
                raw.as_ptr(),
                raw.len(),
                &raw mut chain,
                message.as_mut_ptr(),
            )
        };
        let failed = |cause| LlamaError::SamplingFailed { cause };
        message.check(status, failed)?;
        let chain = NonNull::new(chain).ok_or_else(|| failed("no sampler chain".to_owned()))?;
        Ok(Self {
            chain,
            grammar: None,
            model,
        })
    }

    /// Constrains the output to `gbnf`, whose start symbol is `root`.
    ///
    /// # Errors
    /// [`LlamaError::GrammarRefused`] when it does not parse, recurses on its
    /// left, or exceeds [`GRAMMAR_BYTES_MAX`] or [`GRAMMAR_NESTING_MAX`].
    pub fn with_grammar(mut self, gbnf: &str, root: &str) -> Result<Self, LlamaError> {
        let refused = |cause: String| LlamaError::GrammarRefused { cause };
        check_grammar_size(gbnf).map_err(refused)?;
        let no_nul = |_| refused("it contains a NUL character".to_owned());
        let gbnf = CString::new(gbnf).map_err(no_nul)?;
        let root = CString::new(root).map_err(no_nul)?;
        let mut grammar = std::ptr::null_mut();
        let mut message = Message::new();
        // SAFETY: both strings are NUL-terminated and outlive the call; the
        // vocabulary outlives the sampler through the Arc.
        let status = unsafe {
            bindings::pt_grammar_new(
                self.model.vocab(),
                gbnf.as_ptr(),
                root.as_ptr(),
                &raw mut grammar,
                message.as_mut_ptr(),
            )
        };
        message.check(status, refused)?;
        self.grammar = NonNull::new(grammar);
        Ok(self)
    }

    /// Shows the chain a token that it did not choose, such as one of the prompt,
    /// for its penalties. The grammar does not see it.
    ///
    /// # Errors
    /// [`LlamaError::SamplingFailed`].
    pub fn observe(&mut self, token: Token) -> Result<(), LlamaError> {
        let mut message = Message::new();
        // SAFETY: the chain is alive and used by this thread only; penalties
        // count any id (llama-sampler.cpp).
        let status = unsafe {
            bindings::pt_sampler_observe(self.chain.as_ptr(), token, message.as_mut_ptr())
        };
        message.check(status, |cause| LlamaError::SamplingFailed { cause })
    }

    /// Chooses a token from the output at `index` of the context's last batch
    /// and remembers it for penalties and grammar.
    ///
    /// # Errors
    /// [`LlamaError::DeadEnd`] when every token is forbidden,
    /// [`LlamaError::SamplingFailed`].
    pub fn sample(&mut self, context: &mut Context, index: usize) -> Result<Token, LlamaError> {
        let failed = |cause| LlamaError::SamplingFailed { cause };
        let index = i32::try_from(index).map_err(|_| failed("output index".to_owned()))?;
        let mut token = 0;
        let mut message = Message::new();
        let grammar = self.grammar.map_or(std::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: chain, grammar and context are alive, of the same model and
        // used by this thread only.
        let status = unsafe {
            bindings::pt_sample(
                self.chain.as_ptr(),
                grammar,
                context.raw(),
                index,
                &raw mut token,
                message.as_mut_ptr(),
            )
        };
        message.check(status, failed)?;
        Ok(token)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: made by pt_sampler_chain_new, owns its stages, freed once.
        unsafe { sys::llama_sampler_free(self.chain.as_ptr()) }
        if let Some(grammar) = self.grammar {
            // SAFETY: made by pt_grammar_new and not part of the chain; freed once.
            unsafe { sys::llama_sampler_free(grammar.as_ptr()) }
        }
    }
}

fn raw_biases(stage: &Stage) -> Vec<sys::llama_logit_bias> {
    match stage {
        Stage::LogitBias(biases) => biases
            .iter()
            .map(|&(token, bias)| sys::llama_logit_bias { token, bias })
            .collect(),
        _ => Vec::new(),
    }
}

fn raw_stage(stage: &Stage, biases: &[sys::llama_logit_bias]) -> bindings::Stage {
    let mut raw = bindings::Stage {
        kind: StageKind::Greedy,
        integer: 0,
        value: 0.0,
        frequency: 0.0,
        presence: 0.0,
        seed: 0,
        biases: biases.as_ptr(),
        n_biases: i32::try_from(biases.len()).unwrap_or(i32::MAX),
    };
    match stage {
        Stage::LogitBias(_) => raw.kind = StageKind::LogitBias,
        Stage::Penalties {
            last_tokens,
            repeat,
            frequency,
            presence,
        } => {
            raw.kind = StageKind::Penalties;
            raw.integer = i32::try_from(*last_tokens).unwrap_or(i32::MAX);
            raw.value = *repeat;
            raw.frequency = *frequency;
            raw.presence = *presence;
        }
        Stage::TopK(k) => {
            raw.kind = StageKind::TopK;
            raw.integer = i32::try_from(*k).unwrap_or(i32::MAX);
        }
        Stage::TopP(p) => {
            raw.kind = StageKind::TopP;
            raw.value = *p;
        }
        Stage::MinP(p) => {
            raw.kind = StageKind::MinP;
            raw.value = *p;
        }
        Stage::Temperature(temperature) => {
            raw.kind = StageKind::Temperature;
            raw.value = *temperature;
        }
        Stage::Distribution { seed } => {
            raw.kind = StageKind::Distribution;
            raw.seed = *seed;
        }
        Stage::Greedy => {}
    }
    raw
}

fn check_grammar_size(gbnf: &str) -> Result<(), String> {
    // llama.cpp takes an empty grammar for none at all.
    if gbnf.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if gbnf.len() > GRAMMAR_BYTES_MAX {
        return Err(format!(
            "{} bytes, at most {GRAMMAR_BYTES_MAX} are allowed",
            gbnf.len()
        ));
    }
    // Parentheses inside literals count too: a bound that is too strict there
    // costs nobody anything.
    let mut depth = 0usize;
    for byte in gbnf.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > GRAMMAR_NESTING_MAX {
            return Err(format!(
                "nested deeper than {GRAMMAR_NESTING_MAX} parentheses"
            ));
        }
    }
    Ok(())
}
