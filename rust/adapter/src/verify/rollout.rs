//! Whether a device may install a release now: its stages, and halts.

use pocketune_base::Digest;

use crate::attest::{InstallationId, Kind, Predicate, Release, SubjectKind};
use crate::verify::bundle::Said;
use crate::verify::{Refusal, Verifier};

/// Who asks for a verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rollout {
    /// Somebody who installs nothing: a halt counts, stages do not.
    #[default]
    Anybody,
    /// A device that wants to install it: both count.
    Installs(InstallationId),
    /// A device that has it: what is there is not thrown out by a later halt, nor by stages
    /// that a newer statement gives it. Revocation does that.
    Kept,
}

impl Verifier<'_> {
    /// Refuses a release that was halted, or whose stages have not come to this device. What
    /// is no adapter is known to be here by its channel's mark.
    pub(super) fn check_rollout(
        &self,
        rollout: Rollout,
        said: &Said,
        release: &Release,
        sha256: &Digest,
    ) -> Result<(), Refusal> {
        let mark = self.high_water.get(&release.channel);
        let accepted = mark.is_some_and(|mark| mark.sha256 == *sha256);
        if rollout == Rollout::Kept || release.kind != SubjectKind::Adapter && accepted {
            return Ok(());
        }
        self.check_readable(said, Kind::Halt)?;
        self.check_halts(said, sha256)?;
        let (Some(stages), Rollout::Installs(installation)) = (&release.stages, rollout) else {
            return Ok(());
        };
        let from = stages.opens(sha256, &installation);
        match from {
            Some(from) if self.now >= from => Ok(()),
            from => Err(Refusal::NotYet { from }),
        }
    }

    fn check_halts(&self, said: &Said, sha256: &Digest) -> Result<(), Refusal> {
        let needed = self.policy.document().roles.release.threshold;
        for signed in &said.signed {
            if let Predicate::Halt(halt) = &signed.statement.predicate
                && signed.by.release.len() >= needed
                && signed.statement.is_about(sha256)
            {
                let since = halt.created;
                return Err(Refusal::Halted { since });
            }
        }
        Ok(())
    }
}
