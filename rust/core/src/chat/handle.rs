//! The handle of a chat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketune_llama::Token;

use crate::cancel::CancelToken;
use crate::chat::saved::SavedChat;
use crate::conversation::{
    Ask, ChatOptions, Conversation, Message, OverflowPolicy, Proven, Role, Snapshot,
};
use crate::engine::{AdaptedLane, AdapterSet, Engine, Shared};
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::origin::{ReplyId, ReplyOrigin};
use crate::reply::{ReplyStream, Stopper};
use crate::results::Features;
use crate::worker::{AdapterSetId, LaneId, Source};

/// One conversation on an engine.
///
/// Replies to one chat are generated one after the other, in the order asked
/// for; several chats take turns. The chat's keys and values stay cached between
/// turns as long as the engine's limit allows. Thread-safe; dropping it frees
/// its cache and lets a running reply come to its end.
#[derive(Debug)]
pub struct Chat {
    pub(super) shared: Arc<Shared>,
    lane: Mutex<AdaptedLane>,
    // Whether the lane stays where it is, whatever becomes active.
    fixed: bool,
    // Also held by every request that has not ended.
    pub(super) conversation: Arc<Conversation>,
    // Replies that were asked for and may not have ended.
    replies: Mutex<Vec<Stopper>>,
}

impl Engine {
    /// Starts a chat. Does not block.
    ///
    /// # Errors
    /// [`Error::NoChatTemplate`], [`Error::TemplateFailed`],
    /// [`Error::InvalidOption`] for a history that does not alternate.
    pub fn chat(&self, options: ChatOptions) -> Result<Chat, Error> {
        Chat::start(Arc::clone(self.shared()), options)
    }
}

impl Chat {
    /// A chat under whatever adapters are active.
    pub(crate) fn start(shared: Arc<Shared>, options: ChatOptions) -> Result<Self, Error> {
        let lane = AdaptedLane::under_active(&shared);
        let mut chat = Self::fixed(shared, lane, options)?;
        chat.fixed = false;
        Ok(chat)
    }

    /// A chat under the adapters of its lane.
    pub(crate) fn fixed(
        shared: Arc<Shared>,
        lane: AdaptedLane,
        options: ChatOptions,
    ) -> Result<Self, Error> {
        let renderer = shared.renderer(&options.template)?;
        let conversation = Conversation::new(
            renderer,
            options.overflow,
            options.system_prompt,
            options.history,
        )?;
        let conversation = Arc::new(conversation);
        // A template that cannot even render one message is refused now.
        let probe = [Message::user("hi")];
        conversation
            .renderer
            .render(None, &probe, &CancelToken::new())?;
        Ok(Self {
            shared,
            lane: Mutex::new(lane),
            fixed: true,
            conversation,
            replies: Mutex::default(),
        })
    }

    /// Another chat of this conversation, under these adapters.
    pub(super) fn over(
        shared: Arc<Shared>,
        set: Arc<AdapterSet>,
        conversation: Arc<Conversation>,
    ) -> Self {
        let lane = AdaptedLane::new(shared.new_lane(set.id()), set);
        Self {
            shared,
            lane: Mutex::new(lane),
            fixed: true,
            conversation,
            replies: Mutex::default(),
        }
    }

    /// Asks for a reply to `text`. Returns at once; the reply comes through the
    /// stream, and joins the history (with `text`) when it ends, also when it
    /// was cancelled. A reply that fails leaves the history as it was.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], [`Error::InvalidConstraint`], [`Error::Closed`];
    /// through the stream [`Error::ContextFull`], [`Error::TemplateFailed`],
    /// [`Error::NotNow`], [`Error::Compute`].
    pub fn send(
        &self,
        text: impl Into<String>,
        options: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        self.ask(Ask::Send(text.into()), options)
    }

    /// Asks for another reply to the last message of the user; it replaces the
    /// one before. Works like [`Chat::send`], also when the history ends with a
    /// message of the user.
    ///
    /// # Errors
    /// As [`Chat::send`]; [`Error::NotNow`] when nothing was said yet.
    pub fn regenerate(&self, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        self.ask(Ask::Regenerate, options)
    }

