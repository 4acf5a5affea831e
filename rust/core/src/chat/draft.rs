//! Replies that do not join the history by themselves.

use std::sync::Arc;

use super::Chat;
use crate::cancel::CancelToken;
use crate::conversation::{Ask, Bookmark, OpenTurn};
use crate::engine::{AdapterSet, Shared};
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::reply::{Reply, ReplyPart, StopReason};
use crate::results::Features;
use crate::worker::Source;

impl Chat {
    /// A chat of the same history under other adapters.
    pub(crate) fn beside(&self, set: Arc<AdapterSet>) -> Self {
        Self::over(
            Arc::clone(&self.shared),
            set,
            Arc::clone(&self.conversation),
        )
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether it computes under these adapters.
    pub(crate) fn is_under(&self, set: &AdapterSet) -> bool {
        self.pinned_lane().id.adapters == set.id()
    }

    /// A reply to `text` after the history, which stays as it is. Blocks.
    pub(crate) fn draft(
        &self,
        text: &str,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Reply, Error> {
        self.draft_streamed(text, options, cancel, |_| ())
    }

    /// As [`Chat::draft`]; `piece` is called with each piece of text as it comes.
    pub(crate) fn draft_streamed(
        &self,
        text: &str,
        options: &GenerationOptions,
        cancel: &CancelToken,
        mut piece: impl FnMut(String),
    ) -> Result<Reply, Error> {
        let lane = self.lane().clone();
        let source = Source::Chat {
            conversation: Arc::clone(&self.conversation),
            ask: Ask::Draft(text.to_owned()),
        };
        let cancelled = cancel.clone();
        let stream = self.shared.generate(&lane, source, options, cancelled)?;
        let mut reply = Err(Error::Closed);
        for part in &stream {
            match part? {
                ReplyPart::Text(text) => piece(text),
                ReplyPart::Done(done) => reply = Ok(done),
            }
        }
        match reply? {
            reply if reply.stop_reason == StopReason::Cancelled => Err(Error::Cancelled),
            reply => Ok(reply),
        }
    }

    /// Features of a draft; none of an empty one. Blocks.
    pub(crate) fn draft_features(
        &self,
        text: &str,
        reply: &Reply,
        cancel: &CancelToken,
    ) -> Result<Option<Features>, Error> {
        if reply.text.is_empty() {
            return Ok(None);
        }
        let open = self.turn(text)?;
        let kept = open.turns.get(reply.dropped_messages as usize..);
        let turns = kept.unwrap_or_default();
        let system_prompt = open.system_prompt.as_deref();
        match self.features(
            &self.pinned_lane(),
            system_prompt,
            turns,
            &reply.text,
            cancel,
        ) {
            Ok(features) => Ok(Some(features)),
            // The reply was cut off where the context ends: its own end has no room.
            Err(Error::ContextFull { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Computes what the cache lacks of the history, so that what the next reply takes to
    /// its first token is that of its question alone. Blocks.
    pub(crate) fn catch_up(&self, cancel: &CancelToken) -> Result<(), Error> {
        let Ok((system_prompt, turns, reply)) = self.conversation.last_turn() else {
            return Ok(());
        };
        let prompt = self
            .conversation
            .renderer
            .render(system_prompt.as_deref(), &turns, cancel)?;
        let lane = self.pinned_lane().id;
        match self.shared.features(lane, &prompt, &reply, cancel) {
            Ok(_) | Err(Error::ContextFull { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The turn of a question, to be kept with what answers it.
    pub(crate) fn turn(&self, text: &str) -> Result<OpenTurn, Error> {
        self.conversation.open_turn(&Ask::Draft(text.to_owned()))
    }

    /// Adds a turn and the draft that answers it to the history, unless that has changed
    /// since the turn was opened.
    ///
    /// # Errors
    /// [`Error::NotNow`] where it has.
    pub(crate) fn keep(&self, mut turn: OpenTurn, reply: &Reply) -> Result<(), Error> {
        turn.dropped = turn.dropped.max(reply.dropped_messages as usize);
        match self.conversation.close_turn(turn, reply) {
            true => Ok(()),
            false => Err(Error::NotNow {
                reason: "the history was changed while the reply was being generated",
            }),
        }
    }

    /// As [`Chat::keep`], of a question that was asked now.
    pub(crate) fn keep_turn(&self, text: &str, reply: &Reply) -> Result<(), Error> {
        self.keep(self.turn(text)?, reply)
    }

    /// The history as it is, to come back to.
    pub(crate) fn bookmark(&self) -> Bookmark {
        self.conversation.bookmark()
    }

    pub(crate) fn go_back(&self, to: Bookmark) {
        self.conversation.go_back(to);
    }
}
