//! Several objectives in one run.
//!
//! Each sample goes to the objective that its labels name. With B samples in a batch, anchors
//! left out, of which n go to an objective, that objective's loss over its n samples counts
//! n/B: every sample has the same say, whatever it is. The anchor has its own weight beside
//! them, and every anchor of a batch has the same say.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::objective::{
    AnchorOptions, BatchFacts, DpoOptions, KtoOptions, Objective, ReplyWeight, Rewards,
    ScoredReply, SftOptions, Weighed, wanted_tokens,
};
use crate::sample::{Label, Sample};

/// The objectives of a run: at least one beside the anchor.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Objectives {
    /// Of demonstrations.
    pub sft: Option<SftOptions>,
    /// Of pairs, and of edits.
    pub dpo: Option<DpoOptions>,
    /// Of thumbs.
    pub kto: Option<KtoOptions>,
    /// Keeps the reference's own replies where they are.
    pub anchor: Option<AnchorOptions>,
}

impl Objectives {
    /// Supervised fine-tuning alone.
    #[must_use]
    pub fn sft() -> Self {
        Self {
            sft: Some(SftOptions::default()),
            ..Self::default()
        }
    }

    /// Direct preference optimisation alone.
    #[must_use]
    pub fn dpo(options: DpoOptions) -> Self {
        Self {
            dpo: Some(options),
            ..Self::default()
        }
    }

    /// Kahneman-Tversky optimisation alone.
    #[must_use]
    pub fn kto(options: KtoOptions) -> Self {
        Self {
            kto: Some(options),
            ..Self::default()
        }
    }

    /// Of these, the ones that the samples are learned by; the anchor stays.
    #[must_use]
    pub fn used_by(self, samples: &[Sample]) -> Self {
        let any = |objective: &dyn Objective| {
            let labels = |sample: &Sample| sample.labels().collect::<Vec<_>>();
            let mut samples = samples.iter();
            samples.any(|sample| objective.takes(&labels(sample)))
        };
        Self {
            sft: self.sft.filter(|it| any(it)),
            dpo: self.dpo.filter(|it| any(it)),
            kto: self.kto.filter(|it| any(it)),
            anchor: self.anchor,
        }
    }

    /// With KTO's weights by the numbers of thumbs up and down among the samples.
    #[must_use]
    pub fn balanced(mut self, samples: &[Sample]) -> Self {
        let count = |label| {
            let labels = samples.iter().flat_map(Sample::labels);
            labels.filter(|&it| it == label).count()
        };
        let (up, down) = (count(Label::Desirable), count(Label::Undesirable));
        self.kto = self.kto.map(|kto| kto.balanced(up, down));
        self
    }

    /// Short names, joined by `+`: `dpo`, `sft+kto`.
    #[must_use]
    pub fn name(&self) -> String {
        let named = [
            ("sft", self.sft.is_some()),
            ("dpo", self.dpo.is_some()),
            ("kto", self.kto.is_some()),
            ("anchor", self.anchor.is_some()),
        ];
        let there = named.into_iter().filter(|it| it.1).map(|it| it.0);
        there.collect::<Vec<_>>().join("+")
    }

    /// The objective of a sample with these labels; none of an anchor.
    #[must_use]
    pub fn of(&self, labels: &[Label]) -> Option<&dyn Objective> {
        self.all().find(|objective| objective.takes(labels))
    }

    pub(crate) fn needs_reference(&self) -> bool {
        self.all().any(Objective::needs_reference)
    }

    pub(crate) fn needs_kl_estimate(&self) -> bool {
        self.all().any(Objective::needs_kl_estimate)
    }

    fn all(&self) -> impl Iterator<Item = &dyn Objective> {
        let sft = self.sft.iter().map(|it| it as &dyn Objective);
        let dpo = self.dpo.iter().map(|it| it as &dyn Objective);
        let kto = self.kto.iter().map(|it| it as &dyn Objective);
        sft.chain(dpo).chain(kto)
    }

    /// Refuses constants outside their range, and a run without an objective.
    pub(crate) fn check_options(&self) -> Result<(), TrainError> {
        if self.sft.is_none() && self.dpo.is_none() && self.kto.is_none() {
            let (option, reason) = ("objectives", "needs one beside the anchor".to_owned());
            return Err(TrainError::Option { option, reason });
        }
        self.all().try_for_each(Objective::check_options)?;
        self.anchor.as_ref().map_or(Ok(()), AnchorOptions::check)
    }

