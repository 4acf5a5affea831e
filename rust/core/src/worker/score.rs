//! Log-probabilities of a given reply.

use pocketune_llama::{Outputs, Token};

use crate::error::Error;
use crate::memory::OUTPUTS_MAX;
use crate::results::TokenScore;
use crate::worker::{Job, Request, Step, WorkerState};

/// Scores `tokens[first..]`, each given all before it.
pub(crate) struct ScoreJob {
    tokens: Vec<Token>,
    first: usize,
    done: Option<usize>,
    scores: Vec<TokenScore>,
}

impl ScoreJob {
    /// `first` is the index of the first token to score, at least 1.
    pub(crate) fn new(tokens: Vec<Token>, first: usize) -> Self {
        Self {
            tokens,
            first,
            done: None,
            scores: Vec::new(),
        }
    }
}

impl Job for ScoreJob {
    type Output = Vec<TokenScore>;

    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<Vec<TokenScore>>,
    ) -> Result<Step<Vec<TokenScore>>, Error> {
        // The logits of token i come from computing token i - 1.
        let first_output = self.first - 1;
        let last_input = self.tokens.len() - 1;
        let done = match self.done {
            Some(done) => done,
            None => state.reuse(
                request.lane,
                self.tokens.get(..self.first).unwrap_or_default(),
            )?,
        };
        // Another lane may have had the slot in between.
        state.bring_in(request.lane)?;
        let (end, outputs) = if done < first_output {
            (first_output.min(done + state.batch_tokens()), Outputs::None)
        } else {
            (
                last_input.min(done + OUTPUTS_MAX as usize),
                Outputs::From(0),
            )
        };
        let Some(input) = self.tokens.get(done..end).filter(|input| !input.is_empty()) else {
            return Ok(Step::Done(std::mem::take(&mut self.scores)));
        };
        state.compute(request.lane, input, done, outputs)?;
        if outputs != Outputs::None {
            for index in 0..input.len() {
                let Some(&token) = self.tokens.get(done + index + 1) else {
                    continue;
                };
                let logits = state.logits(index)?;
                self.scores.push(TokenScore {
                    token,
                    log_probability: log_softmax(logits, token),
                });
            }
        }
        self.done = Some(end);
        Ok(if end == last_input {
            Step::Done(std::mem::take(&mut self.scores))
        } else {
            Step::More
        })
    }
}

/// ln softmax(logits)\[token\], summed in 64 bits.
fn log_softmax(logits: &[f32], token: Token) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|&logit| f64::from(logit - most).exp())
        .sum();
    let own = usize::try_from(token)
        .ok()
        .and_then(|id| logits.get(id))
        .copied();
    f64::from(own.unwrap_or(f32::NEG_INFINITY) - most) - sum.ln()
}

#[cfg(test)]
mod tests {
    use super::log_softmax;

    #[test]
    fn log_softmax_sums_to_one() {
        let logits = [1.0, -2.0, 1000.0, 999.5];
        let sum: f64 = (0..4).map(|token| log_softmax(&logits, token).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert!((log_softmax(&logits, 3) - log_softmax(&logits, 2) + 0.5).abs() < 1e-6);
    }
}
