//! The one way from bytes to an adapter that may change replies.

mod bundle;
mod limits;
mod refusal;
mod release;
mod rollout;
mod set;
mod validation;
mod verified;

use std::collections::BTreeMap;
use std::sync::Arc;

use pocketune_base::{Digest, Timestamp};

use crate::attest::{Bundle, Kind, Name, Predicate, Statement, SubjectKind};
use crate::base::BaseModel;
use crate::candidate::CandidateAdapter;
use crate::keys::{KeyId, PublicKey};
use crate::policy::{Limits, TrustPolicy};

use bundle::{Said, Signed};
pub use limits::BaseNorms;
pub use refusal::{Refusal, RefusedAdapter};
use release::Signer;
pub use rollout::Rollout;
pub use set::check_set;
pub use verified::{VerifiedAdapter, VerifiedFile, VerifiedRelease};

/// The model that an adapter is to change.
#[derive(Debug, Clone)]
pub struct BaseIdentity {
    /// Shapes of its tensors.
    pub shapes: Arc<BaseModel>,
    /// SHA-256 of its file.
    pub sha256: Digest,
    /// SHA-256 of its tokenizer.
    pub tokenizer_sha256: Digest,
    /// Frobenius norms of its matrices.
    pub norms: Arc<BaseNorms>,
}

/// The highest release of a channel that this device has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWaterMark {
    /// Its version.
    pub version: u64,
    /// Its bytes.
    pub sha256: Digest,
}

/// What somebody releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// What it is to be used as.
    pub kind: SubjectKind,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Their number.
    pub size_bytes: u64,
}

/// Everything a verdict depends on beside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// Whom to believe.
    pub policy: &'a TrustPolicy,
    /// This device's own key, where it has one.
    pub device: Option<&'a PublicKey>,
    /// The time, as far as it is known.
    pub now: Timestamp,
    /// The model in use.
    pub base: &'a BaseIdentity,
    /// What was here before, by channel.
    pub high_water: &'a BTreeMap<Name, HighWaterMark>,
}

