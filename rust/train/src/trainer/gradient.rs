//! The gradient of one batch, pack by pack.

use pocketune_kernels::Control;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::error::TrainError;
use crate::objective::{Batch, Rewards, ScoredReply};
use crate::pack::Pack;
use crate::pass::{Dropout, Pass, TargetWeights};
use crate::sample::{Label, Sample};
use crate::source::Drawn;
use crate::trainer::network::Side;
use crate::trainer::{MicroStep, StepReport, Trainer};

/// What a batch came to, beside its gradient.
pub(super) struct BatchGradient {
    pub(super) report: StepReport,
    /// New log-probabilities under the reference, with the number that each is kept under.
    pub(super) references: Vec<(usize, Vec<f64>)>,
}

impl Trainer<'_> {
    /// The next step's batch.
    pub(super) fn draw(&mut self, control: &Control) -> Result<Vec<Drawn>, TrainError> {
        let step = self.history.len() as u64;
        let policy = self.network.adapted(Side::Policy, control);
        let batch = self.source.draw(step, policy)?;
        for (index, drawn) in batch.iter().enumerate() {
            self.check(drawn).map_err(|reason| TrainError::Sample {
                index: drawn.again.unwrap_or(index),
                reason: reason.to_owned(),
            })?;
        }
        Ok(batch)
    }

    /// What a step relies on: the plan is made for what the source declared.
    fn check(&self, drawn: &Drawn) -> Result<(), &'static str> {
        drawn.sample.check(self.network.model.vocabulary())?;
        let size = Pack::new(&drawn.sample).size();
        let declared = self.largest_sample;
        if size.tokens > declared.tokens || size.targets > declared.targets {
            return Err("larger than its source declared");
        }
        match drawn.again {
            Some(number) if number >= self.references.len() => Err("its number was not declared"),
            _ => Ok(()),
        }
    }

    /// The batch's loss, and its gradient in place of what `gradient` held.
    pub(super) fn batch_gradient(
        &self,
        drawn: &[Drawn],
        gradient: &mut [f32],
        control: &Control,
        progress: &mut dyn FnMut(MicroStep),
    ) -> Result<BatchGradient, TrainError> {
        gradient.fill(0.0);
        let samples: Vec<&Sample> = drawn.iter().map(|it| it.sample.as_ref()).collect();
        let mut batch = Batch::new(&self.options.objectives, &samples)?;
        let mut rewards = Rewards::default();
        self.estimate_kl(&samples, &mut batch, &mut rewards, control)?;
        let mut made = BatchGradient {
            report: self.begun(),
            references: Vec::new(),
        };
        let mut wanted = Wanted::default();
        let [learned, anchors] = batch.learned_and_anchors();
        let mut done = 0;
        let mut advance = |made: &mut BatchGradient, pack: &Pack, samples_done: usize| {
            done += samples_done;
            made.report.tokens += pack.tokens().len() as u64;
            progress(MicroStep {
                step: made.report.step,
                samples: done,
                batch: samples.len(),
            });
        };
        for (number, group) in learned.chunks(self.network.plan.pack_samples).enumerate() {
            let packed: Vec<&Sample> = group.iter().map(|&index| samples[index]).collect();
            let pack = Pack::of(&packed);
            let mut adapted = self.network.adapted(Side::Policy, control);
            adapted.dropout = self.dropout(number);
            let replies = group.iter().map(|&it| (it, samples[it].replies.len()));
            if let Some(weights) = batch.weigh_ahead(replies) {
                let spread = pack.spread(&weights);
                let pass = Pass::forward(adapted, &pack)?;
                let logps = pass.backward(TargetWeights::Known(&spread), gradient)?;
                let sums = pack.sums(&logps);
                let terms = weights.iter().zip(&sums).zip(pack.ends(&logps));
                let losses = terms.map(|((weight, sum), end)| weight.each * sum + weight.end * end);
                made.report.loss -= losses.sum::<f64>();
                wanted.add_all(&packed, &sums);
            } else {
                let references = self.references_of(drawn, group, &batch, control)?;
                let mut weigh = |logps: &[f32]| {
                    let sums = pack.sums(logps);
                    wanted.add_all(&packed, &sums);
                    let mut scores = scores(&pack, logps);
                    let mut weights = Vec::new();
                    for ((&index, sample), reference) in group.iter().zip(&packed).zip(&references)
                    {
                        let replies = scored(sample, &mut scores, reference);
                        let weighed = batch.weigh(index, &replies, &mut rewards);
                        made.report.loss += weighed.loss;
                        weights.extend(weighed.weights);
                    }
                    pack.spread(&weights)
                };
                let pass = Pass::forward(adapted, &pack)?;
                pass.backward(TargetWeights::From(&mut weigh), gradient)?;
                let known = group.iter().zip(references).filter(|it| !it.1.is_empty());
                let kept = known.filter_map(|(&index, it)| Some((drawn[index].again?, it)));
                made.references.extend(kept);
            }
            advance(&mut made, &pack, group.len());
        }
        for group in anchors.chunks(self.network.plan.pack_samples) {
            let packed: Vec<&Sample> = group.iter().map(|&index| samples[index]).collect();
            let pack = Pack::of(&packed);
            let weights: Vec<_> = packed.iter().map(|it| batch.anchor_weight(it)).collect();
            let weights = pack.spread(&weights);
            made.report.loss += self.anchor_gradient(&pack, &weights, gradient, control)?;
            advance(&mut made, &pack, group.len());
        }
        made.report.wanted_nll = wanted.mean();
        made.report.rewards = rewards.metrics();
        Ok(made)
    }

    /// The loss of anchors; its gradient is added to `gradient`.
    fn anchor_gradient(
        &self,
        pack: &Pack,
        weights: &[f32],
        gradient: &mut [f32],
        control: &Control,
    ) -> Result<f64, TrainError> {
        // Nothing has moved: no loss, and no slope.
        if self.network.is_reference() {
            return Ok(0.0);
        }
        let reference = self.network.adapted(Side::Reference, control);
        let reference = Pass::infer(reference, pack)?.hidden();
        let policy = Pass::forward(self.network.adapted(Side::Policy, control), pack)?;
        let kl = policy.backward_toward(&reference, weights, gradient)?;
        let losses = kl.iter().zip(weights);
        Ok(losses.map(|(&kl, &weight)| f64::from(kl * weight)).sum())
    }

    /// Log-probabilities of each sample's replies under the reference; none for a sample
    /// whose objective needs none.
    fn references_of(
        &self,
        drawn: &[Drawn],
        group: &[usize],
        batch: &Batch<'_>,
        control: &Control,
    ) -> Result<Vec<Vec<f64>>, TrainError> {
        let kept = |index: usize| self.references[drawn[index].again?].clone();
        let needed: Vec<usize> = group
            .iter()
            .copied()
            .filter(|&index| batch.needs_reference(index) && kept(index).is_none())
            .collect();
        let samples: Vec<&Sample> = needed.iter().map(|&it| drawn[it].sample.as_ref()).collect();
        let mut new = match samples.is_empty() {
            true => Vec::new(),
            false => self.score(&samples, Side::Reference, control)?,
        }
        .into_iter()
        .map(whole);
        let all = group.iter().map(|&index| match kept(index) {
            Some(reference) => reference,
            None if batch.needs_reference(index) => new.next().unwrap_or_default(),
            None => Vec::new(),
        });
        Ok(all.collect())
    }

    /// KTO's estimate of KL(policy‖reference): the mean log-ratio of each prompt with the reply
    /// to the one before, at least 0, as TRL takes it over a batch.
    pub(super) fn estimate_kl(
        &self,
        samples: &[&Sample],
        batch: &mut Batch<'_>,
        rewards: &mut Rewards,
        control: &Control,
    ) -> Result<(), TrainError> {
        let needing = batch.needing_kl_estimate();
        if needing.is_empty() {
            return Ok(());
        }
        let mut estimate = 0.0;
        // With a single sample there is no reply to another prompt.
        if needing.len() > 1 && !self.network.is_reference() {
            let last = needing.len() - 1;
            let before = needing[last..].iter().chain(&needing[..last]);
            let mismatched: Vec<Sample> = needing
                .iter()
                .zip(before)
                .map(|(&prompt, &reply)| Sample {
                    prompt: samples[prompt].prompt.clone(),
                    replies: samples[reply].replies.clone(),
                })
                .collect();
            let mean = |side| -> Result<f64, TrainError> {
                let scores = self.score_all(&mismatched, side, control)?;
                let sums = scores.into_iter().flat_map(whole);
                Ok(sums.sum::<f64>() / mismatched.len() as f64)
            };
            estimate = (mean(Side::Policy)? - mean(Side::Reference)?).max(0.0);
        }
        batch.set_kl_estimate(estimate);
        rewards.kl_estimate = Some(estimate);
        Ok(())
    }

    /// Log-probabilities of each sample's replies, and of their last tokens, in packs as large
    /// as the plan allows.
    pub(super) fn score_all(
        &self,
        samples: &[Sample],
        side: Side,
        control: &Control,
    ) -> Result<Vec<Vec<Score>>, TrainError> {
        let mut all = Vec::with_capacity(samples.len());
        for group in self.groups(samples) {
            let samples: Vec<&Sample> = samples[group].iter().collect();
            all.extend(self.score(&samples, side, control)?);
        }
        Ok(all)
    }

    /// The same, as one pack.
    fn score(
        &self,
        samples: &[&Sample],
        side: Side,
        control: &Control,
    ) -> Result<Vec<Vec<Score>>, TrainError> {
        let pack = Pack::of(samples);
        let logps = Pass::infer(self.network.adapted(side, control), &pack)?.log_probabilities()?;
        let mut scores = scores(&pack, &logps);
        let of = |sample: &&Sample| scores.by_ref().take(sample.replies.len()).collect();
        Ok(samples.iter().map(of).collect())
    }

    fn dropout(&self, group: usize) -> Option<Dropout> {
        let mut random = ChaCha8Rng::seed_from_u64(self.options.seed);
        random.set_stream(u64::MAX - ((self.history.len() as u64) << 16 | group as u64));
        (self.options.dropout > 0.0).then(|| Dropout {
            rate: self.options.dropout,
            seed: random.next_u64(),
        })
    }

    /// The next step's report, before anything is known.
    fn begun(&self) -> StepReport {
        let options = &self.options;
        let step = self.history.len() as u64;
        let factor = options
            .schedule
            .factor(step, options.warm_up, options.steps);
        StepReport {
            step: step + 1,
            loss: 0.0,
            wanted_nll: None,
            gradient_norm: 0.0,
            learning_rate: options.learning_rate * factor,
            tokens: 0,
            rewards: None,
        }
    }
}

