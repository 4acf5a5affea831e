//! The engine: one loaded model and its worker.

mod adapter_set;
mod features;
mod identity;
mod score;
mod shared;

use std::sync::Arc;

pub(crate) use adapter_set::AdapterSet;
use pocketune_adapter::{AdapterError, BaseModel, Digest, check_set};
use pocketune_llama::{Context, Model, ModelLoad, Token};
use pocketune_store::{ActiveAdapter, StoreError};

pub(crate) use shared::{AdaptedLane, Shared};

use crate::cancel::CancelToken;
use crate::conversation::{Prompt, PromptText};
use crate::digest::DigestCache;
use crate::error::Error;
use crate::facts::ModelFacts;
use crate::memory::{self, MemoryEstimate};
use crate::options::{EngineOptions, GenerationOptions};
use crate::origin::AppliedAdapter;
use crate::reply::ReplyStream;
use crate::results::{Embedding, Pooling, Score};
use crate::source::ModelSource;
use crate::worker::{EmbedJob, Source, Worker, WorkerState};

/// One loaded GGUF model with the thread that computes with it.
///
/// Thread-safe. Requests of all chats queue fairly. Dropping the engine stops
/// what it is doing within some milliseconds and frees its buffers; chats that
/// are still held then answer [`Error::Closed`].
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    estimate: MemoryEstimate,
    options: EngineOptions,
}

impl Engine {
    /// Loads a model. Blocks: call it on a thread that may wait. `on_progress`
    /// receives fractions from 0 to 1 on this thread and returns whether to go
    /// on. `digests` remembers the model's SHA-256 between starts.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`], [`Error::ModelNotAFile`], [`Error::ModelInvalid`],
    /// [`Error::ArchitectureUnsupported`], [`Error::InvalidOption`],
    /// [`Error::OutOfMemory`] (before anything large is allocated),
    /// [`Error::ModelRefused`], [`Error::AllocationFailed`], [`Error::Cancelled`].
    pub fn load(
        source: &ModelSource,
        options: &EngineOptions,
        digests: Arc<DigestCache>,
        mut on_progress: impl FnMut(f32) -> bool,
    ) -> Result<Self, Error> {
        let file = source.open()?;
        let params = memory::context_params(&file, options)?;
        if !options.ignore_memory_estimate {
            memory::check_vocabulary(&file)?;
        }
        let estimate = memory::estimate(&file, options)?;
        if !options.ignore_memory_estimate {
            estimate.check()?;
        }
        if !on_progress(0.0) {
            return Err(Error::Cancelled);
        }
        let how = if options.use_mmap {
            ModelLoad::Mapped
        } else {
            ModelLoad::Copied
        };
        let model =
            Arc::new(Model::load(&file.file, how, &mut on_progress).map_err(Error::from_load)?);
        let context = Context::new(Arc::clone(&model), params).map_err(Error::from_load)?;
        let parked_limit = match options.kv_limit_bytes {
            Some(limit) => limit.saturating_sub(estimate.kv_bytes),
            None => estimate.kv_bytes,
        };
        let state = WorkerState::new(
            context,
            params.context_tokens,
            options.kv_cache_type,
            parked_limit,
        );
        let worker = Worker::start(state)?;
        let shared = Shared::new(model, worker, file, params.context_tokens, digests);
        Ok(Self {
            shared: Arc::new(shared),
            estimate,
            options: options.clone(),
        })
    }

    /// What loading with these options would take. Blocks for reading the
    /// vocabulary; allocates neither weights nor caches.
    ///
    /// # Errors
    /// As [`Engine::load`], except [`Error::OutOfMemory`].
    pub fn estimate(
        source: &ModelSource,
        options: &EngineOptions,
    ) -> Result<MemoryEstimate, Error> {
        memory::estimate(&source.open()?, options)
    }

    /// Reads and audits a model's header. Blocks for a short read.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`], [`Error::ModelNotAFile`],
    /// [`Error::ModelInvalid`], [`Error::ArchitectureUnsupported`].
    pub fn inspect(source: &ModelSource) -> Result<ModelFacts, Error> {
        Ok(source.open()?.facts)
    }

    /// SHA-256 of a model file. Blocks; hashes only what `digests` does not know.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`], [`Error::ModelNotAFile`], [`Error::ModelInvalid`].
    pub fn digest_of(source: &ModelSource, digests: &DigestCache) -> Result<Digest, Error> {
        let file = source.open()?;
        file.digest(digests).map_err(Error::ModelUnreadable)
    }

    /// Facts about the model. Does not block.
    #[must_use]
    pub fn facts(&self) -> &ModelFacts {
        self.shared.facts()
    }

    /// The memory estimate that the model was loaded under.
    #[must_use]
    pub fn memory_estimate(&self) -> MemoryEstimate {
        self.estimate
    }

    /// What the model was loaded with. Does not block.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// SHA-256 of the model file. Blocks the first time: about a second per
    /// gigabyte, or nothing when the digest cache knows the file.
    ///
    /// # Errors
    /// [`Error::ModelUnreadable`].
    pub fn digest(&self) -> Result<Digest, Error> {
        self.shared.digest()
    }

    /// What an adapter for this model must fit, for [`pocketune_adapter::CandidateAdapter::parse`].
    #[must_use]
    pub fn base_model(&self) -> &Arc<BaseModel> {
        self.shared.base()
    }

