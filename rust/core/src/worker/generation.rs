//! Generating one reply: prompt, prefill, tokens, end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pocketune_llama::{LOGIT_MAX, Model, Outputs, Sampler, Stage, Token};

use crate::clock;
use crate::constraint::{ActiveConstraint, Constraints};
use crate::conversation::PromptText;
use crate::error::Error;
use crate::options::{GenerationOptions, Sampling};
use crate::origin::{AppliedAdapter, ReplyId, ReplyOrigin, ReplySampling};
use crate::reply::{Reply, ReplyPart, StopReason};
use crate::worker::output::Output;
use crate::worker::prepare::{Prepared, Source, prepare};
use crate::worker::{Job, LaneId, Request, Step, WorkerState};

/// A reply being generated.
pub(crate) struct Generation {
    source: Source,
    max_tokens: u32,
    sampler: Sampler,
    constraint: ActiveConstraint,
    penalty_tokens: usize,
    output: Output,
    origin: ReplyOrigin,
    submitted: Instant,
    phase: Phase,
    costs: Costs,
}

enum Phase {
    Prepare,
    Prefill {
        prepared: Prepared,
        done: usize,
    },
    Decode {
        prepared: Prepared,
        position: usize,
        pending: Token,
    },
    Ended,
}

#[derive(Default)]
struct Costs {
    reused: usize,
    prefill: Duration,
    decode: Duration,
    first_token: Option<Duration>,
    generated: u32,
}

/// What the last sampled token means.
enum Next {
    Token(Token),
    Stop(StopReason),
}

