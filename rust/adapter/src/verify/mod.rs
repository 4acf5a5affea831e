//! The one way from bytes to an adapter that may change replies.

mod bundle;
mod limits;
mod refusal;
mod rollout;
mod set;
mod verified;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::attest::{
    Bundle, Digest, Kind, Name, Predicate, Release, Statement, SubjectKind, Timestamp, Validation,
};
use crate::base::BaseModel;
use crate::candidate::CandidateAdapter;
use crate::keys::{KeyId, PublicKey};
use crate::policy::{Limits, TrustPolicy};

use bundle::{Said, Signed};
pub use limits::BaseNorms;
pub use refusal::{Refusal, RefusedAdapter};
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

    /// A release that counts for this subject, here and now.
    fn release<'s>(
        &self,
        said: &'s Said,
        subject: &Released,
    ) -> Result<(&'s Release, Signer), Refusal> {
        self.check_readable(said, Kind::Release)?;
        let newest = self.newest(&said.signed, &subject.sha256);
        let (release, signer) = newest.map_err(|cause| said.more_telling(cause))?;
        self.check_release(release, subject)?;
        self.check_history(release, &subject.sha256)?;
        Ok((release, signer))
    }

    /// The newest release of these bytes that enough keys of one role signed.
    fn newest<'s>(
        &self,
        signed: &'s [Signed],
        sha256: &Digest,
    ) -> Result<(&'s Release, Signer), Refusal> {
        let mut refusal = Refusal::NoRelease;
        let mut best: Option<(&Release, Signer)> = None;
        for Signed { statement, by } in signed {
            let Predicate::Release(release) = &statement.predicate else {
                continue;
            };
            if !statement.is_about(sha256) {
                refusal = first_of(refusal, Refusal::OtherSubject);
                continue;
            }
            match self.signer(release, by) {
                Ok(signer) => {
                    // Of one version the latest: a newer statement may bring more stages.
                    let order = |release: &Release| (release.version, release.created);
                    if best
                        .as_ref()
                        .is_none_or(|(other, _)| order(release) > order(other))
                    {
                        best = Some((release, signer));
                    }
                }
                Err(cause) => refusal = first_of(refusal, cause),
            }
        }
        best.ok_or(refusal)
    }

    /// In which role a release was signed.
    fn signer(&self, release: &Release, by: &bundle::SignedBy) -> Result<Signer, Refusal> {
        if let Some(device) = &release.device {
            if self.policy.revoked_key(device) {
                return Err(Refusal::KeyRevoked { key: *device });
            }
            let own = self.device.is_some_and(|key| key.id() == *device);
            return if own && by.device {
                Ok(Signer::Device)
            } else {
                Err(Refusal::OtherDevice)
            };
        }
        let (found, needed) = (
            by.release.len(),
            self.policy.document().roles.release.threshold,
        );
        if found >= needed {
            Ok(Signer::Release(by.release.clone()))
        } else {
            Err(Refusal::BelowReleaseThreshold { found, needed })
        }
    }

    /// What the release itself says.
    fn check_release(&self, release: &Release, subject: &Released) -> Result<(), Refusal> {
        let adapter = subject.kind == SubjectKind::Adapter;
        if release.kind != subject.kind || release.lora.is_some() != adapter {
            return Err(Refusal::OtherKind);
        }
        if release.size_bytes != subject.size_bytes {
            return Err(Refusal::SizeDiffers {
                stated_bytes: release.size_bytes,
                found_bytes: subject.size_bytes,
            });
        }
        if self.now >= release.expires {
            let expired = release.expires;
            return Err(Refusal::Expired { expired });
        }
        // A model stands on no other, and suites and experiments may be for all.
        if release.base_models.is_empty() && subject.kind.may_be_for_all() {
            return Ok(());
        }
        let mut models = release.base_models.iter();
        let model = models
            .find(|model| model.sha256 == self.base.sha256)
            .ok_or(Refusal::OtherBaseModel)?;
        if model.tokenizer_sha256 != self.base.tokenizer_sha256 {
            return Err(Refusal::OtherTokenizer);
        }
        Ok(())
    }

    /// What was here before, and what no longer counts.
    fn check_history(&self, release: &Release, sha256: &Digest) -> Result<(), Refusal> {
        let (channel, version) = (&release.channel, release.version);
        if let Some(seen) = self.high_water.get(channel) {
            if version < seen.version {
                return Err(Refusal::Rollback {
                    channel: channel.clone(),
                    found: version,
                    seen: seen.version,
                });
            }
            if version == seen.version && *sha256 != seen.sha256 {
                let channel = channel.clone();
                return Err(Refusal::VersionReused { channel, version });
            }
        }
        if self.policy.document().revoked.digests.contains(sha256) {
            return Err(Refusal::Revoked { sha256: *sha256 });
        }
        Ok(())
    }

    fn limits(&self, signer: &Signer) -> Result<&Limits, Refusal> {
        let roles = &self.policy.document().roles;
        match (signer, &roles.device) {
            (Signer::Release(_), _) => Ok(&roles.release.limits),
            (Signer::Device, Some(device)) => Ok(&device.limits),
            (Signer::Device, None) => Err(Refusal::DeviceRoleMissing),
        }
    }

    /// Refuses bytes that failed a validation under this model, whatever else was found:
    /// one key that is trusted to vouch for them is enough to object, unless the policy
    /// says otherwise.
    fn check_failures(&self, signed: &[Signed], sha256: &Digest) -> Result<(), Refusal> {
        if self.policy.document().roles.validation.ignore_failed {
            return Ok(());
        }
        let failed = signed.iter().any(|Signed { statement, by }| {
            let trusted = !by.validation.is_empty() || by.device;
            let validation = self.validation_of(statement, sha256);
            trusted && validation.is_some_and(|validation| !validation.passed())
        });
        match failed {
            true => Err(Refusal::ValidationFailed),
            false => Ok(()),
        }
    }

    /// What a statement says of these bytes under this model, where it is a validation. A
    /// procedure names its adapter too: figures of one are no figures of another.
    fn validation_of<'s>(
        &self,
        statement: &'s Statement,
        sha256: &Digest,
    ) -> Option<&'s Validation> {
        let Predicate::Validation(validation) = &statement.predicate else {
            return None;
        };
        let procedure = validation.procedure.as_ref();
        let about = statement.is_about(sha256)
            && validation.base_model_sha256 == self.base.sha256
            && procedure.is_none_or(|procedure| procedure.adapter_sha256 == *sha256);
        about.then_some(validation)
    }

    /// A validation of these bytes under this model that enough keys signed and that
    /// meets the policy.
    fn validation<'s>(
        &self,
        signed: &'s [Signed],
        sha256: &Digest,
        signer: &Signer,
    ) -> Result<(&'s Validation, Vec<KeyId>), Refusal> {
        let needed = self.policy.document().roles.validation.threshold;
        let mut refusal = Refusal::NoValidation;
        for Signed { statement, by } in signed {
            if !matches!(statement.predicate, Predicate::Validation(_)) {
                continue;
            }
            let Some(validation) = self.validation_of(statement, sha256) else {
                refusal = first_of(refusal, Refusal::OtherBytesValidated);
                continue;
            };
            let found = by.validation.len();
            let validators = match signer {
                _ if found >= needed => by.validation.clone(),
                Signer::Device if by.device => self.device_id(),
                _ => {
                    let cause = Refusal::BelowValidationThreshold { found, needed };
                    refusal = first_of(refusal, cause);
                    continue;
                }
            };
            match self.check_validation(validation) {
                Ok(()) => return Ok((validation, validators)),
                Err(cause) => refusal = first_of(refusal, cause),
            }
        }
        Err(refusal)
    }

    /// Its verdict, and the figures that the policy asks for. Its own thresholds are not
    /// looked at: who signs a validation does not set the bar.
    fn check_validation(&self, validation: &Validation) -> Result<(), Refusal> {
        if !validation.passed() {
            return Err(Refusal::ValidationFailed);
        }
        for requirement in &self.policy.document().roles.validation.requirements {
            let suite = requirement.suite.name.clone();
            let metric = requirement.metric.clone();
            match validation.value(&requirement.suite.sha256, &metric) {
                None => return Err(Refusal::MetricMissing { suite, metric }),
                Some(value) if !requirement.met_by(value) => {
                    return Err(Refusal::MetricNotMet {
                        suite,
                        metric,
                        value,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
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

/// In which role a release was signed.
enum Signer {
    Release(Vec<KeyId>),
    Device,
}

/// The more telling of two refusals: absence is what is said when nothing else can be.
fn first_of(before: Refusal, now: Refusal) -> Refusal {
    match before {
        Refusal::NoRelease | Refusal::NoValidation => now,
        before => before,
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
