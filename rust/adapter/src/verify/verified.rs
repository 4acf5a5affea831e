//! What the verifier lets pass.

use crate::attest::{Digest, Release, Statement, Validation};
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
