//! Why the verifier refuses what was delivered.

use pocketune_core::Refusal;

/// Why an adapter does not pass.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AdapterRefusal {
    /// The check that it failed.
    pub reason: RefusalReason,
    /// The same with numbers and names, in words for developers.
    pub detail: String,
}

/// The checks, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RefusalReason {
    /// More bytes than any role allows; nothing was hashed or parsed.
    TooLarge,
    /// More attestations than are looked at.
    BundleTooLarge,
    /// A line of the bundle is no envelope.
    Envelope,
    /// The policy counts no more: a newer one has to come first.
    PolicyExpired,
    /// Nobody that the policy knows signed anything in the bundle.
    NoTrustedSignature,
    /// The only known keys that signed are revoked.
    KeyRevoked,
    /// A signed statement breaks its format.
    Statement,
    /// No trusted statement releases anything.
    NoRelease,
    /// What was released is something else: its statement lies beside other bytes.
    OtherSubject,
    /// Too few release keys signed the release.
    BelowReleaseThreshold,
    /// Another device made it for itself.
    OtherDevice,
    /// The policy lets no device make adapters.
    DeviceRoleMissing,
    /// What was released is to be used as something else.
    OtherKind,
    /// The file is shorter or longer than the release says.
    SizeDiffers,
    /// The release counts no more.
    Expired,
    /// It is for other models.
    OtherBaseModel,
    /// It is for this model with another tokenizer.
    OtherTokenizer,
    /// An older release than this device has seen in the channel.
    Rollback,
    /// Another file under a version that this device has seen.
    VersionReused,
    /// The policy revokes these very bytes.
    Revoked,
    /// No LoRA for this model.
    Structure,
    /// The release says another shape than the file has.
    ShapeDiffers,
    /// Longer than its role allows.
    BytesBeyondLimit,
    /// Of a higher rank than its role allows.
    RankBeyondLimit,
    /// It changes a kind of matrix that its role may not.
    TargetBeyondLimit,
    /// It changes a matrix by more than its role may.
    UpdateBeyondLimit,
    /// No trusted statement says that it was validated.
    NoValidation,
    /// What was validated is something else.
    OtherBytesValidated,
    /// Too few validation keys signed.
    BelowValidationThreshold,
    /// It did not pass.
    ValidationFailed,
    /// What the policy asks for was not measured.
    MetricMissing,
    /// It was measured, and is not good enough.
    MetricNotMet,
    /// A factor on its change that is not between 0 and 1.
    ScaleOutOfRange,
    /// It is twice in one set.
    AdapterTwice,
    /// The adapters of a set together change a matrix by more than the policy allows.
    SetBeyondLimit,
    /// What the store kept of it is gone or changed; installing it again mends that.
    Damaged,
    /// Its signers stopped its rollout: no further device installs it.
    Halted,
    /// It is not this device's turn yet; the detail says when it is. Ask again later: the
    /// newest attestations may say otherwise.
    NotYet,
}

impl From<&Refusal> for AdapterRefusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            reason: refusal.into(),
            detail: refusal.to_string(),
        }
    }
}

impl From<&Refusal> for RefusalReason {
    // No wildcard: a new check does not build until an app can tell it.
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::TooLarge { .. } => Self::TooLarge,
            Refusal::BundleTooLarge { .. } => Self::BundleTooLarge,
            Refusal::Envelope { .. } => Self::Envelope,
            Refusal::PolicyExpired { .. } => Self::PolicyExpired,
            Refusal::NoTrustedSignature => Self::NoTrustedSignature,
            Refusal::KeyRevoked { .. } => Self::KeyRevoked,
            Refusal::Statement { .. } => Self::Statement,
            Refusal::NoRelease => Self::NoRelease,
            Refusal::OtherSubject => Self::OtherSubject,
            Refusal::BelowReleaseThreshold { .. } => Self::BelowReleaseThreshold,
            Refusal::OtherDevice => Self::OtherDevice,
            Refusal::DeviceRoleMissing => Self::DeviceRoleMissing,
            Refusal::OtherKind => Self::OtherKind,
            Refusal::SizeDiffers { .. } => Self::SizeDiffers,
            Refusal::Expired { .. } => Self::Expired,
            Refusal::OtherBaseModel => Self::OtherBaseModel,
            Refusal::OtherTokenizer => Self::OtherTokenizer,
            Refusal::Rollback { .. } => Self::Rollback,
            Refusal::VersionReused { .. } => Self::VersionReused,
            Refusal::Revoked { .. } => Self::Revoked,
            Refusal::Structure(_) => Self::Structure,
            Refusal::ShapeDiffers => Self::ShapeDiffers,
            Refusal::BytesBeyondLimit { .. } => Self::BytesBeyondLimit,
            Refusal::RankBeyondLimit { .. } => Self::RankBeyondLimit,
            Refusal::TargetBeyondLimit { .. } => Self::TargetBeyondLimit,
            Refusal::UpdateBeyondLimit { .. } => Self::UpdateBeyondLimit,
            Refusal::NoValidation => Self::NoValidation,
            Refusal::OtherBytesValidated => Self::OtherBytesValidated,
            Refusal::BelowValidationThreshold { .. } => Self::BelowValidationThreshold,
            Refusal::ValidationFailed => Self::ValidationFailed,
            Refusal::MetricMissing { .. } => Self::MetricMissing,
            Refusal::MetricNotMet { .. } => Self::MetricNotMet,
            Refusal::ScaleOutOfRange { .. } => Self::ScaleOutOfRange,
            Refusal::AdapterTwice => Self::AdapterTwice,
            Refusal::SetBeyondLimit { .. } => Self::SetBeyondLimit,
            Refusal::Damaged => Self::Damaged,
            Refusal::Halted { .. } => Self::Halted,
            Refusal::NotYet { .. } => Self::NotYet,
        }
    }
}