impl Generation {
    /// Checks the options. `adapters` are those of the lane.
    pub(crate) fn new(
        source: Source,
        options: &GenerationOptions,
        adapters: Vec<AppliedAdapter>,
        model: &Arc<Model>,
        constraints: &Constraints,
    ) -> Result<Self, Error> {
        options.check(model.vocab_size())?;
        let seed = match options.sampling.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|error| Error::Io(error.into()))?,
        };
        let origin = ReplyOrigin {
            id: ReplyId::make_random()?,
            time: clock::now(),
            adapters,
            sampling: ReplySampling::of(options, seed),
        };
        let sampler = Sampler::new(model.vocab_size(), &stages(&options.sampling, seed))?;
        let constraint = constraints.activate(options.constraint.as_ref(), model)?;
        Ok(Self {
            source,
            max_tokens: options.max_tokens,
            sampler,
            constraint,
            penalty_tokens: options.sampling.penalties.last_tokens as usize,
            output: Output::new(&options.stop),
            origin,
            submitted: Instant::now(),
            phase: Phase::Prepare,
            costs: Costs::default(),
        })
    }

    fn go_through(
        &mut self,
        state: &mut WorkerState,
        request: &Request<ReplyPart>,
    ) -> Result<Step<ReplyPart>, Error> {
        let lane = request.lane;
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Prepare => self.start(state, request),
            Phase::Prefill { prepared, done } => self.prefill(state, lane, prepared, done),
            Phase::Decode {
                prepared,
                position,
                pending,
            } => self.decode(state, lane, prepared, position, pending),
            // The worker steps no job that has ended.
            Phase::Ended => Err(Error::Closed),
        }
    }

    fn start(
        &mut self,
        state: &mut WorkerState,
        request: &Request<ReplyPart>,
    ) -> Result<Step<ReplyPart>, Error> {
        let (lane, cancel) = (request.lane, &request.cancel);
        let prepared = prepare(&self.source, self.max_tokens, lane, state, cancel)?;
        let done = state.reuse(lane, &prepared.tokens)?;
        self.costs.reused = done;
        let recent = prepared.tokens.len().saturating_sub(self.penalty_tokens);
        for &token in prepared.tokens.get(recent..).unwrap_or_default() {
            self.sampler.observe(token)?;
        }
        self.phase = Phase::Prefill { prepared, done };
        Ok(Step::More)
    }

    fn prefill(
        &mut self,
        state: &mut WorkerState,
        lane: LaneId,
        prepared: Prepared,
        done: usize,
    ) -> Result<Step<ReplyPart>, Error> {
        let end = prepared.tokens.len().min(done + state.batch_tokens());
        let last = end == prepared.tokens.len();
        let outputs = if last { Outputs::Last } else { Outputs::None };
        let input = prepared.tokens.get(done..end).unwrap_or_default();
        let computed = state
            .bring_in(lane)
            .and_then(|()| state.compute(lane, input, done, outputs));
        match computed {
            Ok(took) => self.costs.prefill += took,
            Err(error) => {
                self.phase = Phase::Prefill { prepared, done };
                return Err(error);
            }
        }
        if !last {
            self.phase = Phase::Prefill {
                prepared,
                done: end,
            };
            return Ok(Step::More);
        }
        let next = self.choose(state, input_index(end - done));
        self.costs.first_token = Some(self.submitted.elapsed());
        self.go_on(state, lane, prepared, end, next)
    }

    fn decode(
        &mut self,
        state: &mut WorkerState,
        lane: LaneId,
        prepared: Prepared,
        position: usize,
        pending: Token,
    ) -> Result<Step<ReplyPart>, Error> {
        if position >= state.context_tokens() {
            return self.go_on(
                state,
                lane,
                prepared,
                position,
                Ok(Next::Stop(StopReason::ContextFull)),
            );
        }
        let started = Instant::now();
        let computed = state
            .bring_in(lane)
            .and_then(|()| state.compute(lane, &[pending], position, Outputs::Last));
        if let Err(error) = computed {
            self.phase = Phase::Decode {
                prepared,
                position,
                pending,
            };
            return Err(error);
        }
        let markers = prepared.text.markers();
        self.output.computed(state.model(), markers, pending)?;
        let next = self.choose(state, 0);
        self.costs.decode += started.elapsed();
        self.go_on(state, lane, prepared, position + 1, next)
    }

    /// Chooses from the output at `index` and streams the token, which the constraint
    /// has taken by then.
    fn choose(&mut self, state: &mut WorkerState, index: usize) -> Result<Next, Error> {
        let logits = state.logits(index)?;
        let token = self.constraint.choose(&mut self.sampler, logits)?;
        self.sampler.observe(token)?;
        let complete = self.constraint.accept(token)?;
        if state.model().is_end_of_generation(token) {
            return Ok(Next::Stop(StopReason::EndOfTurn));
        }
        self.costs.generated += 1;
        if self.output.push(state.model(), token)? {
            return Ok(Next::Stop(StopReason::StopString));
        }
        if complete {
            return Ok(Next::Stop(StopReason::EndOfTurn));
        }
        if self.costs.generated >= self.max_tokens {
            return Ok(Next::Stop(StopReason::MaxTokens));
        }
        Ok(Next::Token(token))
    }

    fn go_on(
        &mut self,
        state: &mut WorkerState,
        lane: LaneId,
        prepared: Prepared,
        position: usize,
        next: Result<Next, Error>,
    ) -> Result<Step<ReplyPart>, Error> {
        match next? {
            Next::Token(pending) => {
                self.phase = Phase::Decode {
                    prepared,
                    position,
                    pending,
                };
                Ok(Step::More)
            }
            Next::Stop(reason) => {
                self.phase = Phase::Decode {
                    prepared,
                    position,
                    pending: -1,
                };
                let reply = self.end(state, lane, reason);
                Ok(Step::Done(ReplyPart::Done(reply)))
            }
        }
    }

    /// Keeps the turn and returns the reply.
    fn end(&mut self, state: &mut WorkerState, lane: LaneId, reason: StopReason) -> Reply {
        if reason != StopReason::StopString {
            self.output.flush();
        }
        let prepared = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Decode { prepared, .. } => {
                if let Some(text) = self.transcript(&prepared) {
                    state.set_text(lane, text);
                }
                Some(prepared)
            }
            Phase::Prefill { prepared, .. } => Some(prepared),
            Phase::Prepare | Phase::Ended => None,
        };
        let reply = self.reply(prepared.as_ref(), reason);
        let empty = reason == StopReason::Cancelled && reply.text.is_empty();
        if let Source::Chat { conversation, ask } = &self.source
            && ask.joins_history()
            && let Some(open) = prepared.and_then(|prepared| prepared.open_turn)
            && !empty
        {
            // Where somebody changed the history, the reply belongs to none.
            let _ = conversation.close_turn(open, &reply);
        }
        reply
    }

    /// Text of what was computed, if it stands for exactly these tokens.
    fn transcript(&self, prepared: &Prepared) -> Option<PromptText> {
        let reply = self.output.computed_text()?;
        match &self.source {
            Source::Chat { .. } => Some(prepared.text.with_reply(reply, "")),
            Source::Raw(_) => prepared.text.with_completion(reply),
        }
    }

    fn reply(&self, prepared: Option<&Prepared>, stop_reason: StopReason) -> Reply {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let prompt = prepared.map_or(0, |prepared| prepared.tokens.len());
        let computed = prompt.saturating_sub(self.costs.reused);
        let after_first = self.costs.generated.saturating_sub(1);
        let first = self
            .costs
            .first_token
            .unwrap_or_else(|| self.submitted.elapsed());
        Reply {
            origin: self.origin.clone(),
            text: self.output.text().to_owned(),
            stop_reason,
            prompt_tokens: count(prompt),
            reused_tokens: count(self.costs.reused),
            generated_tokens: self.costs.generated,
            dropped_messages: count(prepared.map_or(0, |prepared| prepared.dropped_messages)),
            time_to_first_token_ms: first.as_secs_f64() * 1000.0,
            prefill_tokens_per_s: rate(computed as f64, self.costs.prefill),
            decode_tokens_per_s: rate(f64::from(after_first), self.costs.decode),
        }
    }
}