impl Verifier<'_> {
    /// Longest adapter that anybody may give out: whoever reads a file stops there.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.policy.document().roles.release.limits.max_bytes
    }

    /// Checks an adapter file and the attestations beside it, in the order of
    /// [`Refusal`]'s variants, for somebody who installs nothing. Does not block; takes some
    /// ten milliseconds for 10 MB, most of it the hash and the norms.
    ///
    /// # Errors
    /// The first [`Refusal`].
    pub fn verify(
        &self,
        adapter: impl Into<Arc<[u8]>>,
        bundle: &[u8],
    ) -> Result<VerifiedAdapter, Refusal> {
        self.verify_for(Rollout::Anybody, adapter, bundle)
    }

    /// The same for whoever wants to install the adapter, or has it.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_for(
        &self,
        rollout: Rollout,
        adapter: impl Into<Arc<[u8]>>,
        bundle: &[u8],
    ) -> Result<VerifiedAdapter, Refusal> {
        let adapter = adapter.into();
        let found_bytes = adapter.len() as u64;
        let limit_bytes = self.bytes_max();
        if found_bytes > limit_bytes {
            return Err(Refusal::TooLarge {
                found_bytes,
                limit_bytes,
            });
        }
        let sha256 = Digest::of(&adapter);
        let subject = Released {
            kind: SubjectKind::Adapter,
            sha256,
            size_bytes: found_bytes,
        };
        let said = self.said(bundle, &sha256)?;
        let (release, signer) = self.release(&said, &subject)?;
        let candidate = CandidateAdapter::parse(adapter, &self.base.shapes)?;
        let limits = self.limits(&signer)?;
        let updates = limits::check(&candidate, release, limits, &self.base.norms)?;
        self.check_readable(&said, Kind::Validation)?;
        self.check_failures(&said.signed, &sha256)?;
        let validation = self.validation(&said.signed, &sha256, &signer);
        let (validation, validators) = validation.map_err(|cause| said.more_telling(cause))?;
        self.check_rollout(rollout, &said, release, &sha256)?;
        let (release, validation) = (release.clone(), validation.clone());
        let others = others(said.signed, &sha256);
        Ok(VerifiedAdapter {
            candidate,
            updates,
            update_max: limits.max_update_norm,
            updates_max: self.policy.document().roles.release.limits.max_update_norm,
            sha256,
            base_sha256: self.base.sha256,
            release,
            validation,
            made_here: matches!(signer, Signer::Device),
            signers: self.names(signer),
            validators,
            others,
        })
    }

    /// Checks the attestations beside something that is no adapter: a base model, the
    /// head of a reward model, a suite, an experiment. Whoever releases adapters releases
    /// these; no device does, and no validation is asked for. What they must be by
    /// themselves is for whoever reads them.
    ///
    /// For files that are not held in memory, such as base models: what is in memory is
    /// for [`Verifier::verify_file`]. An adapter never passes here, where nobody would ask
    /// for its limits and its validation.
    ///
    /// # Errors
    /// The first [`Refusal`], in the same order; [`Refusal::OtherKind`] for an adapter.
    pub fn verify_release(
        &self,
        subject: Released,
        bundle: &[u8],
    ) -> Result<VerifiedRelease, Refusal> {
        self.verify_release_for(Rollout::Anybody, subject, bundle)
    }

    fn verify_release_for(
        &self,
        rollout: Rollout,
        subject: Released,
        bundle: &[u8],
    ) -> Result<VerifiedRelease, Refusal> {
        if subject.kind == SubjectKind::Adapter {
            return Err(Refusal::OtherKind);
        }
        let said = self.said(bundle, &subject.sha256)?;
        let (release, signer) = self.release(&said, &subject)?;
        if matches!(signer, Signer::Device) {
            return Err(Refusal::DeviceRoleMissing);
        }
        self.check_rollout(rollout, &said, release, &subject.sha256)?;
        let signers = self.names(signer);
        Ok(VerifiedRelease::new(
            subject.sha256,
            release.clone(),
            signers,
        ))
    }

    /// Checks a file that is no adapter and the attestations beside it: the same as
    /// [`Verifier::verify_release`], about these very bytes, which are then what is used.
    /// Whoever reads the file bounds it. Does not block; takes a hash of the bytes.
    ///
    /// # Errors
    /// As [`Verifier::verify_release`].
    pub fn verify_file(
        &self,
        kind: SubjectKind,
        bytes: impl Into<Arc<[u8]>>,
        bundle: &[u8],
    ) -> Result<VerifiedFile, Refusal> {
        self.verify_file_for(Rollout::Anybody, kind, bytes, bundle)
    }

    /// The same for whoever wants to use the file from now on, or does.
    ///
    /// # Errors
    /// As [`Verifier::verify_release`].
    pub fn verify_file_for(
        &self,
        rollout: Rollout,
        kind: SubjectKind,
        bytes: impl Into<Arc<[u8]>>,
        bundle: &[u8],
    ) -> Result<VerifiedFile, Refusal> {
        let bytes = bytes.into();
        let subject = Released {
            kind,
            sha256: Digest::of(&bytes),
            size_bytes: bytes.len() as u64,
        };
        let verified = self.verify_release_for(rollout, subject, bundle)?;
        Ok(VerifiedFile::new(bytes, verified))
    }

    /// What anybody who is known says in a bundle, about these bytes above all.
    fn said(&self, bundle: &[u8], sha256: &Digest) -> Result<Said, Refusal> {
        let bundle = Bundle::read(bundle)?;
        let expired = self.policy.expires();
        if self.now >= expired {
            return Err(Refusal::PolicyExpired { expired });
        }
        bundle::said(&bundle, sha256, self.policy, self.device)
    }

    /// Refuses where a statement of this kind about these bytes cannot be read and would
    /// count if it could be.
    fn check_readable(&self, said: &Said, kind: Kind) -> Result<(), Refusal> {
        let roles = &self.policy.document().roles;
        let needed = match kind {
            Kind::Release | Kind::Halt => roles.release.threshold,
            Kind::Validation if roles.validation.ignore_failed => return Ok(()),
            // One that failed counts from its first signature on.
            Kind::Validation => 1,
        };
        let mut unreadable = said.unreadable.iter().filter(|one| one.kind == kind);
        let counts = unreadable.find(|one| {
            let found = match kind {
                Kind::Release | Kind::Halt => one.by.release.len(),
                Kind::Validation => one.by.validation.len(),
            };
            found >= needed || one.by.device && kind != Kind::Halt
        });
        counts.map_or(Ok(()), |one| Err(one.refusal()))
    }

    fn limits(&self, signer: &Signer) -> Result<&Limits, Refusal> {
        let roles = &self.policy.document().roles;
        match (signer, &roles.device) {
            (Signer::Release(_), _) => Ok(&roles.release.limits),
            (Signer::Device, Some(device)) => Ok(&device.limits),
            (Signer::Device, None) => Err(Refusal::DeviceRoleMissing),
        }
    }

    fn names(&self, signer: Signer) -> Vec<KeyId> {
        match signer {
            Signer::Release(keys) => keys,
            Signer::Device => self.device_id(),
        }
    }

    fn device_id(&self) -> Vec<KeyId> {
        self.device.map(PublicKey::id).into_iter().collect()
    }
}

/// Statements about these bytes that decide nothing.
fn others(signed: Vec<Signed>, sha256: &Digest) -> Vec<Statement> {
    signed
        .into_iter()
        .map(|signed| signed.statement)
        .filter(|statement| matches!(statement.predicate, Predicate::Other { .. }))
        .filter(|statement| statement.is_about(sha256))
        .collect()
}
