//! Trying out an adapter that nobody vouches for.

use std::sync::Arc;

use pocketune_adapter::{AdapterError, CandidateAdapter, Digest};

use crate::cancel::CancelToken;
use crate::chat::Chat;
use crate::conversation::{ChatOptions, Message, Prompt};
use crate::engine::{AdaptedLane, Engine, Shared};
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::origin::AppliedAdapter;
use crate::reply::ReplyStream;
use crate::results::Score;
use crate::worker::{LaneId, Source};

/// An engine under one candidate adapter, beside the engine as it is.
///
/// Its requests queue with all others of the engine; each computes under its own
/// adapters, and nothing that one computed is reused by the other. Nothing of a
/// session is stored. Thread-safe. When the session and its chats are dropped
/// and their last reply has ended, the adapter is freed.
#[derive(Debug)]
pub struct EvaluationSession {
    open: Arc<Open>,
}

/// One conversation in an [`EvaluationSession`]: a [`Chat`] that cannot be saved
/// or restored, since no other session could go on with it.
#[derive(Debug)]
pub struct EvaluationChat {
    // Before the session: its lane goes first.
    chat: Chat,
    _open: Arc<Open>,
}

/// What keeps the adapter loaded.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    completion: AdaptedLane,
    scoring: LaneId,
}

impl Engine {
    /// Opens a session whose replies `candidate` changes; everything else on
    /// this engine goes on without it. Loads the adapter beside the model, from
    /// the memory it was checked in: some milliseconds, and at most one batch of
    /// whatever is being computed. Blocks.
    ///
    /// # Errors
    /// [`Error::AdapterInvalid`] when it was checked against another model,
    /// [`Error::AdapterRefused`], [`Error::AllocationFailed`], [`Error::Closed`].
    pub fn evaluate(&self, candidate: CandidateAdapter) -> Result<EvaluationSession, Error> {
        self.evaluate_together(vec![candidate])
    }

    /// As [`Engine::evaluate`], with several candidates at once; at least one.
    ///
    /// # Errors
    /// As [`Engine::evaluate`].
    pub fn evaluate_together(
        &self,
        candidates: Vec<CandidateAdapter>,
    ) -> Result<EvaluationSession, Error> {
        EvaluationSession::open(Arc::clone(self.shared()), candidates)
    }
}

impl EvaluationSession {
    pub(crate) fn open(
        shared: Arc<Shared>,
        candidates: Vec<CandidateAdapter>,
    ) -> Result<Self, Error> {
        const SCALE: f32 = 1.0;
        if candidates.iter().any(|it| it.base() != shared.base()) {
            return Err(AdapterError::OtherModel.into());
        }
        let applied = candidates.iter().map(|candidate| AppliedAdapter {
            sha256: Digest::of(candidate.bytes()),
            scale: SCALE,
        });
        let applied = applied.collect();
        let candidates = candidates.into_iter().map(|it| (it, SCALE)).collect();
        let adapters = shared.load_adapters(candidates, applied)?;
        let open = Open {
            scoring: shared.new_lane(adapters.id()),
            completion: AdaptedLane::new(shared.new_lane(adapters.id()), Arc::new(adapters)),
            shared,
        };
        Ok(Self {
            open: Arc::new(open),
        })
    }

    /// Starts a chat under the candidate. Does not block.
    ///
    /// # Errors
    /// As [`Engine::chat`].
    pub fn chat(&self, options: ChatOptions) -> Result<EvaluationChat, Error> {
        let shared = Arc::clone(&self.open.shared);
        let set = Arc::clone(&self.open.completion.set);
        let lane = AdaptedLane::new(shared.new_lane(set.id()), set);
        Ok(EvaluationChat {
            chat: Chat::fixed(shared, lane, options)?,
            _open: Arc::clone(&self.open),
        })
    }

    /// Goes on with `prompt` as it stands, as [`Engine::complete`] does.
    /// Returns at once.
    ///
    /// # Errors
    /// As [`Chat::send`].
    pub fn complete(
        &self,
        prompt: impl Into<String>,
        options: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        let source = Source::Raw(self.open.shared.raw_text(prompt));
        let cancel = CancelToken::new();
        let shared = &self.open.shared;
        shared.generate(&self.open.completion, source, options, cancel)
    }

    /// As [`Shared::reply_to`](crate::engine::Shared::reply_to).
    pub(crate) fn reply_to(
        &self,
        prompt: &Prompt,
        options: &GenerationOptions,
        cancel: CancelToken,
    ) -> Result<ReplyStream, Error> {
        let shared = &self.open.shared;
        shared.reply_to(&self.open.completion, prompt, options, cancel)
    }

    /// Log-probability of each token of `reply` after `prompt`. Blocks until the
    /// worker gets to it.
    ///
    /// # Errors
    /// As [`Engine::score`].
    pub fn score(
        &self,
        prompt: &Prompt,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Score, Error> {
        let scoring = self.open.scoring;
        self.open.shared.score(scoring, prompt, reply, cancel)
    }
}

impl EvaluationChat {
    /// Asks for a reply to `text`, as [`Chat::send`] does. Returns at once.
    ///
    /// # Errors
    /// As [`Chat::send`].
    pub fn send(
        &self,
        text: impl Into<String>,
        options: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        self.chat.send(text, options)
    }

    /// Asks for another reply to the last message of the user.
    ///
    /// # Errors
    /// As [`Chat::regenerate`].
    pub fn regenerate(&self, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        self.chat.regenerate(options)
    }

    /// The turns so far, without the system prompt. Does not block.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.chat.history()
    }

    /// The instructions before the first turn.
    #[must_use]
    pub fn system_prompt(&self) -> Option<String> {
        self.chat.system_prompt()
    }

    /// Replaces the history.
    ///
    /// # Errors
    /// As [`Chat::replace_history`].
    pub fn replace_history(&self, turns: Vec<Message>) -> Result<(), Error> {
        self.chat.replace_history(turns)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.forget_lane(self.completion.id);
        self.shared.forget_lane(self.scoring);
    }
}