impl Job for Generation {
    type Output = ReplyPart;

    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<ReplyPart>,
    ) -> Result<Step<ReplyPart>, Error> {
        let stepped = self.go_through(state, request);
        if let Some(text) = self.output.take_unsent() {
            request.send_part(ReplyPart::Text(text));
        }
        stepped
    }

    fn cancelled(
        &mut self,
        state: &mut WorkerState,
        request: &Request<ReplyPart>,
    ) -> Result<ReplyPart, Error> {
        let reply = self.end(state, request.lane, StopReason::Cancelled);
        if let Some(text) = self.output.take_unsent() {
            request.send_part(ReplyPart::Text(text));
        }
        Ok(ReplyPart::Done(reply))
    }
}

/// Index of the last token of a batch of `tokens`.
fn input_index(tokens: usize) -> usize {
    tokens.saturating_sub(1)
}

fn rate(tokens: f64, time: Duration) -> f64 {
    if time.is_zero() {
        0.0
    } else {
        tokens / time.as_secs_f64()
    }
}

/// llama.cpp's own order of stages.
fn stages(sampling: &Sampling, seed: u32) -> Vec<Stage> {
    let mut stages = Vec::new();
    if !sampling.logit_bias.is_empty() {
        stages.push(Stage::LogitBias(biases(sampling)));
    }
    let penalties = sampling.penalties;
    let penalized =
        penalties.repeat != 1.0 || penalties.frequency != 0.0 || penalties.presence != 0.0;
    if penalized && penalties.last_tokens > 0 {
        stages.push(Stage::Penalties {
            last_tokens: penalties.last_tokens,
            repeat: penalties.repeat,
            frequency: penalties.frequency,
            presence: penalties.presence,
        });
    }
    if sampling.temperature == 0.0 {
        stages.push(Stage::Greedy);
        return stages;
    }
    if sampling.top_k > 0 {
        stages.push(Stage::TopK(sampling.top_k));
    }
    if sampling.top_p < 1.0 {
        stages.push(Stage::TopP(sampling.top_p));
    }
    if sampling.min_p > 0.0 {
        stages.push(Stage::MinP(sampling.min_p));
    }
    stages.push(Stage::Temperature(sampling.temperature));
    stages.push(Stage::Distribution { seed });
    stages
}

/// One bias a token, within what a logit may be. An entry of −∞ forbids whatever others say.
fn biases(sampling: &Sampling) -> Vec<(Token, f32)> {
    let mut sums: BTreeMap<Token, f32> = BTreeMap::new();
    for &(token, bias) in &sampling.logit_bias {
        let sum = sums.entry(token).or_default();
        let forbidden = bias == f32::NEG_INFINITY || *sum == f32::NEG_INFINITY;
        *sum = if forbidden {
            f32::NEG_INFINITY
        } else {
            (*sum + bias.clamp(-LOGIT_MAX, LOGIT_MAX)).clamp(-LOGIT_MAX, LOGIT_MAX)
        };
    }
    sums.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use pocketune_llama::LOGIT_MAX;

    use super::biases;
    use crate::options::Sampling;

    #[test]
    fn biases_of_one_token_are_one_and_cannot_overflow() {
        let biases = |logit_bias: Vec<(i32, f32)>| {
            biases(&Sampling {
                logit_bias,
                ..Sampling::default()
            })
        };
        let none = f32::NEG_INFINITY;
        assert_eq!(
            biases(vec![(3, 1.0), (1, 2.0), (3, 0.5)]),
            [(1, 2.0), (3, 1.5)]
        );
        assert_eq!(biases(vec![(1, f32::MAX); 9]), [(1, LOGIT_MAX)]);
        assert_eq!(
            biases(vec![(1, f32::MIN), (2, 1.0)]),
            [(1, -LOGIT_MAX), (2, 1.0)]
        );
        assert_eq!(
            biases(vec![(1, 5.0), (1, none), (1, f32::MAX)]),
            [(1, none)]
        );
    }
}
