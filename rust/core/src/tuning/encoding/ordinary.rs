//! Replies of the model itself that somebody wrote down.

use std::io::BufRead;

use pocketune_train::{Label, Sample};

use super::Encoder;
use crate::error::{DatasetError, RecordKind};
use crate::tuning::dataset::read_records;

impl Encoder<'_> {
    /// Prompts with the model's own replies, to measure KL on ([`crate::tuning::TuningData`]).
    /// Only the tokens of the replies count: nothing is said about how they end. No line is
    /// skipped.
    ///
    /// # Errors
    /// [`DatasetError`], with the line of the first record that cannot be learned from.
    pub fn read_ordinary(&self, from: impl BufRead) -> Result<Vec<Sample>, DatasetError> {
        let mut samples = self.read_anchors(from)?;
        for reply in samples.iter_mut().flat_map(|sample| &mut sample.replies) {
            if reply.tokens.len() > 1 {
                reply.tokens.pop();
            }
        }
        Ok(samples)
    }

    /// The same for an anchor: that the replies end where they do is kept too.
    ///
    /// # Errors
    /// As [`Encoder::read_ordinary`].
    pub fn read_anchors(&self, from: impl BufRead) -> Result<Vec<Sample>, DatasetError> {
        read_records(from, RecordKind::Completion, |record| {
            let mut sample = self.encode(&record)?;
            for reply in &mut sample.replies {
                reply.label = Label::Anchor;
            }
            Ok(sample)
        })
    }
}
