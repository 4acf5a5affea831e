//! llama.cpp's side of the benchmark: its own API with nothing of ours around it.

use std::io::Write;
use std::mem::ManuallyDrop;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::logit_bias::LlamaLogitBias;
use pocketune_core::{Engine, KvCacheType as OurKvCacheType};
use pocketune_terminal::ending;

use crate::error::BenchError;
use crate::speed::{Deadline, Run, Work};

const SEQUENCE: i32 = 0;

/// The model, loaded once more.
pub(crate) struct RawModel {
    // Never dropped: that would free tables of llama.cpp which the engine shares.
    backend: ManuallyDrop<LlamaBackend>,
    model: LlamaModel,
    adapter: Option<LlamaLoraAdapter>,
    load_time: Duration,
}

impl RawModel {
    pub(crate) fn load(path: &Path, work: &Work) -> Result<Self, BenchError> {
        let backend = ManuallyDrop::new(LlamaBackend::init().map_err(raw_error)?);
        let params = LlamaModelParams::default().with_n_gpu_layers(0);
        let started = Instant::now();
        let mut model = LlamaModel::load_from_file(&backend, path, &params).map_err(raw_error)?;
        let load_time = started.elapsed();
        let candidate = work.candidate.as_ref();
        let adapter = candidate
            .map(|candidate| load_adapter(&mut model, candidate.bytes()))
            .transpose()?;
        Ok(Self {
            backend,
            model,
            adapter,
            load_time,
        })
    }

    pub(crate) fn load_time(&self) -> Duration {
        self.load_time
    }
}

/// The bytes that were checked, through a file of their own.
fn load_adapter(model: &mut LlamaModel, bytes: &[u8]) -> Result<LlamaLoraAdapter, BenchError> {
    let make = tempfile::NamedTempFile::new;
    let file = ending::make_temporary(make, |file| file.path().to_owned());
    let mut file = file.map_err(raw_error)?;
    file.write_all(bytes).map_err(raw_error)?;
    model.lora_adapter_init(file.path()).map_err(raw_error)
}

/// A context with a greedy sampler, set up as the engine sets up its own.
pub(crate) struct Raw<'a> {
    context: LlamaContext<'a>,
    sampler: LlamaSampler,
    batch: LlamaBatch<'a>,
    engine: &'a Engine,
    batch_tokens: usize,
    decode_tokens: u32,
}

impl<'a> Raw<'a> {
    pub(crate) fn new(
        model: &'a mut RawModel,
        engine: &'a Engine,
        work: &Work,
    ) -> Result<Self, BenchError> {
        let threads = i32::try_from(work.threads).map_err(raw_error)?;
        let kv_type = match work.options.kv_cache_type {
            OurKvCacheType::F16 => KvCacheType::F16,
            OurKvCacheType::Q8_0 => KvCacheType::Q8_0,
            OurKvCacheType::F32 => KvCacheType::F32,
        };
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(work.context_tokens))
            .with_n_batch(work.options.batch_tokens)
            .with_n_ubatch(work.options.micro_batch_tokens)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_type_k(kv_type)
            .with_type_v(kv_type)
            .with_swa_full(work.options.full_sliding_window);
        let RawModel {
            backend,
            model,
            adapter,
            ..
        } = model;
        let model: &LlamaModel = model;
        let mut context = model.new_context(backend, params).map_err(raw_error)?;
        if let Some(adapter) = adapter {
            context.lora_adapter_set(adapter, 1.0).map_err(raw_error)?;
        }
        let batch_tokens = work.options.batch_tokens as usize;
        Ok(Self {
            context,
            sampler: endless_greedy(model, engine),
            batch: LlamaBatch::new(batch_tokens, 1),
            engine,
            batch_tokens,
            decode_tokens: work.decode_tokens,
        })
    }

    pub(crate) fn run(&mut self, prompt: &str, deadline: Deadline) -> Result<Run, BenchError> {
        let tokens = self.prompt_tokens(prompt)?;
        let started = Instant::now();
        self.context.clear_kv_cache();
        let mut token = self.prefill(&tokens)?;
        let first_token = started.elapsed();
        let mut generated = vec![token.0];
        let mut position = i32::try_from(tokens.len()).map_err(raw_error)?;
        while generated.len() < self.decode_tokens as usize
            && deadline.is_none_or(|end| Instant::now() <= end)
        {
            self.batch.clear();
            self.batch
                .add(token, position, &[SEQUENCE], true)
                .map_err(raw_error)?;
            self.context.decode(&mut self.batch).map_err(raw_error)?;
            token = self.sampler.sample(&self.context, 0);
            generated.push(token.0);
            position += 1;
        }
        let decode = started.elapsed().saturating_sub(first_token);
        Ok(Run {
            first_token,
            decode,
            prompt_tokens: u32::try_from(tokens.len()).map_err(raw_error)?,
            generated_tokens: u32::try_from(generated.len()).map_err(raw_error)?,
            text: self.engine.detokenize(&generated)?,
        })
    }

    /// Computes the prompt; returns the token that follows.
    fn prefill(&mut self, tokens: &[LlamaToken]) -> Result<LlamaToken, BenchError> {
        let mut position = 0;
        for (index, piece) in tokens.chunks(self.batch_tokens).enumerate() {
            self.batch.clear();
            let is_last = (index + 1) * self.batch_tokens >= tokens.len();
            for (offset, &token) in piece.iter().enumerate() {
                let wanted = is_last && offset + 1 == piece.len();
                self.batch
                    .add(token, position, &[SEQUENCE], wanted)
                    .map_err(raw_error)?;
                position += 1;
            }
            self.context.decode(&mut self.batch).map_err(raw_error)?;
        }
        Ok(self
            .sampler
            .sample(&self.context, self.batch.n_tokens() - 1))
    }

    /// The tokens that the engine reads for this prompt.
    fn prompt_tokens(&self, prompt: &str) -> Result<Vec<LlamaToken>, BenchError> {
        let tokenizer = &self.engine.facts().header.tokenizer;
        let bos = tokenizer.bos.filter(|_| tokenizer.add_bos);
        let bos = bos.and_then(|id| i32::try_from(id).ok());
        let tokens = self.engine.tokenize(prompt, true)?;
        Ok(bos.into_iter().chain(tokens).map(LlamaToken::new).collect())
    }
}

/// Takes the likeliest token that ends no reply, as the engine is asked to.
fn endless_greedy(model: &LlamaModel, engine: &Engine) -> LlamaSampler {
    let ends = engine.end_of_generation_tokens();
    let biases: Vec<_> = ends
        .into_iter()
        .map(|token| LlamaLogitBias::new(LlamaToken::new(token), f32::NEG_INFINITY))
        .collect();
    LlamaSampler::chain_simple([
        LlamaSampler::logit_bias(model.n_vocab(), &biases),
        LlamaSampler::greedy(),
    ])
}

fn raw_error(error: impl std::error::Error + Send + Sync + 'static) -> BenchError {
    BenchError::Raw(Box::new(error))
}
