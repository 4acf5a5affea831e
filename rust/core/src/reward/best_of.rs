//! Several replies, of which the reward model's favourite is kept.

use super::{RewardModel, RewardScore};
use crate::cancel::CancelToken;
use crate::chat::Chat;
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::reply::Reply;

/// Most drafts of one turn.
const DRAFTS_MAX: u32 = 64;

/// One of several replies to the same message.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The reply.
    pub reply: Reply,
    /// What the reward model says of it; none of a reply that is empty or fills the context,
    /// which is never the best while there is another.
    pub score: Option<RewardScore>,
}

/// Several replies to the same message, in the order in which they were generated.
#[derive(Debug, Clone, PartialEq)]
pub struct BestOf {
    /// At least one.
    pub drafts: Vec<Draft>,
    /// Which of them joined the history.
    pub best: usize,
}

impl Chat {
    /// Asks for `count` replies to `text`, each with a seed of its own, and keeps the one
    /// that the reward model prefers; of equals, the first. Blocks for all of them. The
    /// prompt is computed once, each draft costs its own tokens and one more (under
    /// adapters, those of the model as it is beside them).
    ///
    /// A model of reward that is only an estimate is exploited by choosing among many
    /// (Gao, Schulman and Hilton 2023): the Kullback–Leibler divergence from the model's
    /// own replies is at most `ln n − (n − 1) / n` nats, so a handful is a safe number.
    ///
    /// # Errors
    /// As [`Chat::send`] and [`Chat::reward`]; [`Error::InvalidOption`] for a `count` of
    /// 0, of more than 64, or of more than 1 where sampling is greedy; [`Error::NotNow`]
    /// where the history was changed meanwhile; [`Error::Cancelled`]. Then nothing has
    /// joined the history.
    pub fn send_best_of(
        &self,
        text: &str,
        count: u32,
        model: &RewardModel,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<BestOf, Error> {
        check_count(count, options)?;
        let first_seed = match options.sampling.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|error| Error::Io(error.into()))?,
        };
        let turn = self.turn(text)?;
        let mut drafts = Vec::new();
        for number in 0..count {
            let mut options = options.clone();
            options.sampling.seed = Some(first_seed.wrapping_add(number));
            let reply = self.draft(text, &options, cancel)?;
            let score = self.draft_reward(text, &reply, model, cancel)?;
            drafts.push(Draft { reply, score });
        }
        let best = best(&drafts);
        if let Some(draft) = drafts.get(best) {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            self.keep(turn, &draft.reply)?;
        }
        Ok(BestOf { drafts, best })
    }
}

fn check_count(count: u32, options: &GenerationOptions) -> Result<(), Error> {
    if count == 0 || count > DRAFTS_MAX {
        let reason = format!("is {count}; 1 to {DRAFTS_MAX} are possible");
        return Err(Error::option("count", reason));
    }
    if count > 1 && options.sampling.temperature == 0.0 {
        return Err(Error::option(
            "count",
            "is more than 1, and greedy sampling gives the same reply each time",
        ));
    }
    Ok(())
}

/// The first of the highest scores.
fn best(drafts: &[Draft]) -> usize {
    let score = |draft: &Draft| draft.score.map_or(f64::NEG_INFINITY, |score| score.reward);
    let mut best = 0;
    for (index, draft) in drafts.iter().enumerate() {
        if drafts.get(best).is_some_and(|it| score(draft) > score(it)) {
            best = index;
        }
    }
    best
}
