//! What is measured beside training: held-out pairs, and how far replies to ordinary
//! prompts have moved.

use std::ops::Range;

use pocketune_kernels::{Control, Panels};

use crate::error::TrainError;
use crate::model::Model;
use crate::objective::{DpoOptions, PairMetrics, Reference};
use crate::pack::{Pack, Sample};
use crate::pass::Pass;
use crate::trainer::Trainer;

/// Pairs that training does not see. Their reference is computed once.
#[derive(Debug, Clone)]
pub struct HeldOut {
    options: DpoOptions,
    samples: Vec<Sample>,
    references: Vec<Reference>,
}

impl HeldOut {
    /// Pairs, to be judged by these constants.
    ///
    /// # Errors
    /// [`TrainError::Sample`] for what is no pair, or cannot be computed.
    pub fn new(
        model: &Model,
        options: DpoOptions,
        samples: Vec<Sample>,
    ) -> Result<Self, TrainError> {
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, model.vocabulary())?;
            if !matches!(sample, Sample::Pair { .. }) {
                return Err(TrainError::Sample {
                    index,
                    reason: "it is no pair".to_owned(),
                });
            }
        }
        Ok(Self {
            options,
            samples,
            references: Vec::new(),
        })
    }
}

/// Ordinary prompts with the reference's own replies: the mean of the exact
/// KL(policy‖reference) over the vocabulary at every token of the replies says how
/// far training has moved the model where nobody asked it to.
#[derive(Debug, Clone)]
pub struct KlProbe {
    samples: Vec<Sample>,
    // Packs, with the reference's hidden states at their targets.
    references: Vec<(Pack, Panels)>,
}

impl KlProbe {
    /// Texts; what counts is the reply of each.
    ///
    /// # Errors
    /// [`TrainError::Sample`] for what is no text, or cannot be computed.
    pub fn new(model: &Model, samples: Vec<Sample>) -> Result<Self, TrainError> {
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, model.vocabulary())?;
            if !matches!(sample, Sample::Text { .. }) {
                return Err(TrainError::Sample {
                    index,
                    reason: "it is a pair, not a text".to_owned(),
                });
            }
        }
        Ok(Self {
            samples,
            references: Vec::new(),
        })
    }

    /// Bytes that it keeps from its first use on.
    #[must_use]
    pub fn bytes(&self, model: &Model) -> u64 {
        let targets: usize = self.samples.iter().map(Sample::targets).sum();
        let width = model.architecture().sizes().width;
        let padding = 16 * self.samples.len();
        Panels::bytes_of(targets + padding, width) as u64
    }
}

impl Trainer<'_> {
    /// Means over held-out pairs under the adapter as it is now.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], [`TrainError::Sample`] when there are none.
    pub fn judge(
        &self,
        heldout: &mut HeldOut,
        control: &Control,
    ) -> Result<PairMetrics, TrainError> {
        let groups = self.groups(&heldout.samples);
        let score = |trained| -> Result<Vec<Reference>, TrainError> {
            let mut all = Vec::new();
            for group in &groups {
                let samples: Vec<&Sample> = heldout.samples[group.clone()].iter().collect();
                all.extend(self.score(&Pack::of(&samples), trained, control)?);
            }
            Ok(all)
        };
        if heldout.references.is_empty() {
            heldout.references = score(false)?;
        }
        // An adapter that changes nothing is the reference, to the last bit.
        let policy = match self.lora.changes_nothing() {
            true => heldout.references.clone(),
            false => score(true)?,
        };
        let pairs = heldout.samples.iter().zip(&policy);
        let metrics: Vec<PairMetrics> = pairs
            .zip(&heldout.references)
            .map(|((sample, &policy), &reference)| heldout.options.judge(sample, policy, reference))
            .collect();
        PairMetrics::mean(&metrics).ok_or(TrainError::Sample {
            index: 0,
            reason: "there are no held-out pairs".to_owned(),
        })
    }

    /// KL(policy‖reference) in nats a token on the probe's replies, under the adapter as
    /// it is now. The reference's states are kept from the first call on.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`].
    pub fn kl(&self, probe: &mut KlProbe, control: &Control) -> Result<f64, TrainError> {
        if self.lora.changes_nothing() {
            return Ok(0.0);
        }
        if probe.references.is_empty() {
            for group in self.groups(&probe.samples) {
                let samples: Vec<&Sample> = probe.samples[group].iter().collect();
                let pack = Pack::of(&samples);
                let hidden = Pass::infer(self.adapted(false, control), &pack)?.hidden();
                probe.references.push((pack, hidden));
            }
        }
        let (mut sum, mut count) = (0.0, 0);
        for (pack, reference) in &probe.references {
            let pass = Pass::infer(self.adapted(true, control), pack)?;
            let kl = pass.kl_divergence(reference)?;
            sum += kl.iter().map(|&kl| f64::from(kl)).sum::<f64>();
            count += kl.len();
        }
        Ok(sum / count.max(1) as f64)
    }

    /// Neighbouring samples that fit the plan's packs together.
    fn groups(&self, samples: &[Sample]) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut tokens = 0;
        for (index, sample) in samples.iter().enumerate() {
            tokens += sample.tokens();
            match groups.last_mut() {
                Some(group) if tokens <= self.pack_tokens => group.end = index + 1,
                _ => {
                    groups.push(index..index + 1);
                    tokens = sample.tokens();
                }
            }
        }
        groups
    }
}
