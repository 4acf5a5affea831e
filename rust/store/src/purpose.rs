//! What users are asked to agree to.

/// What consent is asked for. Nothing is taken for granted: an answer that was not given is
/// a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To keep replies that critics are in doubt about, for a person to look at.
    Review,
    /// To hand those that were marked for sharing to people elsewhere.
    ReviewSharing,
    /// To learn from the user's feedback on this device.
    Learn,
    /// To keep examples after the tuning run that used them.
    KeepExamples,
    /// To share counts, such as those of an experiment, without any text.
    ShareCounts,
    /// To share clipped and noised updates.
    ShareUpdates,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Review,
        Self::ReviewSharing,
        Self::Learn,
        Self::KeepExamples,
        Self::ShareCounts,
        Self::ShareUpdates,
    ];

    /// A stable name, in snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::ReviewSharing => "review_sharing",
            Self::Learn => "learn",
            Self::KeepExamples => "keep_examples",
            Self::ShareCounts => "share_counts",
            Self::ShareUpdates => "share_updates",
        }
    }
}
