//! A head over a model's hidden state that learns from pairs which of two replies is
//! better, how far each annotator is to be believed, and how sure it may be.
//!
//! Shape letters, in this module and below: F features of a reply, n comparisons,
//! K annotators, D dimensions that training works in (at most F).
//!
//! A reply with features x has the score `s = w · (x − μ) / c`, element by element, with
//! mean μ and scale c of the training replies. Nothing here sees text or a model: features
//! are the base model's hidden state at the token that ends the reply.
//!
//! - [`Comparisons`] are sound by construction; [`ComparisonsBuilder`] names what is not.
//! - [`train`] fits the head: preferences after Bradley and Terry (1952), annotators after
//!   Chen et al. (2013), temperature after Guo et al. (2017).
//! - [`RewardHead`] scores replies, and is written and read as a small GGUF file.
//! - [`RewardReport`] says how good a head is, on comparisons that it has not seen.

mod calibration;
mod comparisons;
mod error;
mod file;
mod fit;
mod folds;
mod head;
mod math;
mod nonsense;
mod reliability;
mod report;
mod report_file;
mod space;
mod train;

pub use calibration::{Bin, ReliabilityDiagram};
pub use comparisons::{
    Comparison, Comparisons, ComparisonsBuilder, Edit, EditKind, Reply, ReplyIndex,
};
pub use error::RewardError;
pub use head::{FeatureSource, MAX_FEATURES, REWARD_BOUND, RewardHead};
pub use nonsense::nonsense;
pub use reliability::{AnnotatorReliability, Reliabilities, ReliabilityPrior};
pub use report::{EditDrift, Proportion, RewardReport};
pub use train::{Fit, MarginScaleLoss, Trained, TrainingOptions, train};
