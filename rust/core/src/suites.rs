//! Suites, answered by a model.

use pocketune_judge::suite::{ItemResult, Suite, SuiteResult};

use crate::cancel::CancelToken;
use crate::chat::{Message, TemplateChoice};
use crate::engine::{Engine, EvaluationSession, Prompt, Score};
use crate::error::Error;

/// What tells how likely a reply is: an engine as it is, or under a candidate.
pub trait Scorer {
    /// Log-probability of each token of `reply` after `prompt`.
    ///
    /// # Errors
    /// As [`Engine::score`].
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error>;
}

impl Scorer for Engine {
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error> {
        Self::score(self, prompt, reply, cancel)
    }
}

impl Scorer for EvaluationSession {
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error> {
        Self::score(self, prompt, reply, cancel)
    }
}

/// Asks for each item of a suite which of its replies is the likeliest by token, under the
/// model's own chat template. Blocks for all of it, some tenths of a second a reply
/// of a small model; `on_item` hears how many items are done.
///
/// # Errors
/// As [`Engine::score`]; [`Error::Suite`] for a score that is no number.
pub fn evaluate(
    scorer: &impl Scorer,
    suite: &Suite,
    cancel: &CancelToken,
    mut on_item: impl FnMut(usize),
) -> Result<SuiteResult, Error> {
    let mut results = Vec::with_capacity(suite.items.len());
    for item in &suite.items {
        let (system, said) = item.prompt();
        let prompt = Prompt::Chat {
            system_prompt: system.map(str::to_owned),
            turns: vec![Message::user(said)],
            template: TemplateChoice::default(),
        };
        let by_token = item.replies().into_iter().map(|reply| {
            let score = scorer.score(&prompt, reply, cancel)?;
            Ok(score.log_probability() / score.tokens.len().max(1) as f64)
        });
        let by_token = by_token.collect::<Result<Vec<f64>, Error>>()?;
        results.push(ItemResult::of(item, &by_token)?);
        on_item(results.len());
    }
    Ok(SuiteResult::of(suite, results))
}
