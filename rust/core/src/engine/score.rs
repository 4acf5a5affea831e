//! Asking the worker for the log-probabilities of a reply.

use super::Shared;
use crate::cancel::CancelToken;
use crate::conversation::{Prompt, PromptText};
use crate::error::Error;
use crate::results::Score;
use crate::worker::{LaneId, ScoreJob};

impl Shared {
    /// Scores `reply` after `prompt` on this lane. Blocks until the worker gets to it.
    pub(crate) fn score(
        &self,
        lane: LaneId,
        prompt: &Prompt,
        reply: &str,
        cancel: &CancelToken,
    ) -> Result<Score, Error> {
        let prompt = self.prompt_text(prompt, cancel)?;
        let mut tokens = prompt.tokenize(self.model())?;
        let first = tokens.len();
        if first == 0 {
            return Err(Error::option(
                "prompt",
                "is empty and the model starts no text by itself",
            ));
        }
        let reply = PromptText::plain(reply, prompt.markers().clone());
        tokens.extend(reply.tokenize_alone(tokens.last().copied(), self.model())?);
        if tokens.len() == first {
            return Err(Error::option("reply", "is empty"));
        }
        self.check_fits(tokens.len())?;
        Ok(Score {
            tokens: self.run(lane, ScoreJob::new(tokens, first), cancel)?,
        })
    }
}
