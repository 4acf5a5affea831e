//! How far replies to ordinary prompts have moved.

use std::ops::Range;

use pocketune_base::Digest;
use pocketune_kernels::{Control, Panels};

use crate::error::TrainError;
use crate::model::Model;
use crate::pack::Pack;
use crate::pass::Pass;
use crate::sample::{Sample, check_all};
use crate::trainer::Trainer;
use crate::trainer::network::Side;

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
    /// Samples; what counts is the replies.
    ///
    /// # Errors
    /// [`TrainError::Sample`] for what cannot be computed.
    pub fn new(model: &Model, samples: Vec<Sample>) -> Result<Self, TrainError> {
        check_all(&samples, model.vocabulary())?;
        Ok(Self {
            samples,
            references: Vec::new(),
        })
    }

    /// Bytes that it keeps from its first use on.
    #[must_use]
    pub fn bytes(&self, model: &Model) -> u64 {
        let targets: usize = self.samples.iter().map(Sample::learned).sum();
        let width = model.architecture().sizes().width;
        let padding = 16 * self.samples.len();
        Panels::bytes_of(targets + padding, width) as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of_parts(self.samples.iter().map(Sample::to_bytes))
    }
}

impl Trainer<'_> {
    /// The probe's figure under the adapter as it is now.
    pub(super) fn probed(&self, probe: &mut KlProbe, control: &Control) -> Result<f64, TrainError> {
        if self.network.is_reference() || probe.samples.is_empty() {
            return Ok(0.0);
        }
        if probe.references.is_empty() {
            let mut references = Vec::new();
            for group in self.groups(&probe.samples) {
                let samples: Vec<&Sample> = probe.samples[group].iter().collect();
                let pack = Pack::of(&samples);
                let reference = self.network.adapted(Side::Reference, control);
                let hidden = Pass::infer(reference, &pack)?.hidden();
                references.push((pack, hidden));
            }
            // All or none: a measurement may be cancelled in the middle.
            probe.references = references;
        }
        let (mut sum, mut count) = (0.0, 0);
        for (pack, reference) in &probe.references {
            let policy = self.network.adapted(Side::Policy, control);
            let kl = Pass::infer(policy, pack)?.kl_divergence(reference)?;
            sum += kl.iter().map(|&kl| f64::from(kl)).sum::<f64>();
            count += kl.len();
        }
        Ok(sum / count.max(1) as f64)
    }

    /// Neighbouring samples that fit the plan's packs together.
    pub(super) fn groups(&self, samples: &[Sample]) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut tokens = 0;
        for (index, sample) in samples.iter().enumerate() {
            let own = Pack::new(sample).size().tokens;
            tokens += own;
            match groups.last_mut() {
                Some(group) if tokens <= self.largest_pack.tokens => group.end = index + 1,
                _ => {
                    groups.push(index..index + 1);
                    tokens = own;
                }
            }
        }
        groups
    }
}
