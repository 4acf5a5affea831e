//! What an engine and its chats share.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pocketune_adapter::{BaseModel, CandidateAdapter, Digest};
use pocketune_llama::{Model, Token};

use super::adapter_set::AdapterSet;
use crate::cancel::CancelToken;
use crate::constraint::Constraints;
use crate::conversation::{
    Markers, Prompt, PromptText, Proven, Renderer, SpecialTexts, TemplateChoice,
};
use crate::digest::DigestCache;
use crate::error::Error;
use crate::facts::ModelFacts;
use crate::options::GenerationOptions;
use crate::origin::AppliedAdapter;
use crate::reply::ReplyStream;
use crate::source::ModelFile;
use crate::worker::{
    AdapterSetId, Generation, Job, LaneId, Numbers, RestoreLane, SaveLane, SavedLane, Source,
    Worker,
};

pub(crate) struct Shared {
    // Before the model: the worker's context must be freed first.
    worker: Worker,
    model: Arc<Model>,
    file: Arc<ModelFile>,
    digests: Arc<DigestCache>,
    specials: Arc<SpecialTexts>,
    // With those that stand in the model's own template.
    markers: OnceLock<Markers>,
    constraints: Constraints,
    context_tokens: u32,
    numbers: Numbers,
    // What chats and completions compute under from their next turn on.
    active: Mutex<Arc<AdapterSet>>,
    completion: Mutex<AdaptedLane>,
    scoring: LaneId,
    embedding: LaneId,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("facts", self.facts())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        model: Arc<Model>,
        worker: Worker,
        file: ModelFile,
        context_tokens: u32,
        digests: Arc<DigestCache>,
    ) -> Self {
        let specials = Arc::new(SpecialTexts::of(&model));
        let numbers = Numbers::new();
        let lane = || numbers.lane(AdapterSetId::NONE);
        let active = Arc::new(AdapterSet::none());
        let completion = Mutex::new(AdaptedLane::new(lane(), Arc::clone(&active)));
        let (scoring, embedding) = (lane(), lane());
        let constraints = Constraints::new(file.facts.header.vocabulary);
        Self {
            worker,
            model,
            file: Arc::new(file),
            active: Mutex::new(active),
            context_tokens,
            digests,
            specials,
            markers: OnceLock::new(),
            constraints,
            numbers,
            completion,
            scoring,
            embedding,
        }
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn facts(&self) -> &ModelFacts {
        &self.file.facts
    }

    pub(crate) fn digest(&self) -> Result<Digest, Error> {
        self.file
            .digest(&self.digests)
            .map_err(Error::ModelUnreadable)
    }

    /// The same for whom this engine may be gone by then.
    pub(crate) fn digest_later(&self) -> impl Fn() -> io::Result<Digest> + Send + Sync + 'static {
        let (file, digests) = (Arc::clone(&self.file), Arc::clone(&self.digests));
        move || file.digest(&digests)
    }

    pub(crate) fn renderer(&self, choice: &TemplateChoice) -> Result<Renderer, Error> {
        let of_model = self.facts().header.chat_template.as_deref();
        Renderer::new(choice, of_model, &self.model, Arc::clone(&self.specials))
    }

    pub(crate) fn prompt_text(
        &self,
        prompt: &Prompt,
        cancel: &CancelToken,
    ) -> Result<PromptText, Error> {
        match prompt {
            Prompt::Raw(text) => Ok(self.raw_text(text)),
            Prompt::Chat {
                system_prompt,
                turns,
                template,
            } => self
                .renderer(template)?
                .render(system_prompt.as_deref(), turns, cancel),
        }
    }

    pub(crate) fn prompt_tokens(
        &self,
        prompt: &Prompt,
        cancel: &CancelToken,
    ) -> Result<Vec<Token>, Error> {
        self.prompt_text(prompt, cancel)?.tokenize(&self.model)
    }

    /// What no text of a person may become, whatever template is used: with what stands
    /// in the model's own template, sound or not.
    pub(crate) fn markers(&self) -> &Markers {
        self.markers.get_or_init(|| {
            let template = self.facts().header.chat_template.as_deref();
            Markers::always(Arc::clone(&self.specials)).and_written(template.into_iter())
        })
    }

    /// Text for a completion: control tokens in it are control tokens.
    pub(crate) fn raw_text(&self, text: impl Into<String>) -> PromptText {
        PromptText::raw(text, self.markers().clone())
    }

    /// What an adapter must fit.
    pub(crate) fn base(&self) -> &Arc<BaseModel> {
        &self.file.base
    }

    pub(crate) fn check_fits(&self, tokens: usize) -> Result<(), Error> {
        if tokens > self.context_tokens as usize {
            return Err(Error::ContextFull {
                prompt_tokens: tokens as u64,
                context_tokens: u64::from(self.context_tokens),
            });
        }
        Ok(())
    }

    /// A lane that computes under these adapters for as long as it lives.
    pub(crate) fn new_lane(&self, adapters: AdapterSetId) -> LaneId {
        self.numbers.lane(adapters)
    }

    /// SHA-256 of the model's tokenizer.
    pub(crate) fn tokenizer_sha256(&self) -> Digest {
        self.file.tokenizer_sha256
    }

    /// The open model file.
    pub(crate) fn file(&self) -> &ModelFile {
        &self.file
    }

    /// Loads adapters beside those that are there. They go when nobody holds the set and
    /// its last job has ended.
    pub(crate) fn load_adapters(
        &self,
        adapters: Vec<(CandidateAdapter, f32)>,
        applied: Vec<AppliedAdapter>,
    ) -> Result<AdapterSet, Error> {
        let id = self.numbers.adapter_set();
        self.worker.load(id, adapters)?.wait()?;
        Ok(AdapterSet::loaded(id, applied, self.worker.unloader(id)))
    }

    /// What chats and completions compute under from their next turn on.
    pub(crate) fn active(&self) -> Arc<AdapterSet> {
        Arc::clone(&lock(&self.active))
    }

    pub(crate) fn set_active(&self, set: AdapterSet) {
        *lock(&self.active) = Arc::new(set);
    }

    /// Where completions compute: one after the other, reusing equal beginnings.
    pub(crate) fn completion_lane(&self) -> AdaptedLane {
        let mut lane = lock(&self.completion);
        lane.follow(self);
        lane.clone()
    }

    /// The lane of scores, so that replies to one prompt share its cache.
    pub(crate) fn scoring_lane(&self) -> LaneId {
        self.scoring
    }

    pub(crate) fn embedding_lane(&self) -> LaneId {
        self.embedding
    }

    /// Has a job computed on a lane, and waits for its result.
    pub(crate) fn run<J: Job + 'static>(
        &self,
        lane: LaneId,
        job: J,
        cancel: &CancelToken,
    ) -> Result<J::Output, Error> {
        self.worker.submit(lane, job, cancel)?.wait()
    }

    /// Checks the options and queues a reply. Does not block.
    pub(crate) fn generate(
        &self,
        lane: &AdaptedLane,
        source: Source,
        options: &GenerationOptions,
        cancel: CancelToken,
    ) -> Result<ReplyStream, Error> {
        let adapters = lane.set.adapters().to_vec();
        let job = Generation::new(source, options, adapters, &self.model, &self.constraints)?;
        let parts = self.worker.submit(lane.id, job, &cancel)?.into_receiver();
        Ok(ReplyStream::new(parts, cancel))
    }

    /// A reply outside of any chat. What people wrote in the prompt stays text: no control token
    /// comes of it.
    pub(crate) fn reply_to(
        &self,
        lane: &AdaptedLane,
        prompt: &Prompt,
        options: &GenerationOptions,
        cancel: CancelToken,
    ) -> Result<ReplyStream, Error> {
        let source = Source::Raw(self.prompt_text(prompt, &cancel)?);
        self.generate(lane, source, options, cancel)
    }

    pub(crate) fn forget_lane(&self, lane: LaneId) {
        self.worker.forget(lane);
    }

    pub(crate) fn save_lane(&self, lane: LaneId, cancel: &CancelToken) -> Result<SavedLane, Error> {
        self.run(lane, SaveLane, cancel)
    }

    pub(crate) fn restore_lane(
        &self,
        lane: LaneId,
        saved: SavedLane,
        proven: Option<Proven>,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        self.run(lane, RestoreLane { saved, proven }, cancel)
    }

    pub(crate) fn close(&self) {
        self.worker.close();
    }
}

/// A lane, and the adapters that it computes under.
#[derive(Debug, Clone)]
pub(crate) struct AdaptedLane {
    pub(crate) id: LaneId,
    pub(crate) set: Arc<AdapterSet>,
}

impl AdaptedLane {
    pub(crate) fn new(id: LaneId, set: Arc<AdapterSet>) -> Self {
        Self { id, set }
    }

    /// A new place under what is active now.
    pub(crate) fn under_active(shared: &Shared) -> Self {
        let set = shared.active();
        Self::new(shared.new_lane(set.id()), set)
    }

    /// Moves to what is active now. Keys and values of other adapters are of no use
    /// there: they are computed again.
    pub(crate) fn follow(&mut self, shared: &Shared) {
        if shared.active().id() != self.set.id() {
            shared.forget_lane(self.id);
            *self = Self::under_active(shared);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
