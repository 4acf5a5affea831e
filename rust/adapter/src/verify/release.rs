//! Which release of a file counts, in which role it was signed, and what it says.

use pocketune_base::Digest;

use crate::attest::{Kind, Predicate, Release, SubjectKind};
use crate::keys::KeyId;
use crate::verify::bundle::{Said, Signed, SignedBy};
use crate::verify::refusal::first_of;
use crate::verify::{Refusal, Released, Verifier};

/// In which role a release was signed.
pub(super) enum Signer {
    Release(Vec<KeyId>),
    Device,
}

impl Verifier<'_> {
    /// A release that counts for this subject, here and now.
    pub(super) fn release<'s>(
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
    fn signer(&self, release: &Release, by: &SignedBy) -> Result<Signer, Refusal> {
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
}
