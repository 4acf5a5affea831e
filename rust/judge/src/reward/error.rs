//! Everything that can be wrong with comparisons, their training or a head's file.

use pocketune_base::json::JsonError;
use pocketune_gguf::GgufError;

/// Why comparisons, options or the bytes of a head are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RewardError {
    /// A reply has another number of features than the others.
    #[error("reply {id} has {found} features, not {expected}")]
    WrongLength {
        /// The reply.
        id: String,
        /// Its features.
        found: usize,
        /// Those of all others.
        expected: usize,
    },
    /// A reply's feature is NaN or infinite.
    #[error("feature {index} of reply {id} is not finite")]
    NotFinite {
        /// The reply.
        id: String,
        /// Which feature.
        index: usize,
    },
    /// An id was given to two replies, or to two comparisons or edits.
    #[error("{id} is there twice")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A comparison or edit names a reply that was not added.
    #[error("{id} names a reply that is not there")]
    UnknownReply {
        /// The comparison or edit.
        id: String,
    },
    /// A comparison or edit names the same reply twice.
    #[error("{id} compares a reply with itself")]
    SameReply {
        /// The comparison or edit.
        id: String,
    },
    /// One annotator preferred each of two replies to the other.
    #[error("{second} says the opposite of {first}, by the same annotator")]
    Contradiction {
        /// The earlier comparison.
        first: String,
        /// The later one.
        second: String,
    },
    /// An edit's weight is not a positive number.
    #[error("the weight {found} of {id} is not positive and finite")]
    Weight {
        /// The edit.
        id: String,
        /// Its weight.
        found: f64,
    },
    /// There are no comparisons.
    #[error("there are no comparisons")]
    Empty,
    /// There are fewer comparisons than asked for.
    #[error("{found} comparisons, at least {minimum} are needed")]
    TooFewComparisons {
        /// Comparisons.
        found: usize,
        /// Needed ones.
        minimum: usize,
    },
    /// Every comparison is a tie: nothing says what is better.
    #[error("all comparisons are ties")]
    OnlyTies,
    /// No comparison with a winner is between replies of different features.
    #[error("no comparison is between replies that differ in their features")]
    NoDifference,
    /// Too few prompts to hold some out.
    #[error("comparisons of {found} groups, at least {minimum} are needed")]
    TooFewGroups {
        /// Different groups.
        found: usize,
        /// Needed ones.
        minimum: usize,
    },
    /// An option of training makes no sense.
    #[error("the option {option} is out of range")]
    Option {
        /// Its name.
        option: &'static str,
    },
    /// The comparisons are balanced so that no reply scores above another.
    #[error("the comparisons cancel: nothing was learned")]
    NothingLearned,
    /// The optimiser ended away from the minimum.
    #[error("training ended with a gradient of {gradient_norm:e}")]
    NotConverged {
        /// Norm of the mean loss's gradient.
        gradient_norm: f64,
    },
    /// The features asked of a head have another number than it was trained on.
    #[error("{found} features, not {expected}")]
    FeatureLength {
        /// Features given.
        found: usize,
        /// The head's.
        expected: usize,
    },
    /// A feature that is to be scored is NaN or infinite.
    #[error("feature {index} is not finite")]
    FeatureNotFinite {
        /// Which feature.
        index: usize,
    },
    /// A head of no features, or of more than [`MAX_FEATURES`](super::MAX_FEATURES).
    #[error("{found} features, 1 to {limit} are accepted")]
    FeatureCount {
        /// Features.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// The bytes are no GGUF file, or a key is missing or of another type.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A GGUF file of another kind.
    #[error("the file is of type {found}, not reward_head")]
    NotARewardHead {
        /// `general.type`.
        found: String,
    },
    /// A format that this version does not know.
    #[error("format version {found} is not known")]
    FormatVersion {
        /// The file's version.
        found: u32,
    },
    /// A key that this format does not have.
    #[error("the key {key} is not known")]
    UnknownKey {
        /// Its name.
        key: String,
    },
    /// A pooling that this version does not know.
    #[error("the pooling {found} is not known")]
    UnknownPooling {
        /// Its name.
        found: String,
    },
    /// A digest that is not 64 lower-case hexadecimal digits.
    #[error("{key} is not a SHA-256 in lower-case hexadecimal digits")]
    Digest {
        /// Its key.
        key: &'static str,
    },
    /// The head reads another base model's hidden state.
    #[error("the head is for the base model {found}, not {expected}")]
    OtherBase {
        /// SHA-256 in the file.
        found: String,
        /// SHA-256 of the model at hand.
        expected: String,
    },
    /// The head reads the hidden state after another layer.
    #[error("the head reads the state after {found} layers, not {expected}")]
    OtherLayer {
        /// The head's.
        found: u32,
        /// That at hand.
        expected: u32,
    },
    /// A temperature or scale that is not positive and finite, or a centre not finite.
    #[error("{key} = {found} is out of range")]
    Number {
        /// Its key.
        key: &'static str,
        /// Its value.
        found: f64,
    },
    /// A tensor is missing.
    #[error("the tensor {tensor} is missing")]
    TensorMissing {
        /// Its name.
        tensor: &'static str,
    },
    /// A tensor that this format does not have.
    #[error("the tensor {tensor} is not known")]
    UnknownTensor {
        /// Its name.
        tensor: String,
    },
    /// A tensor that is not F32.
    #[error("the tensor {tensor} is not F32")]
    TensorType {
        /// Its name.
        tensor: &'static str,
    },
    /// A tensor that is no vector of F elements.
    #[error("the tensor {tensor} has the shape {found:?}, not [{expected}]")]
    TensorShape {
        /// Its name.
        tensor: &'static str,
        /// Its dimensions.
        found: [u64; 4],
        /// F.
        expected: u64,
    },
    /// A tensor's element is NaN or infinite, or a feature's scale is not positive.
    #[error("element {index} of the tensor {tensor} is out of range")]
    TensorValue {
        /// Its name.
        tensor: &'static str,
        /// Which element.
        index: usize,
    },
    /// A report is no JSON of the form.
    #[error("the report is malformed: {reason}")]
    ReportMalformed {
        /// What is wrong with it.
        reason: JsonError,
    },
    /// A report's figure cannot be, by itself or beside the others.
    #[error("the report cannot be: {what}")]
    ReportImpossible {
        /// What is wrong.
        what: &'static str,
    },
    /// Another way to write the same head: order, padding, or bytes after the end.
    #[error("the file is not written as this library writes it")]
    NotCanonical,
}