    /// The lane for the next request. While an earlier one of this chat has not ended it
    /// stays, since requests of two lanes have no order.
    pub(super) fn lane(&self) -> MutexGuard<'_, AdaptedLane> {
        let mut lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.fixed && Arc::strong_count(&self.conversation) == 1 {
            lane.follow(&self.shared);
        }
        lane
    }

    /// The lane as it is, which stays until this is dropped: for what waits for the worker
    /// without keeping others from asking.
    pub(super) fn pinned_lane(&self) -> PinnedLane {
        let lane = self.lane();
        PinnedLane {
            id: lane.id,
            set: Arc::clone(&lane.set),
            _stays: Arc::clone(&self.conversation),
        }
    }

    fn ask(&self, ask: Ask, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        let lane = self.lane();
        let source = Source::Chat {
            conversation: Arc::clone(&self.conversation),
            ask,
        };
        let cancel = CancelToken::new();
        let stream = self.shared.generate(&lane, source, options, cancel)?;
        let mut replies = self.replies();
        replies.retain(|reply| !reply.is_over());
        replies.push(stream.stopper());
        Ok(stream)
    }

    /// Ends the reply under way, and those that wait behind it. Returns at once. The stream
    /// of each still ends with [`crate::ReplyPart::Done`] ([`crate::StopReason::Cancelled`]),
    /// and what text there is joins the history; what is asked next goes on from there.
    /// Does nothing where no reply of [`Chat::send`] or [`Chat::regenerate`] is under way.
    pub fn stop(&self) {
        for reply in self.replies().drain(..) {
            reply.stop();
        }
    }

    fn replies(&self) -> MutexGuard<'_, Vec<Stopper>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Features of the last reply in the history.
    pub(crate) fn last_reply_features(&self, cancel: &CancelToken) -> Result<Features, Error> {
        let (system_prompt, turns, reply) = self.conversation.last_turn()?;
        let pinned = self.pinned_lane();
        self.features(&pinned, system_prompt.as_deref(), &turns, &reply, cancel)
    }

    /// Features of a reply to `turns`, on this chat's lane where that computes as the
    /// base model does.
    pub(super) fn features(
        &self,
        pinned: &PinnedLane,
        system_prompt: Option<&str>,
        turns: &[Message],
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Features, Error> {
        let prompt = self
            .conversation
            .renderer
            .render(system_prompt, turns, cancel)?;
        let lane = match pinned.id.adapters {
            AdapterSetId::NONE => pinned.id,
            _ => self.shared.scoring_lane(),
        };
        self.shared.features(lane, &prompt, reply, cancel)
    }

    /// The turns so far, without the system prompt. Does not block.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.conversation.turns()
    }

    /// How a reply of the history came to be. Does not block.
    #[must_use]
    pub fn reply_origin(&self, id: ReplyId) -> Option<ReplyOrigin> {
        Some(self.conversation.origin(id)?.as_ref().clone())
    }

    /// The instructions before the first turn.
    #[must_use]
    pub fn system_prompt(&self) -> Option<String> {
        self.conversation.system_prompt()
    }

    /// Replaces the history, such as after an edit; the part of the cache that
    /// still fits is reused. A reply that is being generated will not join it. Replies of
    /// the history before that are among the turns, word for word and with their ids, keep
    /// these; other turns have none.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when the turns do not alternate, user first.
    pub fn replace_history(&self, turns: Vec<Message>) -> Result<(), Error> {
        self.conversation.replace(turns)
    }

    /// Saves history and cached keys and values, to go on later without reading
    /// the conversation again. Blocks until the requests of this chat that are
    /// queued have ended, and for hashing the model the first time.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Cancelled`], [`Error::Compute`], [`Error::ModelUnreadable`].
    pub fn save(&self, cancel: &CancelToken) -> Result<SavedChat, Error> {
        let model = self.shared.digest()?;
        let pinned = self.pinned_lane();
        let lane = self.shared.save_lane(pinned.id, cancel)?;
        let said = self.conversation.snapshot();
        Ok(SavedChat::new(model, pinned.set.names(), said, lane))
    }

    /// Replaces this chat's history and cache by a saved one. Blocks as [`Chat::save`].
    ///
    /// The cache is used only as far as the file's tokens are those of its history under
    /// this chat's template; otherwise, or where other adapters were active when it was
    /// saved, the history is restored without it, and read again at the next turn. What a
    /// file says was computed is never computed with unless it says so to the user too.
    /// (Whether keys and values are those of the tokens cannot be known.)
    ///
    /// # Errors
    /// [`Error::StateMismatch`] when it belongs to another model, build or KV
    /// type, or is damaged (then nothing has changed); otherwise as [`Chat::save`].
    pub fn restore(&self, saved: SavedChat, cancel: &CancelToken) -> Result<(), Error> {
        saved.check(self.shared.digest()?)?;
        let pinned = self.pinned_lane();
        let usable = saved.is_under(&pinned.set.names());
        let (mut said, lane) = saved.into_parts();
        let proven = match usable {
            true => self.prove(&said, &lane.tokens, cancel)?,
            false => None,
        };
        // Only a prompt that was seen without the first turns goes on without them.
        said.dropped = proven.as_ref().map_or(0, |_| said.dropped);
        self.shared.restore_lane(pinned.id, lane, proven, cancel)?;
        self.conversation.take(said)
    }

    /// How far tokens are those of a conversation that somebody saved.
    fn prove(
        &self,
        said: &Snapshot,
        tokens: &[Token],
        cancel: &CancelToken,
    ) -> Result<Option<Proven>, Error> {
        let may_drop = self.conversation.overflow == OverflowPolicy::DropOldestTurns;
        let kept = said.history.get(said.dropped..).unwrap_or_default();
        let (asked, reply) = match kept.split_last() {
            Some((last, before)) if last.role == Role::Assistant => (before, Some(&last.content)),
            _ => (kept, None),
        };
        if tokens.is_empty() || asked.is_empty() || (said.dropped > 0 && !may_drop) {
            return Ok(None);
        }
        let system_prompt = said.system_prompt.as_deref();
        let rendered = self
            .conversation
            .renderer
            .render(system_prompt, asked, cancel);
        let prompt = match rendered {
            Ok(prompt) => prompt,
            // Saved under another template, which took what this one refuses.
            Err(Error::TemplateFailed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let prompt_bytes = prompt.as_str().len();
        let text = match reply {
            Some(reply) => prompt.with_reply(reply, &self.shared.end_of_reply()?),
            None => prompt,
        };
        Ok(text.prove(tokens, prompt_bytes, self.shared.model()))
    }
}

/// A chat's lane, which stays as long as this is held.
pub(super) struct PinnedLane {
    pub(super) id: LaneId,
    set: Arc<AdapterSet>,
    // A chat whose conversation somebody holds moves nowhere.
    _stays: Arc<Conversation>,
}

impl Drop for Chat {
    fn drop(&mut self) {
        let lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.forget_lane(lane.id);
    }
}
