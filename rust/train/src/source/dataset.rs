//! Samples that are all there from the beginning.

use std::ops::Range;
use std::sync::Arc;

use pocketune_base::Digest;

use crate::error::TrainError;
use crate::objective::Objectives;
use crate::pack::{Pack, PackSize};
use crate::pass::AdaptedModel;
use crate::sample::{Label, Sample, check_all};
use crate::source::order::stratified;
use crate::source::{Drawn, MeanBatch, SampleSource};

/// Samples in epochs: each epoch has an order of its own, in which every batch holds about the
/// same share of each label.
#[derive(Debug, Clone)]
pub struct Dataset {
    samples: Vec<Arc<Sample>>,
    sizes: Vec<PackSize>,
    groups: Vec<Group>,
    seed: u64,
}

/// Samples of which each batch holds a certain number.
#[derive(Debug, Clone)]
struct Group {
    samples: Range<usize>,
    a_batch: usize,
    strata: Vec<Vec<usize>>,
}

impl Dataset {
    /// Batches of so many samples, in an order that the seed determines.
    #[must_use]
    pub fn new(samples: Vec<Sample>, a_batch: usize, seed: u64) -> Self {
        let empty = Self {
            samples: Vec::new(),
            sizes: Vec::new(),
            groups: Vec::new(),
            seed,
        };
        empty.beside(samples, a_batch)
    }

    /// With so many of other samples in each batch as well: ordinary replies of an anchor, or
    /// what was learned from earlier. Nothing changes where there is none.
    #[must_use]
    pub fn beside(mut self, samples: Vec<Sample>, a_batch: usize) -> Self {
        if samples.is_empty() || a_batch == 0 {
            return self;
        }
        let first = self.samples.len();
        self.sizes
            .extend(samples.iter().map(|sample| Pack::new(sample).size()));
        self.samples.extend(samples.into_iter().map(Arc::new));
        let all = first..self.samples.len();
        let mut strata: Vec<(Vec<Label>, Vec<usize>)> = Vec::new();
        for index in all.clone() {
            let labels: Vec<Label> = self.samples[index].labels().collect();
            match strata.iter_mut().find(|stratum| stratum.0 == labels) {
                Some(stratum) => stratum.1.push(index),
                None => strata.push((labels, vec![index])),
            }
        }
        self.groups.push(Group {
            samples: all,
            a_batch,
            strata: strata.into_iter().map(|stratum| stratum.1).collect(),
        });
        self
    }

    /// All samples, group after group.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter().map(AsRef::as_ref)
    }
}

impl Group {
    fn len(&self) -> usize {
        self.samples.len()
    }

    /// How often a batch may hold the same sample: it may end an epoch and begin others.
    fn copies(&self) -> usize {
        let (a_batch, count) = (self.a_batch, self.len());
        match a_batch.is_multiple_of(count) || count.is_multiple_of(a_batch) {
            true => a_batch.div_ceil(count),
            // One at the end of an epoch, one at the beginning of another, and those between.
            false => (a_batch - 2) / count + 2,
        }
    }

    fn draw(&self, step: u64, seed: u64) -> Vec<usize> {
        let (count, a_batch) = (self.len() as u64, self.a_batch as u64);
        let first = step * a_batch;
        let mut epoch = (u64::MAX, Vec::new());
        (first..first + a_batch)
            .map(|position| {
                let number = position / count;
                if epoch.0 != number {
                    epoch = (number, stratified(&self.strata, seed, number));
                }
                epoch.1[(position % count) as usize]
            })
            .collect()
    }
}

impl SampleSource for Dataset {
    fn check(&self, objectives: &Objectives, vocabulary: usize) -> Result<(), TrainError> {
        let refuse = |option, reason: &str| {
            let reason = reason.to_owned();
            Err(TrainError::Option { option, reason })
        };
        if self.samples().all(Sample::is_anchor) {
            return refuse("data and batch", "must hold a sample");
        }
        if objectives.anchor.is_some() && !self.samples().any(Sample::is_anchor) {
            return refuse("anchor_weight", "needs ordinary replies");
        }
        check_all(self.samples(), vocabulary)?;
        objectives.check(self.samples())
    }

    fn largest_packs(&self) -> Vec<PackSize> {
        let shared = Sample::shared_prompt(self.samples());
        let largest = |of: fn(&PackSize) -> usize| -> Vec<usize> {
            let groups = self.groups.iter().flat_map(|group| {
                let sizes = self.sizes[group.samples.clone()].iter().map(of);
                let mut sizes: Vec<usize> = sizes
                    .flat_map(|size| std::iter::repeat_n(size, group.copies()))
                    .collect();
                sizes.sort_unstable_by(|a, b| b.cmp(a));
                sizes.truncate(group.a_batch);
                sizes
            });
            let mut all: Vec<usize> = groups.collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all
        };
        let (tokens, targets) = (largest(|it| it.tokens), largest(|it| it.targets));
        (1..=tokens.len())
            .map(|count| PackSize {
                tokens: tokens[..count].iter().sum::<usize>() - (count - 1) * shared,
                targets: targets[..count].iter().sum(),
            })
            .collect()
    }