    /// Lets replies be changed by these adapters, in place of those before; by none, if
    /// there are none. Chats and completions compute under them from their next turn
    /// on, a chat that is replying from the first turn after that; scores and
    /// embeddings stay the model's own. The model stays loaded, and keys and values that
    /// were computed under other adapters are not used again. Blocks for some
    /// milliseconds, and at most one batch of whatever is being computed.
    ///
    /// # Errors
    /// [`Error::AdapterInvalid`] when one was verified for another model,
    /// [`Error::Store`] where they are no set that [`check_set`] lets pass,
    /// [`Error::AdapterRefused`], [`Error::AllocationFailed`], [`Error::Closed`],
    /// [`Error::ModelUnreadable`]; what was active then stays so.
    pub fn use_adapters(&self, adapters: &[ActiveAdapter]) -> Result<(), Error> {
        self.shared.set_active(self.load_verified(adapters)?);
        Ok(())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Loads adapters beside what is active.
    pub(crate) fn load_verified(&self, adapters: &[ActiveAdapter]) -> Result<AdapterSet, Error> {
        if adapters.is_empty() {
            return Ok(AdapterSet::none());
        }
        let model = self.digest()?;
        let fits = |active: &ActiveAdapter| active.adapter.base_sha256() == model;
        if !adapters.iter().all(fits) {
            return Err(AdapterError::OtherModel.into());
        }
        // Each was verified by itself; what they do together is looked at wherever they
        // come from.
        check_set(
            adapters
                .iter()
                .map(|active| (&active.adapter, active.scale)),
        )
        .map_err(|refused| StoreError::from(refused.refusal))?;
        let applied = adapters.iter().map(|active| AppliedAdapter {
            sha256: active.adapter.sha256(),
            scale: active.scale,
        });
        let loaded = adapters
            .iter()
            .map(|active| (active.adapter.adapter().clone(), active.scale));
        self.shared
            .load_adapters(loaded.collect(), applied.collect())
    }

    /// Goes on with `prompt` as it stands; works with any model. Control tokens
    /// written out in it are control tokens. Returns at once.
    ///
    /// # Errors
    /// As [`crate::Chat::send`].
    pub fn complete(
        &self,
        prompt: impl Into<String>,
        options: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        let lane = self.shared.completion_lane();
        let source = Source::Raw(self.shared.raw_text(prompt));
        self.shared
            .generate(&lane, source, options, CancelToken::new())
    }

    /// As [`Shared::reply_to`].
    pub(crate) fn reply_to(
        &self,
        prompt: &Prompt,
        options: &GenerationOptions,
        cancel: CancelToken,
    ) -> Result<ReplyStream, Error> {
        let lane = self.shared.completion_lane();
        self.shared.reply_to(&lane, prompt, options, cancel)
    }

    /// Log-probability of each token of `reply` after `prompt`. Blocks until the
    /// worker gets to it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an empty reply or prompt,
    /// [`Error::ContextFull`], [`Error::NoChatTemplate`], [`Error::Cancelled`],
    /// [`Error::Closed`], [`Error::Compute`].
    pub fn score(
        &self,
        prompt: &Prompt,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Score, Error> {
        let lane = self.shared.scoring_lane();
        self.shared.score(lane, prompt, reply, cancel)
    }

    /// Pooled final hidden state of `text`. Blocks until the worker gets to it.
    ///
    /// # Errors
    /// As [`Engine::score`].
    pub fn embed(
        &self,
        prompt: &Prompt,
        pooling: Pooling,
        cancel: &CancelToken,
    ) -> Result<Embedding, Error> {
        let tokens = self.shared.prompt_tokens(prompt, cancel)?;
        if tokens.is_empty() {
            return Err(Error::option("text", "is empty"));
        }
        self.shared.check_fits(tokens.len())?;
        let count = tokens.len();
        let lane = self.shared.embedding_lane();
        let job = EmbedJob::new(tokens, pooling);
        Ok(Embedding {
            values: self.shared.run(lane, job, cancel)?,
            tokens: count,
        })
    }

    /// Tokens of `text`. `with_control_tokens` reads written-out control tokens
    /// as such. Leave it off for text of people: then none of it becomes a control
    /// token, a token that ends replies, or one that the model's template writes.
    /// Does not use the worker.
    ///
    /// # Errors
    /// [`Error::Compute`].
    pub fn tokenize(&self, text: &str, with_control_tokens: bool) -> Result<Vec<Token>, Error> {
        let model = self.shared.model();
        if with_control_tokens {
            return self.shared.raw_text(text).tokenize_as_written(model);
        }
        PromptText::plain(text, self.shared.markers().clone()).tokenize_alone(None, model)
    }

    /// Tokens of a prompt as [`Engine::score`] reads it: template, control tokens and
    /// the token that begins texts, where the model has one. Does not use the worker.
    ///
    /// # Errors
    /// [`Error::NoChatTemplate`], [`Error::TemplateFailed`], [`Error::Compute`].
    pub fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<Token>, Error> {
        self.shared.prompt_tokens(prompt, &CancelToken::new())
    }

    /// Text of `tokens`, control tokens written out.
    ///
    /// # Errors
    /// [`Error::Compute`] for a token outside the vocabulary.
    pub fn detokenize(&self, tokens: &[Token]) -> Result<String, Error> {
        Ok(self.shared.model().detokenize(tokens, true)?)
    }

    /// Tokens that end a reply, such as to forbid them by a logit bias.
    #[must_use]
    pub fn end_of_generation_tokens(&self) -> Vec<Token> {
        let model = self.shared.model();
        (0..model.vocab_size())
            .filter_map(|id| Token::try_from(id).ok())
            .filter(|&token| model.is_end_of_generation(token))
            .collect()
    }

    /// Closes the engine as dropping it does. Further calls do nothing.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
