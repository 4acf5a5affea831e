//! The release predicate: what is given out, for what, since when and until when.

use pocketune_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attest::{Name, Stages};
use crate::keys::KeyId;

/// What a release statement says of its subject. Strict: an unknown field is refused,
/// since whoever wrote it wanted something that this version would not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// What it is called.
    pub name: Name,
    /// Releases of one channel replace each other.
    pub channel: Name,
    /// Place in the channel's order: a lower one than was seen before is refused.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it no longer counts.
    pub expires: Timestamp,
    /// Length of the subject.
    pub size_bytes: u64,
    /// Models it fits, for everything but base models themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub base_models: Vec<BaseModelRef>,
    /// The adapter's shape; adapters have it, nothing else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraFacts>,
    /// What training made likelier, such as `dpo`.
    pub objective: String,
    /// What it was made from, in a sentence.
    pub data_summary: String,
    /// What changes for who uses it, in plain words.
    pub changelog: String,
    /// The device that made it, where one did: it counts there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<KeyId>,
    /// Which share of devices may install it, and when; all of them at once where there are
    /// none. Versions from before this field refuse releases that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Stages>,
}

/// What can be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A LoRA in GGUF form.
    Adapter,
    /// A model in GGUF form.
    BaseModel,
    /// The head of a reward model.
    RewardHead,
    /// A validation suite.
    Suite,
    /// An experiment's definition. As with everything, the statement is about the SHA-256
    /// of the file's bytes; that is not the digest that summaries of an experiment carry,
    /// which is over the definition's content in one spelling, however the file is laid out.
    Experiment,
}

impl SubjectKind {
    /// Whether a release of it may name no base model.
    pub(crate) fn may_be_for_all(self) -> bool {
        match self {
            Self::BaseModel | Self::Suite | Self::Experiment => true,
            Self::Adapter | Self::RewardHead => false,
        }
    }
}

/// A model that something fits: the file, and how it cuts text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaseModelRef {
    /// For people.
    pub name: String,
    /// SHA-256 of the whole model file.
    pub sha256: Digest,
    /// SHA-256 of its tokenizer: see [`crate::tokenizer_fingerprint`].
    pub tokenizer_sha256: Digest,
}

/// Shape of a LoRA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoraFacts {
    /// The largest rank of its pairs.
    pub rank: u64,
    /// Numerator of its scale; missing for a scale of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f32>,
    /// Kinds of matrices that it changes, such as `attn_q`, in alphabetical order.
    pub targets: Vec<String>,
}

impl Release {
    /// The predicate's type.
    pub const TYPE: &'static str = "https://pocketune.dev/attestation/release/v1";
}
