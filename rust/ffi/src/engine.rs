//! The engine.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use pocketune_core as core;

use crate::background::{self, Cancellation};
use crate::chat::{Chat, ChatOptions};
use crate::error::{ListenerError, PocketuneError};
use crate::records::{EngineOptions, GenerationOptions, Pooling, Prompt};
use crate::results::{Embedding, MemoryEstimate, ModelFacts, Score};
use crate::stream::ReplyStream;

/// Where small caches go unless the options say otherwise; set once on Android.
pub(crate) static CACHE_DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// A model file.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ModelSource {
    /// A file to open.
    Path {
        /// Its path.
        path: String,
    },
    /// An open, seekable descriptor of the whole file, which the caller keeps.
    Descriptor {
        /// The descriptor.
        fd: i32,
    },
}

impl From<ModelSource> for core::ModelSource {
    fn from(source: ModelSource) -> Self {
        match source {
            ModelSource::Path { path } => Self::Path(path.into()),
            ModelSource::Descriptor { fd } => Self::Descriptor(fd),
        }
    }
}

/// Hears how loading goes on. Called on a thread of the library.
#[uniffi::export(with_foreign)]
pub trait LoadListener: Send + Sync {
    /// `fraction` goes from 0 to 1. Return false to cancel.
    ///
    /// # Errors
    /// Throwing cancels as well.
    fn on_progress(&self, fraction: f32) -> Result<bool, ListenerError>;
}

/// One loaded model. Thread-safe. Close it, or free it, to stop its work.
#[derive(Debug, uniffi::Object)]
pub struct Engine(Arc<core::Engine>);

#[uniffi::export]
impl Engine {
    /// Loads a model. Cancelling the call cancels the load.
    ///
    /// # Errors
    /// `ModelUnreadable`, `ModelInvalid`, `ModelUnsupported`, `OutOfMemory`,
    /// `InvalidArgument`; `NotNow` where it was cancelled.
    #[uniffi::constructor]
    pub async fn load(
        source: ModelSource,
        options: EngineOptions,
        listener: Option<Arc<dyn LoadListener>>,
    ) -> Result<Arc<Self>, PocketuneError> {
        let engine = background::run(move |cancel| {
            let digests = Arc::new(digest_cache(options.cache_directory.as_deref()));
            core::Engine::load(&source.into(), &options.into(), digests, |fraction| {
                let heard = listener
                    .as_ref()
                    .map_or(Ok(true), |to| to.on_progress(fraction));
                heard.unwrap_or(false) && !cancel.is_cancelled()
            })
        })
        .await?;
        Ok(Arc::new(Self(Arc::new(engine))))
    }

    /// Facts about the model.
    #[must_use]
    pub fn facts(&self) -> ModelFacts {
        self.0.facts().into()
    }

    /// The estimate that the model was loaded under.
    #[must_use]
    pub fn memory_estimate(&self) -> MemoryEstimate {
        self.0.memory_estimate().into()
    }

    /// SHA-256 of the model file, in hexadecimal digits.
    ///
    /// # Errors
    /// `ModelUnreadable`.
    pub async fn sha256(&self) -> Result<String, PocketuneError> {
        let engine = Arc::clone(&self.0);
        background::run(move |_| engine.digest().map(|digest| digest.to_string())).await
    }

    /// Starts a chat.
    ///
    /// # Errors
    /// `InvalidArgument`, also for a model without a template.
    pub fn chat(&self, options: ChatOptions) -> Result<Arc<Chat>, PocketuneError> {
        Ok(Chat::wrap(self.0.chat(options.into())?))
    }

    /// Goes on with a text; works with any model. Returns at once.
    ///
    /// # Errors
    /// As `Chat.send`.
    pub fn complete(
        &self,
        prompt: String,
        options: GenerationOptions,
    ) -> Result<Arc<ReplyStream>, PocketuneError> {
        Ok(ReplyStream::wrap(self.0.complete(prompt, &options.into())?))
    }

    /// Log-probability of each token of `reply` after `prompt`.
    ///
    /// # Errors
    /// `InvalidArgument`, `ContextFull`, `Closed`; `NotNow` where it was cancelled.
    pub async fn score(
        &self,
        prompt: Prompt,
        reply: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Score, PocketuneError> {
        let engine = Arc::clone(&self.0);
        background::run_under(cancellation, move |cancel| {
            engine.score(&prompt.into(), &reply, cancel).map(Into::into)
        })
        .await
    }

    /// Pooled hidden state of a text.
    ///
    /// # Errors
    /// As `score`.
    pub async fn embed(
        &self,
        prompt: Prompt,
        pooling: Pooling,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Embedding, PocketuneError> {
        let engine = Arc::clone(&self.0);
        background::run_under(cancellation, move |cancel| {
            engine
                .embed(&prompt.into(), pooling.into(), cancel)
                .map(Into::into)
        })
        .await
    }

    /// Tokens of a text. `with_control_tokens` reads written-out control tokens
    /// as such. Leave it off for text of people: then none of it becomes a control token,
    /// one that ends replies, or one that the model's template writes.
    ///
    /// # Errors
    /// `Internal`.
    pub fn tokenize(
        &self,
        text: String,
        with_control_tokens: bool,
    ) -> Result<Vec<i32>, PocketuneError> {
        Ok(self.0.tokenize(&text, with_control_tokens)?)
    }

    /// Text of tokens, control tokens written out.
    ///
    /// # Errors
    /// `Internal` for a token outside the vocabulary.
    pub fn detokenize(&self, tokens: Vec<i32>) -> Result<String, PocketuneError> {
        Ok(self.0.detokenize(&tokens)?)
    }

    /// Stops all work and frees the engine's buffers. Blocks for some
    /// milliseconds. Further calls fail with `Closed`.
    pub fn shut_down(&self) {
        self.0.close();
    }
}

impl Engine {
    /// The engine itself, for what works beside it.
    pub(crate) fn core(&self) -> Arc<core::Engine> {
        Arc::clone(&self.0)
    }
}

/// What loading with these options would take.
///
/// # Errors
/// As `Engine.load`, except `OutOfMemory`.
#[uniffi::export]
pub async fn estimate_memory(
    source: ModelSource,
    options: EngineOptions,
) -> Result<MemoryEstimate, PocketuneError> {
    background::run(move |_| {
        core::Engine::estimate(&source.into(), &options.into()).map(Into::into)
    })
    .await
}

/// Reads and checks a model's header.
///
/// # Errors
/// `ModelUnreadable`, `ModelInvalid`, `ModelUnsupported`.
#[uniffi::export]
pub async fn inspect_model(source: ModelSource) -> Result<ModelFacts, PocketuneError> {
    background::run(move |_| core::Engine::inspect(&source.into()).map(|facts| (&facts).into()))
        .await
}

fn digest_cache(directory: Option<&str>) -> core::DigestCache {
    let directory = directory
        .map(PathBuf::from)
        .or_else(|| CACHE_DIRECTORY.get().cloned());
    match directory {
        Some(directory) => core::DigestCache::in_file(directory.join("pocketune-digests.json")),
        None => core::DigestCache::in_memory(),
    }
}