    /// Refuses a sample that no objective can learn from.
    pub(crate) fn check<'s>(
        &self,
        samples: impl Iterator<Item = &'s Sample>,
    ) -> Result<(), TrainError> {
        for (index, sample) in samples.enumerate() {
            let labels: Vec<Label> = sample.labels().collect();
            let checked = match self.of(&labels) {
                None if self.anchor.is_some() && sample.is_anchor() => Ok(()),
                Some(objective) => objective.check(sample).map_err(str::to_owned),
                None => Err(format!(
                    "{} does not learn from {}",
                    self.name(),
                    described(&labels)
                )),
            };
            checked.map_err(|reason| TrainError::Sample { index, reason })?;
        }
        Ok(())
    }
}

/// What labels come to, for people.
fn described(labels: &[Label]) -> &'static str {
    match labels {
        [Label::Demonstration] => "a demonstration",
        [Label::Chosen, Label::Rejected] => "a pair",
        [Label::Desirable | Label::Undesirable] => "a thumb",
        [Label::Anchor] => "an ordinary reply",
        _ => "these replies",
    }
}

/// The objectives of a batch's samples, with what each must know of the whole batch.
pub(crate) struct Batch<'o> {
    parts: Vec<Part<'o>>,
    // Of each sample; none of an anchor.
    place: Vec<Option<usize>>,
    // Of each anchor.
    anchor_weight: f64,
}

struct Part<'o> {
    objective: &'o dyn Objective,
    facts: BatchFacts,
    // n/B.
    share: f64,
}

impl<'o> Batch<'o> {
    /// # Errors
    /// [`TrainError::Sample`] for one that no objective learns from.
    pub(crate) fn new(objectives: &'o Objectives, samples: &[&Sample]) -> Result<Self, TrainError> {
        objectives.check(samples.iter().copied())?;
        let mut parts: Vec<Part<'o>> = Vec::new();
        let mut place = Vec::with_capacity(samples.len());
        for sample in samples {
            let labels: Vec<Label> = sample.labels().collect();
            let taken = |part: &Part<'_>| part.objective.takes(&labels);
            let known = parts.iter().position(taken);
            let index = known.or_else(|| {
                parts.push(Part {
                    objective: objectives.of(&labels)?,
                    facts: BatchFacts::default(),
                    share: 1.0,
                });
                Some(parts.len() - 1)
            });
            if let Some(index) = index {
                parts[index].facts.samples += 1;
                parts[index].facts.wanted_tokens += wanted_tokens(sample);
            }
            place.push(index);
        }
        let learned = place.iter().flatten().count();
        for part in &mut parts {
            part.share = part.facts.samples as f64 / learned as f64;
        }
        let anchors = place.len() - learned;
        let weight = objectives.anchor.map_or(0.0, |anchor| anchor.weight);
        Ok(Self {
            parts,
            place,
            anchor_weight: weight / anchors.max(1) as f64,
        })
    }

    /// Samples that are learned from, and anchors.
    pub(crate) fn learned_and_anchors(&self) -> [Vec<usize>; 2] {
        (0..self.place.len())
            .partition(|&sample| self.place[sample].is_some())
            .into()
    }

    /// Slopes of the loss against KL at the tokens of an anchor.
    pub(crate) fn anchor_weight(&self, anchor: &Sample) -> ReplyWeight {
        ReplyWeight::of(self.anchor_weight / anchor.learned().max(1) as f64)
    }

    /// Whether the sample's objective needs log-probabilities under the reference.
    pub(crate) fn needs_reference(&self, sample: usize) -> bool {
        let part = self.part(sample);
        part.is_some_and(|part| part.objective.needs_reference())
    }

    /// Samples whose objective needs an estimate of KL.
    pub(crate) fn needing_kl_estimate(&self) -> Vec<usize> {
        let part = |&sample: &usize| self.part(sample);
        let needs =
            |sample: &usize| part(sample).is_some_and(|it| it.objective.needs_kl_estimate());
        (0..self.place.len()).filter(needs).collect()
    }

    /// Gives the estimate to those objectives that need it.
    pub(crate) fn set_kl_estimate(&mut self, estimate: f64) {
        for part in &mut self.parts {
            if part.objective.needs_kl_estimate() {
                part.facts.kl_estimate = estimate;
            }
        }
    }

