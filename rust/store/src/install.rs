//! Looking at a delivery, installing it, removing it.

use std::collections::BTreeMap;

use pocketune_adapter::{
    Digest, HighWaterMark, Name, Rollout, Timestamp, VerifiedAdapter, Verifier,
};
use rusqlite::{Connection, params};

use crate::database::{begin, commit_notes};
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::folder::{Situation, StoreFolder};
use crate::history::{Action, Event};
use crate::rows::InstalledAdapter;
use crate::{clock, installation, policy, rows};

/// What a delivery is, for whoever decides whether to install it: signers, changelog,
/// validation results and size are the adapter's own.
#[derive(Debug, Clone)]
pub struct VerifiedDelivery {
    /// The adapter, accepted.
    pub adapter: VerifiedAdapter,
    /// The newest one of its channel that is installed.
    pub replaces: Option<InstalledAdapter>,
}

impl StoreFolder {
    /// Verifies a delivery and changes nothing but the history: a refusal is noted there.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::NoPolicy`], and those of the database.
    pub fn verify(
        &self,
        delivery: &Delivery,
        situation: &Situation<'_>,
    ) -> Result<VerifiedDelivery, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let adapter = accept(&transaction, delivery, situation);
        commit_notes(transaction);
        let adapter = adapter?;
        let channel = &adapter.release().channel;
        let installed = rows::all_installed(&connection)?;
        let replaces = installed
            .into_iter()
            .filter(|other| other.channel == *channel && other.sha256 != adapter.sha256())
            .max_by_key(|other| other.version);
        Ok(VerifiedDelivery { adapter, replaces })
    }

    /// Verifies a delivery and keeps it. It changes no reply before it is active. A second
    /// time the same bytes may bring newer attestations.
    ///
    /// # Errors
    /// As [`StoreFolder::verify`]; [`StoreError::Full`], [`StoreError::ReadOnly`].
    pub fn install(
        &self,
        delivery: &Delivery,
        situation: &Situation<'_>,
    ) -> Result<VerifiedAdapter, StoreError> {
        let _unswept = self.blobs.installing()?;
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let adapter = match accept(&transaction, delivery, situation) {
            Ok(adapter) => adapter,
            Err(error) => {
                // The refusal is history.
                commit_notes(transaction);
                return Err(error);
            }
        };
        let sha256 = adapter.sha256();
        self.blobs.put(&sha256, adapter.adapter().bytes())?;
        let kept = keep(&transaction, &adapter, delivery, situation.now);
        let kept = kept.and_then(|()| Ok(transaction.commit()?));
        if let Err(error) = kept {
            // No row names it: room for others on a full disk.
            if rows::is_installed(&connection, &sha256).is_ok_and(|installed| !installed) {
                self.blobs.remove(&sha256);
            }
            return Err(error);
        }
        Ok(adapter)
    }

    /// Whether this adapter is installed.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] where it is not, [`StoreError::Database`].
    pub fn check_installed(&self, sha256: &Digest) -> Result<(), StoreError> {
        match rows::is_installed(&self.connection(), sha256)? {
            true => Ok(()),
            false => Err(StoreError::NotInstalled { sha256: *sha256 }),
        }
    }

    /// Removes an adapter that is not active. Its high-water mark stays: an older
    /// release of the channel is refused as before.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::InUse`], and those of writing.
    pub fn remove(&self, sha256: &Digest, now: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let installed = rows::installed(&transaction, sha256)?;
        let installed = installed.ok_or(StoreError::NotInstalled { sha256: *sha256 })?;
        if rows::members(&transaction, rows::active_set(&transaction)?)?
            .iter()
            .any(|(member, _)| member == sha256)
        {
            return Err(StoreError::InUse { sha256: *sha256 });
        }
        transaction.execute(
            "DELETE FROM adapters WHERE sha256 = ?1",
            params![sha256.to_string()],
        )?;
        Event::new(Action::Removed, now)
            .about(*sha256)
            .detail(format!("{} {}", installed.channel, installed.version))
            .record(&transaction)?;
        transaction.commit()?;
        self.blobs.remove(sha256);
        Ok(())
    }

    /// All installed adapters, by channel and version.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn installed(&self) -> Result<Vec<InstalledAdapter>, StoreError> {
        rows::all_installed(&self.connection())
    }
}

/// The row of an accepted adapter, how far its channel has come, and a line of history.
fn keep(
    connection: &Connection,
    adapter: &VerifiedAdapter,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sha256, release) = (adapter.sha256(), adapter.release());
    connection.execute(
        "INSERT INTO adapters
         (sha256, bundle, name, channel, version, size_bytes, made_here, installed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sha256) DO UPDATE SET bundle = excluded.bundle, name = excluded.name,
         channel = excluded.channel, version = excluded.version",
        params![
            sha256.to_string(),
            &*delivery.bundle,
            release.name.as_str(),
            release.channel.as_str(),
            rows::signed(release.version),
            rows::signed(release.size_bytes),
            adapter.made_here(),
            now.unix_seconds(),
        ],
    )?;
    rows::raise_high_water(connection, release, &sha256, adapter.signers())?;
    Event::new(Action::Installed, now)
        .about(sha256)
        .release(release, adapter.signers())
        .detail(release.changelog.clone())
        .record(connection)
}

/// Verifies a delivery that comes from outside; notes a refusal.
fn accept(
    connection: &Connection,
    delivery: &Delivery,
    situation: &Situation<'_>,
) -> Result<VerifiedAdapter, StoreError> {
    let marks = rows::high_water(connection)?;
    let sha256 = Digest::of(&delivery.adapter);
    let rollout = installation::rollout(connection, &sha256)?;
    let outcome = verify(connection, delivery, situation, &marks, rollout)?;
    outcome.map_err(|refusal| {
        let event = Event::new(Action::Refused, situation.now)
            .about(sha256)
            .refusal(&refusal);
        if let Err(error) = event.record_once(connection) {
            log::warn!("a refusal could not be noted: {error}");
        }
        refusal.into()
    })
}

/// The one verifier under this store's policy and clock.
pub(crate) fn verify(
    connection: &Connection,
    delivery: &Delivery,
    situation: &Situation<'_>,
    high_water: &BTreeMap<Name, HighWaterMark>,
    rollout: Rollout,
) -> Result<Result<VerifiedAdapter, pocketune_adapter::Refusal>, StoreError> {
    let policy = policy::current(connection)?;
    let verifier = Verifier {
        now: clock::observe(connection, &policy, situation.now)?,
        policy: &policy,
        device: situation.device,
        base: situation.base,
        high_water,
    };
    Ok(verifier.verify_for(rollout, delivery.adapter.clone(), &delivery.bundle))
}