/// Log-probabilities of a reply, in nats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    /// Of all its tokens that are learned.
    whole: f64,
    /// Of the last token alone.
    end: f64,
}

/// The score of each reply of a pack.
fn scores(pack: &Pack, logps: &[f32]) -> impl Iterator<Item = Score> {
    let both = pack.sums(logps).into_iter().zip(pack.ends(logps));
    both.map(|(whole, end)| Score { whole, end })
}

/// A sample's replies with their scores; without a reference where none is needed.
pub(super) fn scored(
    sample: &Sample,
    scores: &mut impl Iterator<Item = Score>,
    reference: &[f64],
) -> Vec<ScoredReply> {
    let references = reference.iter().copied().chain(std::iter::repeat(0.0));
    sample
        .replies
        .iter()
        .zip(scores)
        .zip(references)
        .map(|((reply, score), reference)| ScoredReply {
            label: reply.label,
            tokens: reply.learned(),
            policy: score.whole,
            policy_end: score.end,
            reference,
        })
        .collect()
}

/// Log-probabilities of whole replies alone.
pub(super) fn whole(scores: Vec<Score>) -> Vec<f64> {
    scores.into_iter().map(|score| score.whole).collect()
}

/// How likely the replies are that are to become likelier.
#[derive(Default)]
struct Wanted {
    nats: f64,
    tokens: usize,
}

impl Wanted {
    fn add_all(&mut self, samples: &[&Sample], sums: &[f64]) {
        let replies = samples.iter().flat_map(|sample| &sample.replies);
        for (reply, sum) in replies.zip(sums) {
            if reply.label.is_wanted() && reply.label != Label::Anchor {
                self.nats -= sum;
                self.tokens += reply.learned();
            }
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.nats / self.tokens as f64)
    }
}