    /// A weight for each reply of these samples, where none depends on log-probabilities.
    pub(crate) fn weigh_ahead(
        &self,
        samples: impl Iterator<Item = (usize, usize)>,
    ) -> Option<Vec<ReplyWeight>> {
        let mut all = Vec::new();
        for (sample, replies) in samples {
            let Part {
                objective,
                facts,
                share,
            } = self.part(sample)?;
            let weights = objective.weigh_ahead(facts, replies)?;
            all.extend(weights.into_iter().map(|weight| weight.scaled(*share)));
        }
        Some(all)
    }

    /// The sample's share of the loss and its slopes; what was judged goes to `rewards`.
    pub(crate) fn weigh(
        &self,
        sample: usize,
        replies: &[ScoredReply],
        rewards: &mut Rewards,
    ) -> Weighed {
        let Some(part) = self.part(sample) else {
            return Weighed::default();
        };
        let mut weighed = part.objective.weigh(&part.facts, replies);
        weighed.loss *= part.share;
        for weight in &mut weighed.weights {
            *weight = weight.scaled(part.share);
        }
        if let Some(beta) = part.objective.beta() {
            rewards.add(beta, replies);
        }
        weighed
    }

    fn part(&self, sample: usize) -> Option<&Part<'o>> {
        self.place[sample].map(|place| &self.parts[place])
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Objectives};
    use crate::objective::{
        AnchorOptions, DpoOptions, KtoLoss, KtoOptions, Rewards, ScoredReply, SftOptions,
    };
    use crate::sample::Sample;

    fn scored(sample: &Sample, policy: f64) -> Vec<ScoredReply> {
        let replies = sample.replies.iter();
        replies
            .map(|reply| ScoredReply {
                label: reply.label,
                tokens: reply.learned(),
                policy: policy * reply.tokens.len() as f64,
                policy_end: policy,
                reference: -3.0,
            })
            .collect()
    }

    fn loss(objectives: &Objectives, samples: &[&Sample]) -> f64 {
        let batch = Batch::new(objectives, samples).unwrap();
        let losses = samples.iter().enumerate().map(|(index, sample)| {
            let replies = scored(sample, -1.5);
            batch.weigh(index, &replies, &mut Rewards::default()).loss
        });
        losses.sum()
    }

    /// The rule of mixed runs: each objective's own loss, by its share of the samples.
    #[test]
    fn every_sample_has_the_same_say() {
        let all = Objectives {
            sft: Some(SftOptions::default()),
            dpo: Some(DpoOptions::default()),
            kto: Some(KtoOptions {
                loss: KtoLoss::ApoZeroUnpaired,
                ..KtoOptions::default()
            }),
            anchor: Some(AnchorOptions {
                weight: 0.5,
                samples: 1,
            }),
        };
        let text = Sample::demonstration(vec![1], vec![2, 3, 4]);
        let pair = Sample::pair(vec![1], vec![2, 3], vec![4]);
        let up = Sample::thumb(vec![1], vec![2, 3], true);
        let down = Sample::thumb(vec![1], vec![4, 5, 6], false);
        let ordinary = Sample::ordinary(vec![1], vec![2, 3]);
        let mixed = loss(&all, &[&text, &pair, &up, &down, &ordinary]);
        let apart = 0.25 * loss(&all, &[&text])
            + 0.25 * loss(&all, &[&pair])
            + 0.5 * loss(&all, &[&up, &down]);
        assert!((mixed - apart).abs() < 1e-12, "{mixed} {apart}");
        assert_eq!(all.name(), "sft+dpo+kto+anchor");
        let longer = Sample::ordinary(vec![1], vec![2, 3, 4]);
        let batch = Batch::new(&all, &[&text, &ordinary, &pair, &longer]).unwrap();
        assert_eq!(batch.learned_and_anchors(), [vec![0, 2], vec![1, 3]]);
        for anchor in [&ordinary, &longer] {
            let weight = batch.anchor_weight(anchor).each * anchor.learned() as f64;
            assert!((weight - 0.25).abs() < 1e-12, "{weight}");
        }
    }

    #[test]
    fn what_no_objective_learns_from_is_named() {
        let pair = Sample::pair(vec![1], vec![2], vec![3]);
        let error = Objectives::sft().check([&pair].into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sample 0: sft does not learn from a pair"
        );
    }
}
