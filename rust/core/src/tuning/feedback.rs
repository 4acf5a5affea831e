//! From what users said of replies to samples that can be learned from.
//!
//! | there are | learned by |
//! |---|---|
//! | pairs, edits | DPO |
//! | thumbs up and down | KTO, both labels with the same say |
//! | thumbs up alone | SFT on the liked replies |
//! | thumbs down alone | DPO, over the best of some sampled replies in critics' eyes |
//!
//! Whatever there is of these is learned in one run, in which every sample has the same say. An
//! anchor beside it keeps replies to requests for a certain form as they are.

use pocketune_train::{Label, Objectives, Sample};

use super::encoding::{Disliked, EncodedDataset, SampleCounts};
use crate::error::{DatasetError, RecordFault};

/// Fewer samples teach nothing that would be more than chance.
pub const FEEDBACK_MINIMUM: usize = 8;

/// Feedback that can be learned from.
#[derive(Debug)]
pub struct Feedback {
    /// The samples, at least one.
    pub samples: Vec<Sample>,
    /// Disliked replies in whose place critics found none to prefer: nothing is learned from
    /// them.
    pub without_alternative: usize,
}

impl Feedback {
    /// What it is learned by, of `all` that may be: what its samples name, with KTO's weights
    /// by the number of each label where `balances` says so.
    #[must_use]
    pub fn objectives(&self, all: Objectives, balances: bool) -> Objectives {
        let used = all.used_by(&self.samples);
        match balances {
            true => used.balanced(&self.samples),
            false => used,
        }
    }
}

impl SampleCounts {
    /// Everything that somebody said of a reply.
    fn judged(&self) -> usize {
        self.pairs + self.edits + self.thumbs_up + self.thumbs_down
    }
}

fn check_minimum(samples: usize) -> Result<(), DatasetError> {
    let minimum = FEEDBACK_MINIMUM;
    match samples >= minimum {
        true => Ok(()),
        false => Err(DatasetError::TooFew { samples, minimum }),
    }
}

impl EncodedDataset {
    /// How often [`Feedback::settle`] asks for a reply to prefer.
    #[must_use]
    pub fn alternatives(&self) -> usize {
        match self.counts.thumbs_up {
            0 => self.counts.thumbs_down,
            _ => 0,
        }
    }
}

impl Feedback {
    /// Makes feedback of a dataset as it was read, by the table above. `prefer` is asked for a
    /// pair in place of each disliked reply where none was liked:
    /// [`super::OwnReplies::preferred_to`].
    ///
    /// # Errors
    /// [`DatasetError::TooFew`]; [`DatasetError::NoAlternative`] where only disliked replies
    /// are there and none has a pair; [`DatasetError::Line`] with what `prefer` returns.
    pub fn settle(
        dataset: EncodedDataset,
        mut prefer: impl FnMut(&Disliked) -> Result<Option<Sample>, RecordFault>,
    ) -> Result<Self, DatasetError> {
        let EncodedDataset {
            mut samples,
            counts,
            disliked,
            ..
        } = dataset;
        check_minimum(counts.judged())?;
        let mut without_alternative = 0;
        if counts.thumbs_down == 0 {
            imitate_liked(&mut samples);
        } else if counts.thumbs_up == 0 {
            samples.retain(|sample| sample.labels().ne([Label::Undesirable]));
            for disliked in &disliked {
                let preferred = prefer(disliked);
                match preferred.map_err(|fault| DatasetError::line(disliked.line, fault))? {
                    Some(pair) => samples.push(pair),
                    None => without_alternative += 1,
                }
            }
            match samples.len() {
                0 => return Err(DatasetError::NoAlternative),
                samples => check_minimum(samples)?,
            }
        }
        Ok(Self {
            samples,
            without_alternative,
        })
    }

    /// Samples that are learned as they are, of demonstrations or of pairs.
    #[must_use]
    pub fn of(samples: Vec<Sample>) -> Self {
        Self {
            samples,
            without_alternative: 0,
        }
    }

    /// Thumbs of both kinds, for KTO.
    ///
    /// # Errors
    /// [`DatasetError::TooFew`], [`DatasetError::OneSided`].
    pub fn thumbs(dataset: EncodedDataset) -> Result<Self, DatasetError> {
        check_minimum(dataset.counts.judged())?;
        let SampleCounts {
            thumbs_up,
            thumbs_down,
            ..
        } = dataset.counts;
        match thumbs_up.min(thumbs_down) {
            0 => Err(DatasetError::OneSided {
                up: thumbs_down == 0,
            }),
            _ => Ok(Self::of(dataset.samples)),
        }
    }

    /// Other samples of the same kind, such as held-out ones, as these are learned from.
    #[must_use]
    pub fn alike(&self, mut samples: Vec<Sample>) -> Vec<Sample> {
        let labels = || self.samples.iter().flat_map(Sample::labels);
        if labels().all(|label| label != Label::Desirable) {
            imitate_liked(&mut samples);
        }
        samples
    }
}

