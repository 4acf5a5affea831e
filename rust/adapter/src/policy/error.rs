//! Everything that can be wrong with a policy.

use std::fmt;

use crate::attest::{EnvelopeError, JsonError};
use crate::keys::KeyId;

/// A role with listed keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleName {
    /// Rotates the policy.
    Root,
    /// Gives things out.
    Release,
    /// Vouches that they passed.
    Validation,
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Release => "release",
            Self::Validation => "validation",
        })
    }
}

/// Why bytes are no policy, or not the next one. Each variant is one fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No DSSE envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The envelope holds something else: a statement, say.
    #[error("the envelope holds no policy")]
    PayloadType,
    /// No JSON, or not a policy's.
    #[error("the policy cannot be read: {0}")]
    Json(#[from] JsonError),
    /// Of a later format.
    #[error("the policy has format {found}, this version knows 1")]
    Format {
        /// What it says.
        found: u32,
    },
    /// Versions begin at 1.
    #[error("the policy has version 0")]
    VersionZero,
    /// A key is listed under another name than its own, perhaps to count twice.
    #[error("the key listed as {listed} has another name")]
    KeyNamedWrongly {
        /// The name in the list.
        listed: KeyId,
    },
    /// A role names a key that is not listed.
    #[error("the {role} role names the key {key}, which is not listed")]
    KeyMissing {
        /// The role.
        role: RoleName,
        /// The key.
        key: KeyId,
    },
    /// A key is twice in one role, or in two: who trains an adapter cannot vouch that
    /// it passed, and neither rotates the policy.
    #[error("the key {key} is in the {} role and in the {} role", .roles[0], .roles[1])]
    KeyTwice {
        /// The key.
        key: KeyId,
        /// Where it is, in their order.
        roles: [RoleName; 2],
    },
    /// A threshold of zero, or of more keys than there are.
    #[error("the threshold of the {role} role can be met by nobody, or by anybody")]
    Threshold {
        /// The role.
        role: RoleName,
    },
    /// A limit on updates that is not positive.
    #[error("a limit on the norm of updates is not a positive number")]
    UpdateNorm,
    /// Devices may do what releases may not.
    #[error("the limits of the device role are wider than those of releases")]
    DeviceMayMore,
    /// A requirement that everything meets.
    #[error("the requirement for {metric} has no bound")]
    RequirementWithoutBound {
        /// What is to be measured.
        metric: String,
    },
    /// Its own root keys did not sign it, or too few of them.
    #[error("{found} of its own root keys signed the policy, {needed} are needed")]
    TooFewOwnRootKeys {
        /// How many did.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The previous policy's root keys did not sign it, or too few of them.
    #[error("{found} root keys of the policy in force signed the next one, {needed} are needed")]
    TooFewPreviousRootKeys {
        /// How many did.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Older than the one in force, the same, or not the next.
    #[error("the policy has version {found}, the next one is {expected}")]
    VersionNotNext {
        /// One more than that of the policy in force.
        expected: u64,
        /// What it says.
        found: u64,
    },
}

impl PolicyError {
    /// A stable name for programs, in snake case.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Envelope(_) => "policy_envelope_invalid",
            Self::PayloadType => "policy_payload_type",
            Self::Json(_) => "policy_invalid",
            Self::Format { .. } => "policy_format",
            Self::VersionZero => "policy_version_zero",
            Self::KeyNamedWrongly { .. } => "policy_key_named_wrongly",
            Self::KeyMissing { .. } => "policy_key_missing",
            Self::KeyTwice { .. } => "policy_key_twice",
            Self::Threshold { .. } => "policy_threshold",
            Self::UpdateNorm => "policy_update_norm",
            Self::DeviceMayMore => "policy_device_may_more",
            Self::RequirementWithoutBound { .. } => "policy_requirement_without_bound",
            Self::TooFewOwnRootKeys { .. } => "policy_too_few_own_root_keys",
            Self::TooFewPreviousRootKeys { .. } => "policy_too_few_previous_root_keys",
            Self::VersionNotNext { .. } => "policy_version_not_next",
        }
    }
}
