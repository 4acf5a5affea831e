//! Why an adapter, or another file, is not accepted.

use pocketune_base::{Digest, Timestamp};

use crate::attest::{EnvelopeError, Name, StatementError};
use crate::error::AdapterError;
use crate::keys::KeyId;

/// Why the verifier refused. One variant for each check, in the order of the checks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than any role allows; nothing was hashed or parsed.
    #[error("the adapter has {found_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLarge {
        /// Its length, or where reading stopped.
        found_bytes: u64,
        /// The largest limit of the policy.
        limit_bytes: u64,
    },
    /// More attestations than anybody reads.
    #[error("the attestations have more than {limit_bytes} bytes or {limit_lines} lines")]
    BundleTooLarge {
        /// Most bytes.
        limit_bytes: usize,
        /// Most lines.
        limit_lines: usize,
    },
    /// Something that is needed is missing, and this line of the bundle is no envelope. Such
    /// lines are passed over otherwise: anybody may add some.
    #[error("line {line} of the attestations: {cause}")]
    Envelope {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        cause: EnvelopeError,
    },
    /// The policy counts no more: a newer one has to come first.
    #[error("the trust policy expired on {expired}")]
    PolicyExpired {
        /// When.
        expired: Timestamp,
    },
    /// Nobody that the policy knows signed anything in the bundle.
    #[error("nobody who is trusted signed the attestations")]
    NoTrustedSignature,
    /// The only known keys that signed are revoked.
    #[error("it was signed with the key {key}, which is revoked")]
    KeyRevoked {
        /// The key.
        key: KeyId,
    },
    /// A statement that would count if it could be read breaks its format. Others are passed
    /// over, and told where nothing else of what is needed was found.
    #[error("line {line} of the attestations: {cause}")]
    Statement {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        cause: StatementError,
    },
    /// No trusted statement releases anything.
    #[error("nobody who is trusted released it")]
    NoRelease,
    /// What was released is something else: its statement lies beside other bytes.
    #[error("the release is about other bytes than these")]
    OtherSubject,
    /// Too few release keys signed the release.
    #[error("{found} release keys signed the release, {needed} are needed")]
    BelowReleaseThreshold {
        /// How many did.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Another device made it for itself.
    #[error("it was made by another device for itself")]
    OtherDevice,
    /// The policy lets no device make adapters.
    #[error("the trust policy does not let devices make adapters")]
    DeviceRoleMissing,
    /// What was released is to be used as something else.
    #[error("the release is of another kind of thing")]
    OtherKind,
    /// The file is shorter or longer than the release says.
    #[error("the release says {stated_bytes} bytes, the file has {found_bytes}")]
    SizeDiffers {
        /// What the release says.
        stated_bytes: u64,
        /// What there is.
        found_bytes: u64,
    },
    /// The release counts no more.
    #[error("the release expired on {expired}")]
    Expired {
        /// When.
        expired: Timestamp,
    },
    /// It is for other models.
    #[error("the release is for other models than the one that is loaded")]
    OtherBaseModel,
    /// It is for this model with another tokenizer.
    #[error("the release is for a model that cuts text in another way")]
    OtherTokenizer,
    /// An older release than this device has seen in the channel.
    #[error("version {found} of channel {channel} is older than version {seen}, which was here")]
    Rollback {
        /// The channel.
        channel: Name,
        /// The release's version.
        found: u64,
        /// The highest one seen.
        seen: u64,
    },
    /// Another file under a version that this device has seen.
    #[error("version {version} of channel {channel} was here with other bytes")]
    VersionReused {
        /// The channel.
        channel: Name,
        /// The version.
        version: u64,
    },
    /// The policy revokes these very bytes.
    #[error("the file {sha256} is revoked")]
    Revoked {
        /// Their digest.
        sha256: Digest,
    },
    /// No LoRA for this model.
    #[error(transparent)]
    Structure(#[from] AdapterError),
    /// The release says another shape than the file has.
    #[error("the release describes another LoRA than the file holds")]
    ShapeDiffers,
    /// Longer than its role allows.
    #[error("the adapter has {found_bytes} bytes, its signers may give out {limit_bytes}")]
    BytesBeyondLimit {
        /// Its length.
        found_bytes: u64,
        /// The role's limit.
        limit_bytes: u64,
    },
    /// Of a higher rank than its role allows.
    #[error("{target} has rank {found}, its signers may give out {limit}")]
    RankBeyondLimit {
        /// The matrix.
        target: String,
        /// Its rank.
        found: u64,
        /// The role's limit.
        limit: u64,
    },
    /// It changes a kind of matrix that its role may not.
    #[error("its signers may not change {target}")]
    TargetBeyondLimit {
        /// The matrix.
        target: String,
    },
    /// It changes a matrix by more than its role may.
    #[error("{target} is changed by {ratio:.3} of its norm, its signers may change {limit:.3}")]
    UpdateBeyondLimit {
        /// The matrix.
        target: String,
        /// `‖scale·B·A‖ / ‖W‖`.
        ratio: f64,
        /// The role's limit.
        limit: f64,
    },
    /// No trusted statement says that it was validated.
    #[error("nobody who is trusted validated it")]
    NoValidation,
    /// What was validated is something else.
    #[error("the validation is about other bytes than these, or about another model")]
    OtherBytesValidated,
    /// Too few validation keys signed.
    #[error("{found} validation keys signed the validation, {needed} are needed")]
    BelowValidationThreshold {
        /// How many did.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// It did not pass.
    #[error("it failed validation")]
    ValidationFailed,
    /// What the policy asks for was not measured.
    #[error("the validation does not say what {metric} was on {suite}")]
    MetricMissing {
        /// The suite's name in the policy.
        suite: String,
        /// The metric.
        metric: String,
    },
    /// It was measured, and is not good enough.
    #[error("{metric} on {suite} is {value}: not what the trust policy asks for")]
    MetricNotMet {
        /// The suite's name in the policy.
        suite: String,
        /// The metric.
        metric: String,
        /// What was measured.
        value: f64,
    },
    /// Its signers stopped its rollout: no further device installs it.
    #[error("its signers stopped its rollout on {since}")]
    Halted {
        /// When.
        since: Timestamp,
    },
    /// Its stages have not come to this device.
    #[error("it is not this device's turn yet: {}", turn(*from))]
    NotYet {
        /// When its turn comes, unless the release is halted before; `None` where no stage
        /// so far takes it in.
        from: Option<Timestamp>,
    },
    /// A factor on its change that is not between 0 and 1: what was signed and measured is
    /// the change at 1, and it never grows or turns round.
    #[error("the scale {scale} is not between 0 and 1")]
    ScaleOutOfRange {
        /// The scale.
        scale: f32,
    },
    /// It is twice in one set.
    #[error("it is in the set more than once")]
    AdapterTwice,
    /// The adapters of a set together change a matrix by more than the policy allows one
    /// adapter to.
    #[error("the set changes {target} by {ratio:.3} of its norm, the policy allows {limit:.3}")]
    SetBeyondLimit {
        /// The matrix.
        target: String,
        /// The sum of scale times `‖scale·B·A‖ / ‖W‖`.
        ratio: f64,
        /// The limit.
        limit: f64,
    },
    /// What the store kept of it is gone or changed. Installing it again mends that.
    #[error("its file in the store is damaged; installing it again mends that")]
    Damaged,
}

/// An adapter of a set that does not pass.
#[derive(Debug, Clone)]
pub struct RefusedAdapter {
    /// Its digest.
    pub sha256: Digest,
    /// Why.
    pub refusal: Refusal,
}

impl Refusal {
    /// A stable name for programs, in snake case.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::BundleTooLarge { .. } => "bundle_too_large",
            Self::Envelope { .. } => "envelope_invalid",
            Self::PolicyExpired { .. } => "policy_expired",
            Self::NoTrustedSignature => "no_trusted_signature",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::Statement { .. } => "statement_invalid",
            Self::NoRelease => "no_release",
            Self::OtherSubject => "other_subject",
            Self::BelowReleaseThreshold { .. } => "below_release_threshold",
            Self::OtherDevice => "other_device",
            Self::DeviceRoleMissing => "device_role_missing",
            Self::OtherKind => "other_kind",
            Self::SizeDiffers { .. } => "size_differs",
            Self::Expired { .. } => "expired",
            Self::OtherBaseModel => "other_base_model",
            Self::OtherTokenizer => "other_tokenizer",
            Self::Rollback { .. } => "rollback",
            Self::VersionReused { .. } => "version_reused",
            Self::Revoked { .. } => "revoked",
            Self::Structure(_) => "structure_invalid",
            Self::ShapeDiffers => "shape_differs",
            Self::BytesBeyondLimit { .. } => "bytes_beyond_limit",
            Self::RankBeyondLimit { .. } => "rank_beyond_limit",
            Self::TargetBeyondLimit { .. } => "target_beyond_limit",
            Self::UpdateBeyondLimit { .. } => "update_beyond_limit",
            Self::NoValidation => "no_validation",
            Self::OtherBytesValidated => "other_bytes_validated",
            Self::BelowValidationThreshold { .. } => "below_validation_threshold",
            Self::ValidationFailed => "validation_failed",
            Self::MetricMissing { .. } => "metric_missing",
            Self::MetricNotMet { .. } => "metric_not_met",
            Self::Halted { .. } => "halted",
            Self::NotYet { .. } => "not_yet",
            Self::ScaleOutOfRange { .. } => "scale_out_of_range",
            Self::AdapterTwice => "adapter_twice",
            Self::SetBeyondLimit { .. } => "set_beyond_limit",
            Self::Damaged => "damaged",
        }
    }
}

fn turn(from: Option<Timestamp>) -> String {
    match from {
        Some(from) => format!("that comes on {from}"),
        None => "no stage so far takes it in".to_owned(),
    }
}

/// The more telling of two refusals: absence is what is said when nothing else can be.
pub(super) fn first_of(before: Refusal, now: Refusal) -> Refusal {
    match before {
        Refusal::NoRelease | Refusal::NoValidation => now,
        before => before,
    }
}
