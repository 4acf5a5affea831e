//! Conversations.

use std::path::PathBuf;
use std::sync::Arc;

use pocketune_core as core;

use crate::background;
use crate::error::PocketuneError;
use crate::messages::{Message, TemplateChoice};
use crate::records::GenerationOptions;
use crate::stream::ReplyStream;

/// What to do when a conversation no longer fits the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum OverflowPolicy {
    /// Refuse with `ContextFull`.
    Error,
    /// Leave the oldest turns out of the prompt; the history itself stays.
    DropOldestTurns,
}

/// How to start a chat.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChatOptions {
    /// Instructions before the first turn.
    #[uniffi(default = None)]
    pub system_prompt: Option<String>,
    /// Turns that have been; must alternate, starting with the user.
    #[uniffi(default = [])]
    pub history: Vec<Message>,
    /// Where the chat template comes from; null: the model file.
    #[uniffi(default = None)]
    pub template: Option<TemplateChoice>,
    /// What to do when the conversation no longer fits; null: refuse.
    #[uniffi(default = None)]
    pub overflow: Option<OverflowPolicy>,
}

impl From<ChatOptions> for core::ChatOptions {
    fn from(options: ChatOptions) -> Self {
        Self {
            system_prompt: options.system_prompt,
            history: options.history.into_iter().map(Into::into).collect(),
            template: options.template.map(Into::into).unwrap_or_default(),
            overflow: match options.overflow {
                None | Some(OverflowPolicy::Error) => core::OverflowPolicy::Error,
                Some(OverflowPolicy::DropOldestTurns) => core::OverflowPolicy::DropOldestTurns,
            },
        }
    }
}

/// One conversation on an engine. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Chat(Arc<core::Chat>);

impl Chat {
    pub(crate) fn wrap(chat: core::Chat) -> Arc<Self> {
        Arc::new(Self(Arc::new(chat)))
    }

    /// The chat itself, for what works beside it.
    pub(crate) fn core(&self) -> Arc<core::Chat> {
        Arc::clone(&self.0)
    }
}

#[uniffi::export]
impl Chat {
    /// Asks for a reply to `text`. Returns at once; the reply comes through the
    /// stream and joins the history when it ends.
    ///
    /// # Errors
    /// `InvalidArgument`, `Closed`; through the stream `ContextFull`, `Internal`.
    pub fn send(
        &self,
        text: String,
        options: GenerationOptions,
    ) -> Result<Arc<ReplyStream>, PocketuneError> {
        Ok(ReplyStream::wrap(self.0.send(text, &options.into())?))
    }

    /// Asks for another reply to the last message of the user.
    ///
    /// # Errors
    /// As `send`; through the stream `NotNow` when nothing was said yet.
    pub fn regenerate(
        &self,
        options: GenerationOptions,
    ) -> Result<Arc<ReplyStream>, PocketuneError> {
        Ok(ReplyStream::wrap(self.0.regenerate(&options.into())?))
    }

    /// Ends the reply under way, and those that wait behind it. Returns at once. The stream
    /// of each still ends with `Done` (`StopReason.Cancelled`), and what text there is joins
    /// the history. Does nothing where no reply is under way.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// The turns so far, without the system prompt.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.0.history().into_iter().map(Into::into).collect()
    }

    /// Replaces the history, such as after an edit. Replies of the history before that are
    /// among the turns, word for word and with their ids, keep these; other turns have none.
    ///
    /// # Errors
    /// `InvalidArgument` when the turns do not alternate, user first.
    pub fn replace_history(&self, turns: Vec<Message>) -> Result<(), PocketuneError> {
        Ok(self
            .0
            .replace_history(turns.into_iter().map(Into::into).collect())?)
    }

    /// Writes history and cached state to a file, which is the old or the new
    /// one at any moment.
    ///
    /// # Errors
    /// `StorageFailed`, `Closed`; `NotNow` where it was cancelled.
    pub async fn save(&self, path: String) -> Result<(), PocketuneError> {
        let chat = Arc::clone(&self.0);
        background::run(move |cancel| chat.save(cancel)?.write(&PathBuf::from(path))).await
    }

    /// Replaces history and cached state by those in a file. The cache is used only as
    /// far as its tokens are those of the history; otherwise the history is read again at
    /// the next turn.
    ///
    /// # Errors
    /// `StateMismatch`, `StorageFailed`, `Closed`; `NotNow` where it was cancelled.
    pub async fn restore(&self, path: String) -> Result<(), PocketuneError> {
        let chat = Arc::clone(&self.0);
        background::run(move |cancel| {
            chat.restore(core::SavedChat::read(&PathBuf::from(path))?, cancel)
        })
        .await
    }
}
