//! What an engine and its chats share.

use std::fmt;
use std::fs::File;
use std::sync::{Arc, OnceLock};

use pocketune_llama::{Model, Token};

use super::{Prompt, wait};
use crate::cancel::CancelToken;
use crate::chat::{ControlTokens, PromptText, Renderer, TemplateChoice};
use crate::constraint::SchemaFactory;
use crate::digest::{Digest, DigestCache};
use crate::error::Error;
use crate::facts::ModelFacts;
use crate::worker::{
    Job, LaneId, LaneNumbers, RestoreLane, SaveLane, SavedLane, Worker, one_result,
};

pub(crate) struct Shared {
    // Before the model: the worker's context must be freed first.
    worker: Worker,
    model: Arc<Model>,
    facts: ModelFacts,
    file: File,
    digests: Arc<DigestCache>,
    digest: OnceLock<Digest>,
    control: Arc<ControlTokens>,
    schemas: SchemaFactory,
    lanes: LaneNumbers,
    completion: LaneId,
    scoring: LaneId,
    embedding: LaneId,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        model: Arc<Model>,
        worker: Worker,
        facts: ModelFacts,
        file: File,
        digests: Arc<DigestCache>,
    ) -> Self {
        let control = Arc::new(ControlTokens::of(&model));
        let lanes = LaneNumbers::default();
        let (completion, scoring, embedding) = (lanes.next(), lanes.next(), lanes.next());
        Self {
            worker,
            model,
            facts,
            file,
            digests,
            digest: OnceLock::new(),
            control,
            schemas: SchemaFactory::default(),
            lanes,
            completion,
            scoring,
            embedding,
        }
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    pub(crate) fn schemas(&self) -> &SchemaFactory {
        &self.schemas
    }

    pub(crate) fn digest(&self) -> Result<Digest, Error> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let digest = self
            .digests
            .digest(&self.file)
            .map_err(Error::ModelUnreadable)?;
        Ok(*self.digest.get_or_init(|| digest))
    }

    pub(crate) fn renderer(&self, choice: &TemplateChoice) -> Result<Renderer, Error> {
        let of_model = self.facts.header.chat_template.as_deref();
        Renderer::new(choice, of_model, &self.model, Arc::clone(&self.control))
    }

    pub(crate) fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<Token>, Error> {
        let text = match prompt {
            Prompt::Raw(text) => PromptText::raw(text),
            Prompt::Chat {
                system_prompt,
                turns,
                template,
            } => self
                .renderer(template)?
                .render(system_prompt.as_deref(), turns)?,
        };
        text.tokenize(&self.model)
    }

    pub(crate) fn new_lane(&self) -> LaneId {
        self.lanes.next()
    }

    /// The lane of completions: one after the other, reusing equal beginnings.
    pub(crate) fn completion_lane(&self) -> LaneId {
        self.completion
    }

    /// The lane of scores, so that replies to one prompt share its cache.
    pub(crate) fn scoring_lane(&self) -> LaneId {
        self.scoring
    }

    pub(crate) fn embedding_lane(&self) -> LaneId {
        self.embedding
    }

    pub(crate) fn submit(&self, lane: LaneId, job: Box<dyn Job>) -> Result<(), Error> {
        self.worker.submit(lane, job)
    }

    pub(crate) fn forget_lane(&self, lane: LaneId) {
        self.worker.forget(lane);
    }

    pub(crate) fn save_lane(&self, lane: LaneId, cancel: &CancelToken) -> Result<SavedLane, Error> {
        let (result, receiver) = one_result();
        self.submit(
            lane,
            Box::new(SaveLane {
                lane,
                cancel: cancel.clone(),
                result,
            }),
        )?;
        wait(&receiver)
    }

    pub(crate) fn restore_lane(
        &self,
        lane: LaneId,
        saved: SavedLane,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let (result, receiver) = one_result();
        let saved = Some(saved);
        self.submit(
            lane,
            Box::new(RestoreLane {
                lane,
                cancel: cancel.clone(),
                saved,
                result,
            }),
        )?;
        wait(&receiver)
    }

    pub(crate) fn close(&self) {
        self.worker.close();
    }
}
