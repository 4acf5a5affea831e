//! What is delivered beside adapters and influences replies or verdicts: reward heads,
//! suites, experiments.

use pocketune_adapter::{Digest, Rollout, SubjectKind, VerifiedFile, Verifier};
use rusqlite::Connection;

use crate::database::begin;
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::folder::{Situation, StoreFolder};
use crate::history::{Action, Event};
use crate::{clock, installation, policy, rows};

impl StoreFolder {
    /// Verifies a delivery that is no adapter. The store keeps that its channel has come so
    /// far, and not the file: whoever asked has its bytes, and verifies them again at the
    /// next start.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::NoPolicy`], and those of writing.
    pub fn accept_file(
        &self,
        kind: SubjectKind,
        delivery: &Delivery,
        situation: &Situation<'_>,
    ) -> Result<VerifiedFile, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let accepted = accept(&transaction, kind, delivery, situation);
        // A refusal is history too.
        transaction.commit()?;
        accepted
    }
}

fn accept(
    connection: &Connection,
    kind: SubjectKind,
    delivery: &Delivery,
    situation: &Situation<'_>,
) -> Result<VerifiedFile, StoreError> {
    let policy = policy::current(connection)?;
    let verifier = Verifier {
        now: clock::observe(connection, &policy, situation.now)?,
        policy: &policy,
        device: situation.device,
        base: situation.base,
        high_water: &rows::high_water(connection)?,
    };
    let rollout = Rollout::Installs(installation::id(connection)?);
    let (bytes, bundle) = (delivery.adapter.clone(), &delivery.bundle);
    let verified = verifier.verify_file_for(rollout, kind, bytes, bundle);
    let file = match verified {
        Ok(file) => file,
        Err(refusal) => {
            Event::new(Action::Refused, situation.now)
                .about(Digest::of(&delivery.adapter))
                .refusal(&refusal)
                .record_once(connection)?;
            return Err(refusal.into());
        }
    };
    let (release, sha256) = (file.verified().release(), file.verified().sha256());
    rows::raise_high_water(connection, release, &sha256, file.verified().signers())?;
    Event::new(Action::Accepted, situation.now)
        .about(sha256)
        .release(release, file.verified().signers())
        .detail(release.changelog.clone())
        .record_once(connection)?;
    Ok(file)
}
