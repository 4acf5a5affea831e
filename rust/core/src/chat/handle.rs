//! The handle of a chat.

use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::chat::conversation::{Ask, Conversation};
use crate::chat::saved::SavedChat;
use crate::chat::{Message, Role};
use crate::engine::Shared;
use crate::error::Error;
use crate::options::{ChatOptions, GenerationOptions};
use crate::reply::ReplyStream;
use crate::worker::{Generation, LaneId, Source};

/// One conversation on an engine.
///
/// Replies to one chat are generated one after the other, in the order asked
/// for; several chats take turns. The chat's keys and values stay cached between
/// turns as long as the engine's limit allows. Thread-safe; dropping it frees
/// its cache and lets a running reply come to its end.
#[derive(Debug)]
pub struct Chat {
    shared: Arc<Shared>,
    lane: LaneId,
    conversation: Arc<Conversation>,
}

impl Chat {
    pub(crate) fn start(
        shared: Arc<Shared>,
        lane: LaneId,
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
        conversation.renderer.render(
            None,
            &[Message {
                role: Role::User,
                content: "hi".into(),
            }],
        )?;
        Ok(Self {
            shared,
            lane,
            conversation,
        })
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

    fn ask(&self, ask: Ask, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        let source = Source::Chat {
            conversation: Arc::clone(&self.conversation),
            ask,
        };
        Generation::submit(&self.shared, self.lane, source, options)
    }

    /// The turns so far, without the system prompt. Does not block.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.conversation.turns()
    }

    /// The instructions before the first turn.
    #[must_use]
    pub fn system_prompt(&self) -> Option<String> {
        self.conversation.system_prompt()
    }

    /// Replaces the history, such as after an edit; the part of the cache that
    /// still fits is reused. A reply that is being generated will not join it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when the turns do not alternate, user first.
    pub fn replace_history(&self, turns: Vec<Message>) -> Result<(), Error> {
        self.conversation.replace(self.system_prompt(), turns)
    }

    /// Saves history and cached keys and values, to go on later without reading
    /// the conversation again. Blocks until the requests of this chat that are
    /// queued have ended, and for hashing the model the first time.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Cancelled`], [`Error::Compute`], [`Error::ModelUnreadable`].
    pub fn save(&self, cancel: &CancelToken) -> Result<SavedChat, Error> {
        let model = self.shared.digest()?;
        let lane = self.shared.save_lane(self.lane, cancel)?;
        Ok(SavedChat::new(
            model,
            self.system_prompt(),
            self.history(),
            lane,
        ))
    }

    /// Replaces this chat's history and cache by a saved one. Blocks as [`Chat::save`].
    ///
    /// # Errors
    /// [`Error::StateMismatch`] when it belongs to another model, build or KV
    /// type (then nothing has changed); otherwise as [`Chat::save`].
    pub fn restore(&self, saved: SavedChat, cancel: &CancelToken) -> Result<(), Error> {
        saved.check(self.shared.digest()?)?;
        let (system_prompt, turns, lane) = saved.into_parts();
        crate::chat::message::check_turns(&turns)?;
        self.shared.restore_lane(self.lane, lane, cancel)?;
        self.conversation.replace(system_prompt, turns)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.shared.forget_lane(self.lane);
    }
}
