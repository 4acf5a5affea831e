//! Conversations in which both arms answer.

use std::sync::Arc;

use async_channel::Receiver;
use pocketune_core as core;
use pocketune_core::{CancelToken, now};

use crate::background::{self, Cancellation};
use crate::error::PocketuneError;
use crate::experiment_records::{Asked, Choice};
use crate::messages::Message;
use crate::records::GenerationOptions;

/// A conversation in which both arms answer and the user picks. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct SideBySideChat(Arc<core::SideBySideChat>);

impl SideBySideChat {
    pub(crate) fn wrap(chat: core::SideBySideChat) -> Arc<Self> {
        Arc::new(Self(Arc::new(chat)))
    }
}

#[uniffi::export]
impl SideBySideChat {
    /// Asks both arms, one after the other, and returns both replies in the order in which
    /// they are to be shown. Cancelling the call cancels both. A question before that was
    /// not picked from counts as left open, and the incumbent's reply as the one that was said.
    ///
    /// # Errors
    /// As `Chat.send` and `Experiment.assign`; `NotNow` where it was cancelled. Then nothing was
    /// said or written, and the question before is still open.
    pub async fn ask(
        &self,
        text: String,
        options: GenerationOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Asked, PocketuneError> {
        let chat = Arc::clone(&self.0);
        background::run_under(cancellation, move |cancel| {
            let asked = chat.ask(&text, &options.into(), now(), cancel)?;
            Ok(asked.into())
        })
        .await
    }

    /// As `ask`; returns at once, and both replies come through the stream as they are
    /// generated.
    ///
    /// # Errors
    /// `Internal`; through the stream those of `ask`.
    pub fn stream(
        &self,
        text: String,
        options: GenerationOptions,
    ) -> Result<Arc<AskedStream>, PocketuneError> {
        let chat = Arc::clone(&self.0);
        let (parts, receiver) = async_channel::unbounded();
        let cancel = background::start(move |cancel| {
            let mut hear = |part: core::AskedPart| {
                // Nobody listening is no reason to fail: the stream cancels when freed.
                let _ = parts.try_send(Ok(part.into()));
            };
            let asked = chat.ask_streamed(&text, &options.into(), now(), cancel, &mut hear);
            let end = asked.map(|asked| AskedPart::Done {
                asked: asked.into(),
            });
            let _ = parts.try_send(end.map_err(Into::into));
        })?;
        Ok(Arc::new(AskedStream {
            parts: receiver,
            cancel,
        }))
    }

    /// Writes down what the user picked, and goes on from there; from the incumbent's reply
    /// where neither is better.
    ///
    /// # Errors
    /// `NotNow` where nothing waits for a pick, while a question is being answered, and where
    /// the experiment was ended meanwhile; `InvalidArgument` where the pick was recorded by
    /// `record`; `StorageFailed`.
    pub async fn pick(&self, choice: Choice) -> Result<(), PocketuneError> {
        let chat = Arc::clone(&self.0);
        background::run(move |_| chat.pick(choice.into(), now())).await
    }

    /// The turns so far, without the system prompt.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.0.history().into_iter().map(Into::into).collect()
    }
}

/// A part of what comes of a question, as it is generated. Which arm it is of is not said.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once a part, and taken apart at once"
)]
pub enum AskedPart {
    /// The next piece of the reply that is to be shown first, or of the only one.
    First {
        /// The piece: whole characters, never a part of a stop string.
        text: String,
    },
    /// The next piece of the reply that is to be shown second.
    Second {
        /// The piece.
        text: String,
    },
    /// The end; nothing follows.
    Done {
        /// What came of the question.
        asked: Asked,
    },
}

impl From<core::AskedPart> for AskedPart {
    fn from(part: core::AskedPart) -> Self {
        match part {
            core::AskedPart::First(text) => Self::First { text },
            core::AskedPart::Second(text) => Self::Second { text },
        }
    }
}

/// The parts of what comes of one question, as they come. Freeing the stream cancels both
/// replies.
#[derive(Debug, uniffi::Object)]
pub struct AskedStream {
    parts: Receiver<Result<AskedPart, PocketuneError>>,
    cancel: CancelToken,
}

#[uniffi::export]
impl AskedStream {
    /// The next part, or null after the end.
    ///
    /// # Errors
    /// What the question failed with: then nothing was said or written, and the question
    /// before is still open.
    pub async fn next(&self) -> Result<Option<AskedPart>, PocketuneError> {
        self.parts.recv().await.ok().transpose()
    }

    /// Asks both replies to stop. Returns at once; the stream then fails with `NotNow`,
    /// unless it is at its end.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for AskedStream {
    fn drop(&mut self) {
        // After the end there is nothing to stop but somebody else's reply.
        if !self.parts.is_closed() {
            self.cancel.cancel();
        }
    }
}