fn imitate_liked(samples: &mut [Sample]) {
    for reply in samples.iter_mut().flat_map(|sample| &mut sample.replies) {
        if reply.label == Label::Desirable {
            reply.label = Label::Demonstration;
        }
    }
}

#[cfg(test)]
mod tests {
    use pocketune_train::{DpoOptions, KtoOptions, Label, Objectives, Sample, SftOptions};

    use super::{FEEDBACK_MINIMUM, Feedback};
    use crate::error::DatasetError;
    use crate::tuning::dataset::Content;
    use crate::tuning::encoding::{Disliked, EncodedDataset};

    fn dataset(ups: usize, downs: usize, pairs: usize) -> EncodedDataset {
        let mut dataset = EncodedDataset::default();
        let thumb = |up| Sample::thumb(vec![1], vec![2, 3], up);
        dataset.samples.extend(vec![thumb(true); ups]);
        dataset.samples.extend(vec![thumb(false); downs]);
        let pair = Sample::pair(vec![1], vec![2], vec![3]);
        dataset.samples.extend(vec![pair; pairs]);
        let text = |text: &str| Content::Text(text.to_owned());
        dataset.disliked = (1..=downs)
            .map(|line| Disliked {
                line,
                prompt: text("q"),
                reply: text("r"),
            })
            .collect();
        dataset.counts.thumbs_up = ups;
        dataset.counts.thumbs_down = downs;
        dataset.counts.pairs = pairs;
        dataset
    }

    fn all() -> Objectives {
        Objectives {
            sft: Some(SftOptions::default()),
            dpo: Some(DpoOptions::default()),
            kto: Some(KtoOptions::default()),
            anchor: None,
        }
    }

    fn settled(ups: usize, downs: usize, pairs: usize) -> (Feedback, Objectives, usize) {
        let mut asked = 0;
        let settled = Feedback::settle(dataset(ups, downs, pairs), |_| {
            asked += 1;
            // None for every third.
            Ok((asked % 3 != 0).then(|| Sample::pair(vec![1], vec![4], vec![3])))
        });
        let feedback = settled.unwrap();
        let objectives = feedback.objectives(all(), true);
        (feedback, objectives, asked)
    }

    /// The table at the head of this file.
    #[test]
    fn each_mixture_is_learned_by_what_it_needs() {
        for (ups, downs, pairs, name, asked) in [
            (8, 8, 0, "kto", 0),
            (8, 8, 5, "dpo+kto", 0),
            (0, 0, 9, "dpo", 0),
            (9, 0, 0, "sft", 0),
            (9, 0, 3, "sft+dpo", 0),
            (0, 12, 0, "dpo", 12),
            (0, 9, 3, "dpo", 9),
        ] {
            let (feedback, objectives, times) = settled(ups, downs, pairs);
            assert_eq!((objectives.name().as_str(), times), (name, asked));
            assert_eq!(feedback.without_alternative, asked / 3);
            let samples = ups + downs + pairs - asked / 3;
            assert_eq!(feedback.samples.len(), samples);
        }
    }

    #[test]
    fn both_labels_have_the_same_say() {
        let kto = settled(12, 4, 0).1.kto.unwrap();
        assert_eq!((kto.desirable_weight, kto.undesirable_weight), (1.0, 3.0));
    }

    #[test]
    fn too_little_is_refused_with_what_is_missing() {
        let refused = Feedback::settle(dataset(3, 4, 0), |_| Ok(None)).unwrap_err();
        assert!(matches!(
            refused,
            DatasetError::TooFew {
                samples: 7,
                minimum: FEEDBACK_MINIMUM
            }
        ));
        let refused = Feedback::thumbs(dataset(9, 0, 0)).unwrap_err();
        assert!(matches!(refused, DatasetError::OneSided { up: true }));
        let refused = Feedback::settle(dataset(0, 8, 0), |_| Ok(None)).unwrap_err();
        assert!(matches!(refused, DatasetError::NoAlternative));
        // What is left without alternatives is too little again.
        let mut asked = 0;
        let some = |_: &Disliked| {
            asked += 1;
            Ok((asked < 3).then(|| Sample::pair(vec![1], vec![4], vec![3])))
        };
        let refused = Feedback::settle(dataset(0, 8, 0), some).unwrap_err();
        assert!(matches!(refused, DatasetError::TooFew { samples: 2, .. }));
    }

    #[test]
    fn held_out_thumbs_are_read_as_those_that_are_learned() {
        let liked = || vec![Sample::thumb(vec![1], vec![2], true)];
        let labels = |samples: Vec<Sample>| samples[0].labels().collect::<Vec<_>>();
        assert_eq!(
            labels(settled(9, 0, 0).0.alike(liked())),
            [Label::Demonstration]
        );
        assert_eq!(
            labels(settled(8, 8, 0).0.alike(liked())),
            [Label::Desirable]
        );
    }
}
