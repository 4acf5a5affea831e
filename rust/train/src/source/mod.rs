//! Where the samples of each step come from.

mod dataset;
mod order;

use std::sync::Arc;

use pocketune_base::Digest;

use crate::error::TrainError;
use crate::objective::Objectives;
use crate::pack::PackSize;
use crate::pass::AdaptedModel;
use crate::sample::Sample;

pub use dataset::Dataset;

/// Gives each step its batch. A [`Dataset`] holds all samples; another source may make them on
/// the way, with the policy as it is then.
pub trait SampleSource: Send {
    /// Refuses what is known beforehand to be of no use. What comes later is looked at in its
    /// step.
    ///
    /// # Errors
    /// [`TrainError::Sample`] with its index, [`TrainError::Option`].
    fn check(&self, _objectives: &Objectives, _vocabulary: usize) -> Result<(), TrainError> {
        Ok(())
    }

    /// The largest pack of one sample, of two, and so on up to a whole batch: memory is planned
    /// from it before the first sample exists. At least one entry.
    fn largest_packs(&self) -> Vec<PackSize>;

    /// What steps compute on average, for estimates of time.
    fn mean(&self) -> MeanBatch;

    /// Samples whose log-probabilities under the reference are worth keeping: those that come
    /// again. Their [`Drawn::again`] counts from 0 up to this.
    fn kept_references(&self) -> usize;

    /// A digest of everything that determines the batches, beside the policy: a checkpoint of
    /// another source is refused.
    fn digest(&self) -> Digest;

    /// The batch of a step, counted from 0: at least one sample beside anchors. The same step
    /// with the same policy gives the same batch, however often it is asked.
    ///
    /// # Errors
    /// As the source says; the run ends with it, and its last checkpoint stays.
    fn draw(&mut self, step: u64, policy: AdaptedModel<'_>) -> Result<Vec<Drawn>, TrainError>;
}

/// A sample of a batch.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The sample.
    pub sample: Arc<Sample>,
    /// Under which number its reference is kept, for one that comes again.
    pub again: Option<usize>,
}

/// Means over batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanBatch {
    /// Samples.
    pub samples: f64,
    /// Tokens that are computed.
    pub tokens: f64,
}
