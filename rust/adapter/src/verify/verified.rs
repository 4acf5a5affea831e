//! What the verifier lets pass.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pocketune_base::Digest;

use crate::attest::{Release, Statement, SubjectKind, Validation};
use crate::candidate::CandidateAdapter;
use crate::keys::KeyId;

/// An adapter whose bytes, statements and limits were all checked. Only
/// [`Verifier::verify`](crate::Verifier::verify) makes one; a chat takes nothing else.
///
/// It stays what it is when its release expires later: whoever keeps one verifies it
/// again before the next use.
#[derive(Debug, Clone)]
pub struct VerifiedAdapter {
    pub(super) candidate: CandidateAdapter,
    /// By how much of its norm each matrix is changed at a scale of 1.
    pub(super) updates: BTreeMap<String, f64>,
    /// By how much its signers may change one.
    pub(super) update_max: f64,
    /// By how much all adapters together may.
    pub(super) updates_max: f64,
    pub(super) sha256: Digest,
    pub(super) base_sha256: Digest,
    pub(super) release: Release,
    pub(super) validation: Validation,
    pub(super) signers: Vec<KeyId>,
    pub(super) validators: Vec<KeyId>,
    pub(super) made_here: bool,
    pub(super) others: Vec<Statement>,
}

impl VerifiedAdapter {
    /// The adapter in the bytes that were checked.
    #[must_use]
    pub fn adapter(&self) -> &CandidateAdapter {
        &self.candidate
    }

    /// SHA-256 of those bytes.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// SHA-256 of the model file that it was verified for.
    #[must_use]
    pub fn base_sha256(&self) -> Digest {
        self.base_sha256
    }

    /// What its signers say of it.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// What validation found.
    #[must_use]
    pub fn validation(&self) -> &Validation {
        &self.validation
    }

    /// Whose signatures of the release count.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// Whose signatures of the validation count.
    #[must_use]
    pub fn validators(&self) -> &[KeyId] {
        &self.validators
    }

    /// Whether this very device made it.
    #[must_use]
    pub fn made_here(&self) -> bool {
        self.made_here
    }

    /// Further statements about these bytes by trusted signers, such as SLSA provenance:
    /// to be shown, never decided by.
    #[must_use]
    pub fn other_statements(&self) -> &[Statement] {
        &self.others
    }
}

/// A release of anything but an adapter, whose statement was checked. Only
/// [`Verifier::verify_release`](crate::Verifier::verify_release) makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRelease {
    sha256: Digest,
    release: Release,
    signers: Vec<KeyId>,
}

impl VerifiedRelease {
    pub(super) fn new(sha256: Digest, release: Release, signers: Vec<KeyId>) -> Self {
        Self {
            sha256,
            release,
            signers,
        }
    }

    /// SHA-256 of what was released.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// What its signers say of it.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Whose signatures count.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }
}

/// A file that is no adapter, with the release that its very bytes passed by: the head of a
/// reward model, a suite, an experiment's definition. Only
/// [`Verifier::verify_file`](crate::Verifier::verify_file) makes one; whoever uses such a file
/// parses these bytes and reads nothing again by path.
#[derive(Clone, PartialEq)]
pub struct VerifiedFile {
    bytes: Arc<[u8]>,
    verified: VerifiedRelease,
}

impl VerifiedFile {
    pub(super) fn new(bytes: Arc<[u8]>, verified: VerifiedRelease) -> Self {
        Self { bytes, verified }
    }

    /// The bytes that were checked.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// What it is to be used as.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        self.verified.release.kind
    }

    /// Who released it, and what they say of it.
    #[must_use]
    pub fn verified(&self) -> &VerifiedRelease {
        &self.verified
    }
}

impl fmt::Debug for VerifiedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedFile")
            .field("bytes", &self.bytes.len())
            .field("verified", &self.verified)
            .finish()
    }
}
