//! The reward model, and the critics.

use std::sync::Arc;

use pocketune_core as core;
use pocketune_core::now;

use crate::background::{self, Cancellation};
use crate::chat::Chat;
use crate::engine::Engine;
use crate::error::PocketuneError;
use crate::records::{GenerationOptions, Prompt};
use crate::stream::{Reply, StopReason};

/// A small head over the model's hidden state that scores replies. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct RewardModel {
    engine: Arc<core::Engine>,
    model: core::RewardModel,
}

/// What a reward model says of one reply.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct RewardScore {
    /// Standard deviations from the mean of the replies that it was trained on, within ±3.
    pub reward: f64,
    /// The calibrated probability that it is preferred to a reply of mean score.
    pub quality: f64,
    /// Tokens that had to be computed for it.
    pub computed_tokens: u64,
}

/// Several replies to the same message.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct BestOf {
    /// In the order in which they were generated.
    pub drafts: Vec<Draft>,
    /// Which of them joined the history.
    pub best: u64,
}

/// One of several replies.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Draft {
    /// The reply.
    pub reply: Reply,
    /// Null for a reply that is empty or fills the context.
    pub score: Option<RewardScore>,
}

impl From<core::RewardScore> for RewardScore {
    fn from(score: core::RewardScore) -> Self {
        Self {
            reward: score.reward,
            quality: score.quality,
            computed_tokens: score.computed_tokens as u64,
        }
    }
}

impl From<core::BestOf> for BestOf {
    fn from(found: core::BestOf) -> Self {
        let draft = |draft: core::Draft| Draft {
            reply: draft.reply.into(),
            score: draft.score.map(Into::into),
        };
        Self {
            drafts: found.drafts.into_iter().map(draft).collect(),
            best: found.best as u64,
        }
    }
}

#[uniffi::export]
impl RewardModel {
    /// A head that ships with the app, read from the bytes of its file, for this engine's
    /// model. Hashes the model the first time.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no head, or one of another model; `ModelUnreadable`.
    #[uniffi::constructor]
    pub async fn read(engine: Arc<Engine>, head: Vec<u8>) -> Result<Arc<Self>, PocketuneError> {
        let engine = engine.core();
        let model = background::run(move |_| {
            let model = core::RewardModel::parse(&head, &engine)?;
            Ok(Self { engine, model })
        });
        Ok(Arc::new(model.await?))
    }

    /// Scores `reply` after `prompt`, with the model as it is, whatever adapters are active.
    ///
    /// # Errors
    /// As `Engine.score`.
    pub async fn score(
        &self,
        prompt: Prompt,
        reply: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RewardScore, PocketuneError> {
        let (engine, model) = (Arc::clone(&self.engine), self.model.clone());
        background::run_under(cancellation, move |cancel| {
            let score = engine.reward(&model, &prompt.into(), &reply, cancel)?;
            Ok(score.into())
        })
        .await
    }
}

/// The reward models of a store. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct RewardModels(core::RewardModels);

#[uniffi::export]
impl RewardModels {
    /// A reward model that was delivered: the head at `path` is verified with the
    /// attestations beside it (`<path>.intoto.jsonl`), at each start.
    ///
    /// # Errors
    /// `InvalidArgument`, with the refusal, for what is not accepted, and for no head of this
    /// model; `NotNow` without an engine; `StorageFailed`.
    pub async fn open(&self, path: String) -> Result<Arc<RewardModel>, PocketuneError> {
        let models = self.0.clone();
        background::run(move |_| {
            let engine = Arc::clone(models.engine()?);
            let model = models.open(path.as_ref(), now())?;
            Ok(Arc::new(RewardModel { engine, model }))
        })
        .await
    }
}

impl RewardModels {
    pub(crate) fn wrap(models: core::RewardModels) -> Arc<Self> {
        Arc::new(Self(models))
    }
}

impl RewardModel {
    pub(crate) fn core(&self) -> &core::RewardModel {
        &self.model
    }
}

#[uniffi::export]
impl Chat {
    /// Scores the last reply of the history. Right after it, with no adapter active, that
    /// costs one token.
    ///
    /// # Errors
    /// `NotNow` when there is no reply; `InvalidArgument` where the head is another model's;
    /// `ContextFull`, `Closed`; `NotNow` where it was cancelled.
    pub async fn reward(
        &self,
        model: Arc<RewardModel>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RewardScore, PocketuneError> {
        let chat = self.core();
        background::run_under(cancellation, move |cancel| {
            Ok(chat.reward(&model.model, cancel)?.into())
        })
        .await
    }

    /// Asks for `count` replies to `text` and keeps the one that the reward model prefers.
    ///
    /// # Errors
    /// As `send` and `reward`; `InvalidArgument` for a count of 0 or above 64, or above 1
    /// where sampling is greedy.
    pub async fn send_best_of(
        &self,
        text: String,
        count: u32,
        model: Arc<RewardModel>,
        options: GenerationOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<BestOf, PocketuneError> {
        let chat = self.core();
        background::run_under(cancellation, move |cancel| {
            let found = chat.send_best_of(&text, count, &model.model, &options.into(), cancel)?;
            Ok(found.into())
        })
        .await
    }
}

/// What the critics decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Ruling {
    /// Nothing to object.
    Pass,
    /// Certainly at fault.
    Fail,
    /// A person should look.
    NeedsReview,
}

/// A ruling of the critics and what it rests on.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Judgement {
    /// The decision.
    pub ruling: Ruling,
    /// From 0 to 1, by all critics together.
    pub score: f64,
    /// Those that object.
    pub objections: Vec<Objection>,
}

/// What one critic objects.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Objection {
    /// Its name, such as `repetition`.
    pub critic: String,
    /// From 0, certainly at fault, to 1.
    pub score: f64,
    /// Why, in plain words, without anything that user or model wrote.
    pub reason: String,
}

/// Lets all critics look at one reply. Returns at once.
#[uniffi::export]
#[must_use]
pub fn criticize(
    system_prompt: Option<String>,
    prompt: String,
    reply: String,
    stop_reason: StopReason,
) -> Judgement {
    core::criticize(
        system_prompt.as_deref(),
        &prompt,
        &reply,
        stop_reason.into(),
    )
    .into()
}

impl From<core::Objection> for Objection {
    fn from(objection: core::Objection) -> Self {
        let core::Objection {
            critic,
            score,
            reason,
        } = objection;
        Self {
            critic,
            score,
            reason,
        }
    }
}

impl From<core::Judgement> for Judgement {
    fn from(judgement: core::Judgement) -> Self {
        let objections = judgement.findings.iter().filter_map(core::Objection::of);
        Self {
            ruling: match judgement.ruling {
                core::Ruling::Pass => Ruling::Pass,
                core::Ruling::Fail => Ruling::Fail,
                core::Ruling::NeedsReview => Ruling::NeedsReview,
            },
            score: judgement.score,
            objections: objections.map(Into::into).collect(),
        }
    }
}
