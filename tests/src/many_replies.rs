//! Many sampled replies at once, straight through llama.cpp's API (crate `llama-cpp-2`).
//!
//! Each token of a reply reads all weights, and memory is what it waits for: two dozen replies
//! at once read them once for all.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::path::Path;
use std::thread;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use pocketune_core::{Sampling, StopReason};

use crate::reference::backend;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Replies that are made at once.
const LANES: usize = 24;

/// A model that makes many replies at once.
#[derive(Debug)]
pub struct ManyReplies(LlamaModel);

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// What it says.
    pub text: String,
    /// Whether it ended by itself.
    pub stop_reason: StopReason,
}

/// A reply that is being made.
struct Lane {
    /// Which of all: the prompt, and the reply to it.
    of: (usize, usize),
    sampler: LlamaSampler,
    /// Tokens before the next one.
    position: i32,
    reply: Vec<LlamaToken>,
}

impl ManyReplies {
    /// Loads the model at `path`. Blocks for some tenths of a second.
    ///
    /// # Errors
    /// What llama.cpp says.
    pub fn load(path: &Path) -> Result<Self> {
        let params = LlamaModelParams::default().with_n_gpu_layers(0);
        Ok(Self(LlamaModel::load_from_file(backend(), path, &params)?))
    }

    /// A reply of at most `max_tokens` tokens to each prompt for each of at most 24 seeds, with
    /// the default sampling of apps; under the adapter in a file, where there is one. Blocks for
    /// some milliseconds a token.
    ///
    /// # Errors
    /// What llama.cpp says; too many seeds.
    pub fn sample(
        &mut self,
        prompts: &[Vec<i32>],
        seeds: &[u32],
        max_tokens: usize,
        adapter: Option<&Path>,
    ) -> Result<Vec<Vec<Sampled>>> {
        if seeds.len() > LANES {
            return Err(format!("more than {LANES} seeds").into());
        }
        let mut adapter = match adapter {
            Some(path) => Some(self.0.lora_adapter_init(path)?),
            None => None,
        };
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let mut context = self.context(longest, max_tokens)?;
        if let Some(adapter) = &mut adapter {
            context.lora_adapter_set(adapter, 1.0)?;
        }
        let nothing = Sampled {
            text: String::new(),
            stop_reason: StopReason::MaxTokens,
        };
        let mut run = Run {
            model: &self.0,
            context,
            batch: LlamaBatch::new(longest.max(LANES), 1),
            max_tokens,
            lanes: (0..LANES).map(|_| None).collect(),
            replies: vec![vec![nothing; seeds.len()]; prompts.len()],
        };
        let mut waiting: VecDeque<_> = prompts.iter().enumerate().collect();
        loop {
            while run.free().count() >= seeds.len()
                && let Some((number, prompt)) = waiting.pop_front()
            {
                run.start(number, prompt, seeds)?;
            }
            if !run.step()? && waiting.is_empty() {
                return Ok(run.replies);
            }
        }
    }

    /// Each sequence has a cache of its own.
    fn context(&self, prompt_tokens: usize, max_tokens: usize) -> Result<LlamaContext<'_>> {
        let threads = i32::try_from(thread::available_parallelism()?.get())?;
        let tokens = u32::try_from(LANES * (prompt_tokens + max_tokens).next_multiple_of(256))?;
        let batch = u32::try_from(prompt_tokens.max(LANES))?;
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(tokens))
            .with_n_seq_max(u32::try_from(LANES)?)
            .with_kv_unified(false)
            .with_n_batch(batch)
            .with_n_ubatch(batch)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        Ok(self.0.new_context(backend(), params)?)
    }
}

struct Run<'m> {
    model: &'m LlamaModel,
    context: LlamaContext<'m>,
    batch: LlamaBatch<'m>,
    max_tokens: usize,
    /// By sequence.
    lanes: Vec<Option<Lane>>,
    replies: Vec<Vec<Sampled>>,
}

impl Run<'_> {
    /// Sequences without a reply.
    fn free(&self) -> impl Iterator<Item = usize> {
        let lanes = self.lanes.iter().enumerate();
        lanes.filter_map(|(sequence, lane)| lane.is_none().then_some(sequence))
    }

    /// Computes a prompt once, and the first token of each reply to it.
    fn start(&mut self, number: usize, prompt: &[i32], seeds: &[u32]) -> Result<()> {
        let free: Vec<usize> = self.free().take(seeds.len()).collect();
        let Some((&first, others)) = free.split_first() else {
            return Ok(());
        };
        let first = i32::try_from(first)?;
        self.batch.clear();
        for (position, &token) in (0..).zip(prompt) {
            let is_last = position as usize + 1 == prompt.len();
            self.batch
                .add(LlamaToken(token), position, &[first], is_last)?;
        }
        self.context
            .clear_kv_cache_seq(Some(u32::try_from(first)?), None, None)?;
        self.context.decode(&mut self.batch)?;
        for &other in others {
            self.context
                .clear_kv_cache_seq(Some(u32::try_from(other)?), None, None)?;
            self.context
                .copy_kv_cache_seq(first, i32::try_from(other)?, None, None)?;
        }
        let last = self.batch.n_tokens() - 1;
        for (reply, (&sequence, &seed)) in free.iter().zip(seeds).enumerate() {
            let lane = Lane {
                of: (number, reply),
                sampler: sampler(seed)?,
                position: i32::try_from(prompt.len())?,
                reply: Vec::new(),
            };
            self.take(sequence, lane, last);
        }
        Ok(())
    }

    /// One token more of each reply; false where there is none.
    fn step(&mut self) -> Result<bool> {
        self.batch.clear();
        let mut lanes = Vec::new();
        for (sequence, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(lane) = lane.take()
                && let Some(&token) = lane.reply.last()
            {
                let id = i32::try_from(sequence)?;
                self.batch.add(token, lane.position, &[id], true)?;
                lanes.push((sequence, lane));
            }
        }
        if lanes.is_empty() {
            return Ok(false);
        }
        self.context.decode(&mut self.batch)?;
        for (index, (sequence, mut lane)) in (0..).zip(lanes) {
            lane.position += 1;
            self.take(sequence, lane, index);
        }
        Ok(true)
    }

    /// Draws the token that follows the batch's output, and keeps the reply once it has ended.
    fn take(&mut self, sequence: usize, mut lane: Lane, output: i32) {
        let token = lane.sampler.sample(&self.context, output);
        let ended = self.model.vocab().is_eog(token);
        if !ended {
            lane.reply.push(token);
        }
        if !ended && lane.reply.len() < self.max_tokens {
            self.lanes[sequence] = Some(lane);
            return;
        }
        let vocab = self.model.vocab();
        let pieces = lane.reply.iter();
        let bytes: Vec<u8> = pieces
            .flat_map(|&token| vocab.token_to_piece(token, false, None))
            .collect();
        let (prompt, reply) = lane.of;
        self.replies[prompt][reply] = Sampled {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            stop_reason: match ended {
                true => StopReason::EndOfTurn,
                false => StopReason::MaxTokens,
            },
        };
    }
}

/// The default sampling of apps.
fn sampler(seed: u32) -> Result<LlamaSampler> {
    let Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        ..
    } = Sampling::default();
    Ok(LlamaSampler::chain_simple([
        LlamaSampler::top_k(i32::try_from(top_k)?),
        LlamaSampler::top_p(top_p, 1),
        LlamaSampler::min_p(min_p, 1),
        LlamaSampler::temp(temperature),
        LlamaSampler::dist(seed),
    ]))
}
