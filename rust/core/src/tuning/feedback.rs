//! From what users said of replies to samples that can be learned from.
//!
//! | there are | learned by |
//! |---|---|
//! | pairs, edits | DPO |
//! | thumbs up and down | KTO, both labels with the same say |
//! | thumbs up alone | SFT on the liked replies, beside an anchor |
//! | thumbs down alone | DPO, over the best of some sampled replies in critics' eyes |
//!
//! Whatever there is of these is learned in one run, in which every sample has the same say.

use pocketune_train::{AnchorOptions, Label, Objectives, Recipe, Sample};

use super::encoding::{EncodedDataset, SampleCounts};
use super::own_replies::OwnReplies;
use crate::cancel::CancelToken;
use crate::error::DatasetError;

/// Fewer samples teach nothing that would be more than chance.
pub const FEEDBACK_MINIMUM: usize = 8;

/// Feedback that can be learned from.
#[derive(Debug)]
pub struct Feedback {
    /// The samples, at least [`FEEDBACK_MINIMUM`].
    pub samples: Vec<Sample>,
    /// Disliked replies in whose place critics found none to prefer: nothing is learned from
    /// them.
    pub without_alternative: usize,
    /// Whether nothing says what to avoid: then an anchor keeps other replies where they are.
    pub only_liked: bool,
}

impl Feedback {
    /// What it is learned by, of `all` that may be: what its samples name, with KTO's weights
    /// by the number of each label where `balances` says so, and an anchor where nothing says
    /// what to avoid.
    #[must_use]
    pub fn objectives(&self, all: Objectives, balances: bool) -> Objectives {
        let mut used = all.used_by(&self.samples);
        if balances {
            used = used.balanced(&self.samples);
        }
        if self.only_liked {
            used.anchor.get_or_insert(AnchorOptions {
                weight: 1.0,
                ..Recipe::anchor_options()
            });
        }
        used
    }
}

impl SampleCounts {
    fn judged(&self) -> usize {
        self.pairs + self.edits + self.thumbs_up + self.thumbs_down
    }
}

impl OwnReplies<'_> {
    /// How many replies [`OwnReplies::settle`] samples.
    #[must_use]
    pub fn alternatives_for(dataset: &EncodedDataset) -> usize {
        match dataset.counts.thumbs_up {
            0 => dataset.counts.thumbs_down,
            _ => 0,
        }
    }

    /// Makes feedback of a dataset as it was read, by the table above. Blocks for some seconds
    /// for each disliked reply where none was liked; `on_reply` is called after each on this
    /// thread.
    ///
    /// # Errors
    /// [`DatasetError::TooFew`]; [`DatasetError::NoAlternative`] where only disliked replies
    /// are there and critics found none to prefer to any of them; [`DatasetError::Line`] for
    /// what [`OwnReplies::preferred_to`] returns, cancellation included.
    pub fn settle(
        &self,
        dataset: EncodedDataset,
        cancel: &CancelToken,
        mut on_reply: impl FnMut(),
    ) -> Result<Feedback, DatasetError> {
        let EncodedDataset {
            mut samples,
            counts,
            disliked,
            ..
        } = dataset;
        if counts.judged() < FEEDBACK_MINIMUM {
            return Err(DatasetError::TooFew {
                samples: counts.judged(),
                minimum: FEEDBACK_MINIMUM,
            });
        }
        let mut without_alternative = 0;
        if counts.thumbs_down == 0 {
            for reply in samples.iter_mut().flat_map(|sample| &mut sample.replies) {
                if reply.label == Label::Desirable {
                    reply.label = Label::Demonstration;
                }
            }
        } else if counts.thumbs_up == 0 {
            samples.retain(|sample| sample.labels().ne([Label::Undesirable]));
            for disliked in &disliked {
                let preferred = self.preferred_to(&disliked.prompt, &disliked.reply, cancel);
                match preferred.map_err(|fault| DatasetError::line(disliked.line, fault))? {
                    Some(pair) => samples.push(pair),
                    None => without_alternative += 1,
                }
                on_reply();
            }
            if samples.is_empty() {
                return Err(DatasetError::NoAlternative);
            }
        }
        Ok(Feedback {
            only_liked: counts.pairs + counts.edits + counts.thumbs_down == 0,
            samples,
            without_alternative,
        })
    }
}
