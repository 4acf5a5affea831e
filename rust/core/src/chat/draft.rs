//! Replies that do not join the history by themselves.

use std::sync::Arc;

use super::Chat;
use super::conversation::Ask;
use crate::cancel::CancelToken;
use crate::engine::AdapterSet;
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::reply::{Reply, StopReason};
use crate::reward::{RewardModel, RewardScore};
use crate::worker::{Generation, Source};

impl Chat {
    /// A chat of the same history under other adapters.
    pub(crate) fn beside(&self, set: Arc<AdapterSet>) -> Self {
        Self::over(
            Arc::clone(&self.shared),
            set,
            Arc::clone(&self.conversation),
        )
    }

    /// A reply to `text` after the history, which stays as it is. Blocks.
    pub(crate) fn draft(
        &self,
        text: &str,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Reply, Error> {
        let lane = self.seat().lane;
        let source = Source::Chat {
            conversation: Arc::clone(&self.conversation),
            ask: Ask::Draft(text.to_owned()),
        };
        let cancelled = cancel.clone();
        let stream = Generation::submit(&self.shared, lane, source, options, cancelled)?;
        let reply = stream.finish()?;
        match reply.stop_reason {
            StopReason::Cancelled => Err(Error::Cancelled),
            _ => Ok(reply),
        }
    }

    /// What a reward model says of a draft; none of an empty one. Blocks.
    pub(crate) fn draft_reward(
        &self,
        text: &str,
        reply: &Reply,
        model: &RewardModel,
        cancel: &CancelToken,
    ) -> Result<Option<RewardScore>, Error> {
        if reply.text.is_empty() {
            return Ok(None);
        }
        let open = self.conversation.open_turn(&Ask::Draft(text.to_owned()))?;
        let kept = open.turns.get(reply.dropped_messages as usize..);
        let turns = kept.unwrap_or_default();
        let system_prompt = open.system_prompt.as_deref();
        let features = self.features(&self.seat(), system_prompt, turns, &reply.text, cancel)?;
        Ok(Some(model.score(&features)?))
    }

    /// Adds a question and the draft that answers it to the history.
    pub(crate) fn keep_turn(&self, text: &str, reply: &Reply) -> Result<(), Error> {
        let mut open = self.conversation.open_turn(&Ask::Send(text.to_owned()))?;
        open.dropped = open.dropped.max(reply.dropped_messages as usize);
        self.conversation.close_turn(open, &reply.text);
        Ok(())
    }
}
