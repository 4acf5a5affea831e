//! Asking the worker for a reply's features.

use std::ops::Range;

use super::{Engine, Shared};
use crate::cancel::CancelToken;
use crate::conversation::{Prompt, PromptText};
use crate::error::Error;
use crate::results::Features;
use crate::worker::{FeaturesJob, LaneId};

impl Engine {
    /// The base model's hidden state at the token that ends `reply` after `prompt`. Blocks
    /// until the worker gets to it. Replies to one prompt share its computation.
    ///
    /// # Errors
    /// As [`Engine::score`].
    pub fn features(
        &self,
        prompt: &Prompt,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Features, Error> {
        let prompt = self.shared.prompt_text(prompt, cancel)?;
        let lane = self.shared.scoring_lane();
        self.shared.features(lane, &prompt, reply, cancel)
    }

    /// The rendered prompt: the same for prompts that a model cannot tell apart.
    pub(crate) fn prompt_key(&self, prompt: &Prompt) -> Result<String, Error> {
        let prompt = self.shared.prompt_text(prompt, &CancelToken::new())?;
        let text = prompt.as_str();
        // What looks like a marker is one or is not, by who wrote it.
        let mut key = text.to_owned();
        for forged in prompt.forged_in(0..text.len()) {
            let Range { start, end } = forged;
            key += &format!("\u{FFFF}{start}-{end}");
        }
        Ok(key)
    }
}

impl Shared {
    pub(crate) fn features(
        &self,
        lane: LaneId,
        prompt: &PromptText,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Features, Error> {
        if reply.is_empty() {
            return Err(Error::option("reply", "is empty"));
        }
        let text = prompt.with_reply(reply, &self.end_of_reply()?);
        self.run(lane, FeaturesJob::new(text), cancel)
    }

    /// Text of the token that ends replies, where the model has one.
    pub(crate) fn end_of_reply(&self) -> Result<String, Error> {
        let special = self.model().special_tokens();
        match special.eot.or(special.eos) {
            Some(token) => Ok(self.model().detokenize(&[token], true)?),
            None => Ok(String::new()),
        }
    }
}
