//! Whom to believe: roles, keys, thresholds, limits, revocations.
//!
//! Modelled on TUF's root metadata: a policy is signed by its own root keys, and the
//! next one by the last one's root keys as well.

mod document;
mod error;

use pocketune_base::{Digest, Timestamp};

use crate::attest::{Envelope, json};
use crate::keys::{KeyId, PublicKey};

pub use document::{
    DeviceRole, KeyDocument, Limits, PolicyDocument, ReleaseRole, Requirement, Revoked, Roles,
    Scheme, Signers, ValidationRole,
};
pub use error::{PolicyError, RoleName};

/// Payload type of an envelope that holds a policy.
pub const POLICY_TYPE: &str = "application/vnd.pocketune.policy+json";

/// A policy that is sound in itself and signed by its own root keys. That it is the
/// right one is for whoever pinned it to know, or follows by [`TrustPolicy::rotate`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrustPolicy {
    document: PolicyDocument,
    digest: Digest,
}

impl TrustPolicy {
    /// Reads a policy that the caller trusts for where it comes from: one that ships
    /// with the app, or lies in the store.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn pinned(envelope: &[u8]) -> Result<Self, PolicyError> {
        let parsed = Envelope::parse(envelope)?;
        let policy = Self::unsigned(&parsed)?;
        let own = policy.signers(&parsed, &policy.document.roles.root);
        policy.require_root(own, &policy, RootOf::Itself)?;
        Ok(policy)
    }

    /// The next policy: signed by enough root keys of this one and of its own (TUF
    /// 1.0.34, section 5.3.4), and one version on (5.3.5).
    ///
    /// # Errors
    /// [`PolicyError`]; this one then stays in force.
    pub fn rotate(&self, envelope: &[u8]) -> Result<Self, PolicyError> {
        let parsed = Envelope::parse(envelope)?;
        let next = Self::unsigned(&parsed)?;
        let old = self.signers(&parsed, &self.document.roles.root);
        self.require_root(old, self, RootOf::Previous)?;
        let new = next.signers(&parsed, &next.document.roles.root);
        self.require_root(new, &next, RootOf::Itself)?;
        let expected = self.version().saturating_add(1);
        if next.version() != expected {
            return Err(PolicyError::VersionNotNext {
                expected,
                found: next.version(),
            });
        }
        Ok(next)
    }

    /// Checks everything but signatures.
    fn unsigned(envelope: &Envelope) -> Result<Self, PolicyError> {
        if envelope.payload_type() != POLICY_TYPE {
            return Err(PolicyError::PayloadType);
        }
        let payload = envelope.unverified_payload();
        let document: PolicyDocument = json::read(payload)?;
        check(&document)?;
        Ok(Self {
            document,
            digest: Digest::of(payload),
        })
    }

    fn require_root(
        &self,
        signers: Vec<KeyId>,
        of: &Self,
        whose: RootOf,
    ) -> Result<(), PolicyError> {
        let needed = of.document.roles.root.threshold;
        if signers.len() >= needed {
            return Ok(());
        }
        let found = signers.len();
        Err(match whose {
            RootOf::Itself => PolicyError::TooFewOwnRootKeys { found, needed },
            RootOf::Previous => PolicyError::TooFewPreviousRootKeys { found, needed },
        })
    }

    /// Which of a role's keys signed; revoked ones do not count.
    fn signers(&self, envelope: &Envelope, role: &Signers) -> Vec<KeyId> {
        envelope.signers(self.keys(&role.keys))
    }

    /// Keys by name, without revoked ones.
    pub(crate) fn keys<'p>(&'p self, names: &'p [KeyId]) -> impl Iterator<Item = &'p PublicKey> {
        names
            .iter()
            .filter(|name| !self.revoked_key(name))
            .filter_map(|name| Some(&self.document.keys.get(name)?.public))
    }

    /// Whether the key's signatures no longer count.
    pub(crate) fn revoked_key(&self, key: &KeyId) -> bool {
        self.document.revoked.keys.contains(key)
    }

    /// When it was made: the time is not before that, whatever a clock says.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.document.created
    }

    /// Its number.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.document.version
    }

    /// From when on nothing is accepted under it.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.document.expires
    }

    /// All of it.
    #[must_use]
    pub fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// SHA-256 of the payload.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The release keys that a rotation to `next` takes away. What such a key has signed, a
    /// very high version perhaps, then no longer holds a channel back.
    #[must_use]
    pub fn lost_release_keys(&self, next: &Self) -> Vec<KeyId> {
        let still =
            |key: &KeyId| next.document.roles.release.keys.contains(key) && !next.revoked_key(key);
        let keys = self.document.roles.release.keys.iter();
        keys.filter(|key| !still(key)).copied().collect()
    }
}

#[derive(Clone, Copy)]
enum RootOf {
    Itself,
    Previous,
}

/// Everything that makes a policy mean one thing.
fn check(document: &PolicyDocument) -> Result<(), PolicyError> {
    if document.format != PolicyDocument::FORMAT {
        let found = document.format;
        return Err(PolicyError::Format { found });
    }
    if document.version == 0 {
        return Err(PolicyError::VersionZero);
    }
    for (listed, key) in &document.keys {
        if key.public.id() != *listed {
            return Err(PolicyError::KeyNamedWrongly { listed: *listed });
        }
    }
    let Roles {
        root,
        release,
        validation,
        device,
    } = &document.roles;
    let roles = [
        (RoleName::Root, &root.keys, root.threshold),
        (RoleName::Release, &release.keys, release.threshold),
        (RoleName::Validation, &validation.keys, validation.threshold),
    ];
    let mut seen: Vec<(KeyId, RoleName)> = Vec::new();
    for (role, keys, threshold) in roles {
        if threshold == 0 || threshold > keys.len() {
            return Err(PolicyError::Threshold { role });
        }
        for key in keys {
            if !document.keys.contains_key(key) {
                return Err(PolicyError::KeyMissing { role, key: *key });
            }
            if let Some((_, first)) = seen.iter().find(|(other, _)| other == key) {
                return Err(PolicyError::KeyTwice {
                    key: *key,
                    roles: [*first, role],
                });
            }
            seen.push((*key, role));
        }
    }
    let limits = device.as_ref().map(|device| &device.limits);
    for limits in [Some(&release.limits), limits].into_iter().flatten() {
        if !(limits.max_update_norm.is_finite() && limits.max_update_norm > 0.0) {
            return Err(PolicyError::UpdateNorm);
        }
    }
    if limits.is_some_and(|limits| !limits.within(&release.limits)) {
        return Err(PolicyError::DeviceMayMore);
    }
    let pointless = |requirement: &&Requirement| {
        requirement.at_least.is_none() && requirement.at_most.is_none()
    };
    match validation.requirements.iter().find(pointless) {
        Some(requirement) => Err(PolicyError::RequirementWithoutBound {
            metric: requirement.metric.clone(),
        }),
        None => Ok(()),
    }
}