    fn mean(&self) -> MeanBatch {
        let tokens = self.groups.iter().map(|group| {
            let sizes = &self.sizes[group.samples.clone()];
            let tokens: usize = sizes.iter().map(|size| size.tokens).sum();
            tokens as f64 / group.len() as f64 * group.a_batch as f64
        });
        MeanBatch {
            samples: self.groups.iter().map(|group| group.a_batch as f64).sum(),
            tokens: tokens.sum(),
        }
    }

    fn kept_references(&self) -> usize {
        self.samples.len()
    }

    fn digest(&self) -> Digest {
        let groups = self.groups.iter().flat_map(|group| {
            let Range { start, end } = group.samples;
            [start, end, group.a_batch].map(|number| number as u64)
        });
        let layout: Vec<u8> = groups
            .chain([self.seed])
            .flat_map(u64::to_le_bytes)
            .collect();
        let samples = self.samples().map(Sample::to_bytes);
        Digest::of_parts(samples.chain([layout]))
    }

    fn draw(&mut self, step: u64, _policy: AdaptedModel<'_>) -> Result<Vec<Drawn>, TrainError> {
        let groups = self.groups.iter();
        let indices = groups.flat_map(|group| group.draw(step, self.seed));
        Ok(indices
            .map(|index| Drawn {
                sample: Arc::clone(&self.samples[index]),
                again: Some(index),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Dataset;
    use crate::pack::Pack;
    use crate::sample::Sample;
    use crate::source::SampleSource;

    fn texts(lengths: &[usize]) -> Vec<Sample> {
        let text = |&length: &usize| Sample::demonstration(vec![1], vec![2; length]);
        lengths.iter().map(text).collect()
    }

    fn indices(dataset: &Dataset, step: u64) -> Vec<usize> {
        let groups = dataset.groups.iter();
        groups
            .flat_map(|group| group.draw(step, dataset.seed))
            .collect()
    }

    #[test]
    fn every_epoch_is_an_order_of_all() {
        let dataset = Dataset::new(texts(&[1, 2, 3, 4, 5, 6]), 4, 9);
        let drawn: Vec<usize> = (0..3).flat_map(|step| indices(&dataset, step)).collect();
        for epoch in drawn.chunks(6) {
            assert_eq!(epoch.iter().collect::<HashSet<_>>().len(), 6, "{drawn:?}");
        }
        assert_ne!(drawn[..6], drawn[6..]);
    }

    /// A batch across two epochs can hold the longest sample twice.
    #[test]
    fn no_batch_is_larger_than_was_declared() {
        for (lengths, a_batch) in [
            (&[3, 30, 4][..], 2),
            (&[3, 30, 4], 7),
            (&[3, 30, 4], 3),
            (&[9], 4),
            (&[5, 1, 2, 8, 40], 4),
        ] {
            let anchors = texts(&[12, 2]);
            let dataset = Dataset::new(texts(lengths), a_batch, 3).beside(anchors, 1);
            let declared = dataset.largest_packs();
            assert_eq!(declared.len(), a_batch + 1);
            let mut most = 0;
            for step in 0..4_000 {
                let drawn = indices(&dataset, step);
                let samples: Vec<&Sample> = drawn.iter().map(|&it| &*dataset.samples[it]).collect();
                for count in 1..=samples.len() {
                    for pack in samples.chunks(count) {
                        let size = Pack::of(pack).size();
                        let declared = declared[pack.len() - 1];
                        assert!(size.tokens <= declared.tokens, "{lengths:?} {a_batch}");
                        assert!(size.targets <= declared.targets);
                    }
                }
                most = most.max(Pack::of(&samples).size().tokens);
            }
            assert_eq!(most, declared[a_batch].tokens, "{lengths:?} {a_batch}");
        }
    }

    #[test]
    fn what_determines_the_batches_is_in_the_digest() {
        let dataset =
            |lengths: &[usize], a_batch, seed| Dataset::new(texts(lengths), a_batch, seed).digest();
        let all = [
            dataset(&[1, 2], 2, 1),
            dataset(&[2, 1], 2, 1),
            dataset(&[1, 2], 1, 1),
            dataset(&[1, 2], 2, 2),
            Dataset::new(texts(&[1]), 2, 1)
                .beside(texts(&[2]), 1)
                .digest(),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
