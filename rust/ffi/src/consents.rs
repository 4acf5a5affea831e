//! What the user may agree to.

use pocketune_core as core;

/// What a consent is for. Nothing is given by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ConsentPurpose {
    /// To keep replies that critics are in doubt about, for a person to look at.
    Review,
    /// To hand out those that were marked for sharing.
    ReviewSharing,
    /// To learn from the user's feedback on this device. Nothing in this version uses it.
    Learn,
    /// To keep examples after the tuning run that used them. Nothing in this version uses it.
    KeepExamples,
    /// To share counts without any text. Nothing in this version uses it.
    ShareCounts,
    /// To share clipped and noised updates. Nothing in this version uses it.
    ShareUpdates,
}

impl From<core::Purpose> for ConsentPurpose {
    fn from(purpose: core::Purpose) -> Self {
        match purpose {
            core::Purpose::Review => Self::Review,
            core::Purpose::ReviewSharing => Self::ReviewSharing,
            core::Purpose::Learn => Self::Learn,
            core::Purpose::KeepExamples => Self::KeepExamples,
            core::Purpose::ShareCounts => Self::ShareCounts,
            core::Purpose::ShareUpdates => Self::ShareUpdates,
        }
    }
}

impl From<ConsentPurpose> for core::Purpose {
    fn from(purpose: ConsentPurpose) -> Self {
        match purpose {
            ConsentPurpose::Review => Self::Review,
            ConsentPurpose::ReviewSharing => Self::ReviewSharing,
            ConsentPurpose::Learn => Self::Learn,
            ConsentPurpose::KeepExamples => Self::KeepExamples,
            ConsentPurpose::ShareCounts => Self::ShareCounts,
            ConsentPurpose::ShareUpdates => Self::ShareUpdates,
        }
    }
}
