//! A greedy loop straight through llama.cpp's API (crate `llama-cpp-2`): the
//! oracle that our layers are compared with.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

pub(crate) fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| LlamaBackend::init().expect("llama.cpp starts"))
}

/// A model loaded by the reference.
#[derive(Debug)]
pub struct Reference(LlamaModel);

/// One greedy step: the token, and how far its logit lies above the runner-up's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreedyStep {
    /// The likeliest token.
    pub token: i32,
    /// Its logit minus the second best.
    pub lead: f32,
    /// The runner-up.
    pub second: i32,
}

impl Reference {
    /// Loads the model at `path`.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let params = LlamaModelParams::default().with_n_gpu_layers(0);
        Self(LlamaModel::load_from_file(backend(), path, &params).expect("the model loads"))
    }

    /// Logits after each of at most 512 tokens, with an F32 KV cache: one row of the
    /// vocabulary a token. With an adapter file, that is applied.
    #[must_use]
    pub fn logits(&mut self, tokens: &[i32], adapter: Option<&Path>) -> Vec<Vec<f32>> {
        let mut adapter =
            adapter.map(|path| self.0.lora_adapter_init(path).expect("the adapter loads"));
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(512))
            .with_n_batch(512)
            .with_n_ubatch(512)
            .with_type_k(KvCacheType::F32)
            .with_type_v(KvCacheType::F32)
            .with_n_threads(2)
            .with_n_threads_batch(2);
        let mut context = self.0.new_context(backend(), params).expect("a context");
        if let Some(adapter) = &mut adapter {
            context
                .lora_adapter_set(adapter, 1.0)
                .expect("the adapter fits");
        }
        let mut batch = LlamaBatch::new(512, 1);
        for (position, &token) in (0..).zip(tokens) {
            batch
                .add(LlamaToken(token), position, &[0], true)
                .expect("room in the batch");
        }
        context.decode(&mut batch).expect("the tokens decode");
        let rows = 0..i32::try_from(tokens.len()).expect("at most 512 tokens");
        rows.map(|row| context.get_logits_ith(row).to_vec())
            .collect()
    }

    /// Greedy tokens after `prompt`, up to `count` or the end of generation.
    #[must_use]
    pub fn greedy(&self, prompt: &[i32], count: usize, threads: i32) -> Vec<GreedyStep> {
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(2048))
            .with_n_batch(512)
            .with_n_ubatch(512)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let mut context = self.0.new_context(backend(), params).expect("a context");
        let mut batch = LlamaBatch::new(512, 1);
        let mut position = 0;
        for (index, chunk) in prompt.chunks(512).enumerate() {
            batch.clear();
            let last_chunk = (index + 1) * 512 >= prompt.len();
            for (i, &token) in chunk.iter().enumerate() {
                let logits = last_chunk && i + 1 == chunk.len();
                batch
                    .add(LlamaToken(token), position, &[0], logits)
                    .expect("room in the batch");
                position += 1;
            }
            context.decode(&mut batch).expect("the prompt decodes");
        }
        let mut steps = Vec::new();
        while steps.len() < count {
            let step = best(&context, batch.n_tokens() - 1);
            if self.0.vocab().is_eog(LlamaToken(step.token)) {
                break;
            }
            steps.push(step);
            batch.clear();
            batch
                .add(LlamaToken(step.token), position, &[0], true)
                .expect("room in the batch");
            position += 1;
            context.decode(&mut batch).expect("the token decodes");
        }
        steps
    }
}

/// llama.cpp's own grammar sampler in the middle of a reply.
pub struct ReferenceGrammar<'a> {
    model: &'a LlamaModel,
    sampler: LlamaSampler,
}

impl std::fmt::Debug for ReferenceGrammar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReferenceGrammar")
    }
}

impl Reference {
    /// Starts a reply under `gbnf`. llama.cpp must survive it: nothing is checked here.
    #[must_use]
    pub fn grammar(&self, gbnf: &str) -> ReferenceGrammar<'_> {
        let sampler = LlamaSampler::grammar(&self.0, gbnf, "root").expect("a sound grammar");
        ReferenceGrammar {
            model: &self.0,
            sampler,
        }
    }
}

impl ReferenceGrammar<'_> {
    /// What each token adds to a reply; nothing for control tokens and those that end it.
    #[must_use]
    pub fn texts(&self) -> Vec<Vec<u8>> {
        let vocab = self.model.vocab();
        let tokens = (0..self.model.n_vocab()).map(LlamaToken);
        tokens
            .map(|token| match vocab.is_eog(token) {
                true => Vec::new(),
                false => vocab.token_to_piece(token, false, None),
            })
            .collect()
    }

    /// Whether a token ends replies.
    #[must_use]
    pub fn ends(&self, token: i32) -> bool {
        self.model.vocab().is_eog(LlamaToken(token))
    }

    /// Which tokens of the vocabulary may come next.
    #[must_use]
    pub fn allowed(&mut self) -> Vec<bool> {
        let tokens = (0..self.model.n_vocab()).map(LlamaToken);
        let tokens = tokens.map(|token| LlamaTokenData::new(token, 0.0, 0.0));
        let mut array = LlamaTokenDataArray::from_iter(tokens, false);
        self.sampler.apply(&mut array);
        let logits = array.data.iter().map(LlamaTokenData::logit);
        logits.map(|logit| logit == 0.0).collect()
    }

    /// Takes a token that is allowed.
    pub fn accept(&mut self, token: i32) {
        self.sampler.accept(LlamaToken(token));
    }
}

fn best(context: &LlamaContext<'_>, index: i32) -> GreedyStep {
    let logits = context.get_logits_ith(index);
    let (mut first, mut second) = ((0, f32::NEG_INFINITY), (0, f32::NEG_INFINITY));
    for (token, &logit) in (0..).zip(logits) {
        if logit > first.1 {
            second = first;
            first = (token, logit);
        } else if logit > second.1 {
            second = (token, logit);
        }
    }
    GreedyStep {
        token: first.0,
        lead: first.1 - second.1,
        second: second.0,
    }
}
