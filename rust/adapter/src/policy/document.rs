//! A trust policy as JSON. Strict throughout: an unknown field is a wish that this
//! version would not fulfil.

use std::collections::BTreeMap;

use pocketune_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attest::SuiteRef;
use crate::keys::{KeyId, PublicKey};

/// What a policy's envelope holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyDocument {
    /// Version of the format: [`PolicyDocument::FORMAT`].
    pub format: u32,
    /// What it is called, for people.
    pub name: String,
    /// 1 and up, one more with each rotation.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// From when on nothing is accepted under it.
    pub expires: Timestamp,
    /// All keys of all roles, by name.
    pub keys: BTreeMap<KeyId, KeyDocument>,
    /// Who may do what.
    pub roles: Roles,
    /// What no longer counts, whoever signed it.
    #[serde(default)]
    pub revoked: Revoked,
}

impl PolicyDocument {
    /// The one format so far.
    pub const FORMAT: u32 = 1;
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyDocument {
    /// How it signs.
    pub scheme: Scheme,
    /// Its 32 bytes as base64.
    pub public: PublicKey,
}

/// Signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// RFC 8032.
    Ed25519,
}

/// The four roles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Roles {
    /// Rotates the policy.
    pub root: Signers,
    /// Gives out adapters and what else influences replies or verdicts.
    pub release: ReleaseRole,
    /// Vouches that something passed.
    pub validation: ValidationRole,
    /// What a device may make for itself; nothing where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceRole>,
}

/// Some keys, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signers {
    /// Names of keys.
    pub keys: Vec<KeyId>,
    /// At least 1, at most as many as there are keys.
    pub threshold: usize,
}

/// The release role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseRole {
    /// Names of keys.
    pub keys: Vec<KeyId>,
    /// How many of them it takes.
    pub threshold: usize,
    /// What their adapters may be.
    pub limits: Limits,
}

/// The validation role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidationRole {
    /// Names of keys.
    pub keys: Vec<KeyId>,
    /// How many of them it takes.
    pub threshold: usize,
    /// What has to have been measured; a passed result alone where there is none.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
    /// Whether a failed validation says nothing where another one passed. Otherwise one that
    /// any of these keys signed is enough to refuse what it is about.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore_failed: bool,
}

/// The device role: its one key is the device's own, which no policy lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceRole {
    /// What its adapters may be: nowhere more than those of releases.
    pub limits: Limits,
}

/// What an adapter may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Longest file.
    pub max_bytes: u64,
    /// Largest rank.
    pub max_rank: u64,
    /// Largest `‖scale·B·A‖ / ‖W‖` of any matrix (Frobenius).
    pub max_update_norm: f64,
    /// Kinds of matrices that may be changed, such as `attn_q`.
    pub targets: Vec<String>,
}

/// Something that validation has to have measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// By which suite.
    pub suite: SuiteRef,
    /// What of it.
    pub metric: String,
    /// At least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// At most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// What no longer counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revoked {
    /// Keys whose signatures count nowhere.
    #[serde(default)]
    pub keys: Vec<KeyId>,
    /// Files that are not to be used.
    #[serde(default)]
    pub digests: Vec<Digest>,
}

impl Limits {
    /// Whether everything that keeps these limits keeps `other`'s too.
    pub(crate) fn within(&self, other: &Self) -> bool {
        self.max_bytes <= other.max_bytes
            && self.max_rank <= other.max_rank
            && self.max_update_norm <= other.max_update_norm
            && self
                .targets
                .iter()
                .all(|target| other.targets.contains(target))
    }
}

impl Requirement {
    /// Whether a measured value will do.
    pub(crate) fn met_by(&self, value: f64) -> bool {
        self.at_least.is_none_or(|least| value >= least)
            && self.at_most.is_none_or(|most| value <= most)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_false(value: &bool) -> bool {
    !value
}
