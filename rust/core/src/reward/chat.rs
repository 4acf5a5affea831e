//! Replies of chats and engines, scored.

use super::{RewardModel, RewardScore};
use crate::cancel::CancelToken;
use crate::chat::Chat;
use crate::conversation::Prompt;
use crate::engine::Engine;
use crate::error::Error;
use crate::reply::Reply;

impl Engine {
    /// What a reward model says of `reply` after `prompt`. Blocks as [`Engine::features`].
    ///
    /// # Errors
    /// As [`Engine::score`], and [`Error::RewardModel`].
    pub fn reward(
        &self,
        model: &RewardModel,
        prompt: &Prompt,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<RewardScore, Error> {
        model.score(&self.features(prompt, reply, cancel)?)
    }
}

impl Chat {
    /// What a reward model says of the last reply in the history. Blocks until the
    /// requests of this chat that are queued have ended. Right after the reply, with no
    /// adapter active, one token is computed; under adapters all of the conversation that
    /// the model as it is has not seen, since an adapter must not move its judge.
    ///
    /// # Errors
    /// [`Error::NotNow`] when there is no reply, [`Error::RewardModel`],
    /// [`Error::ContextFull`], [`Error::Cancelled`], [`Error::Closed`], [`Error::Compute`].
    pub fn reward(&self, model: &RewardModel, cancel: &CancelToken) -> Result<RewardScore, Error> {
        model.score(&self.last_reply_features(cancel)?)
    }

    /// What a reward model says of a draft; none of an empty one. Blocks.
    pub(crate) fn draft_reward(
        &self,
        text: &str,
        reply: &Reply,
        model: &RewardModel,
        cancel: &CancelToken,
    ) -> Result<Option<RewardScore>, Error> {
        let features = self.draft_features(text, reply, cancel)?;
        features.map(|features| model.score(&features)).transpose()
    }
}
