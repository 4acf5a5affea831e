//! The trust policy in force.

use pocketune_adapter::{Timestamp, TrustPolicy};
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::begin;
use crate::error::StoreError;
use crate::folder::StoreFolder;
use crate::history::{Action, Event};
use crate::rows;

impl StoreFolder {
    /// The policy in force.
    ///
    /// # Errors
    /// [`StoreError::NoPolicy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn policy(&self) -> Result<TrustPolicy, StoreError> {
        current(&self.connection())
    }

    /// Makes `envelope` the policy where there is none, or an older one: the policy that
    /// ships with an app, which is trusted as the app is. Call it at each start; a
    /// policy that is not newer changes nothing. Where the one in the store is damaged, one
    /// that is not older takes its place. Returns the policy in force.
    ///
    /// # Errors
    /// [`StoreError::Policy`], and those of writing.
    pub fn pin_policy(&self, envelope: &[u8], now: Timestamp) -> Result<TrustPolicy, StoreError> {
        let pinned = TrustPolicy::pinned(envelope)?;
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        match current(&transaction) {
            Ok(policy) if policy.version() >= pinned.version() => return Ok(policy),
            Ok(policy) => follow(&transaction, &policy, &pinned)?,
            Err(StoreError::NoPolicy) => {}
            Err(StoreError::Damaged { .. }) if !is_older(&transaction, &pinned)? => {}
            Err(error) => return Err(error),
        }
        keep(&transaction, envelope, &pinned, Action::PolicyPinned, now)?;
        transaction.commit()?;
        Ok(pinned)
    }

    /// Replaces the policy by the next one, as its own root keys and the new ones say.
    /// Returns the policy in force.
    ///
    /// # Errors
    /// [`StoreError::NoPolicy`], [`StoreError::Policy`], and those of writing.
    pub fn rotate_policy(
        &self,
        envelope: &[u8],
        now: Timestamp,
    ) -> Result<TrustPolicy, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let policy = current(&transaction)?;
        let next = policy.rotate(envelope)?;
        follow(&transaction, &policy, &next)?;
        keep(&transaction, envelope, &next, Action::PolicyRotated, now)?;
        transaction.commit()?;
        Ok(next)
    }
}

pub(crate) fn current(connection: &Connection) -> Result<TrustPolicy, StoreError> {
    let envelope: Option<Vec<u8>> = connection
        .query_row(
            "SELECT envelope FROM policies ORDER BY version DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let envelope = envelope.ok_or(StoreError::NoPolicy)?;
    TrustPolicy::pinned(&envelope).map_err(|_| StoreError::Damaged { what: "the policy" })
}

/// Whether a policy is older than the newest in the store, which may be damaged.
fn is_older(connection: &Connection, policy: &TrustPolicy) -> Result<bool, StoreError> {
    let newest: i64 =
        connection.query_row("SELECT max(version) FROM policies", [], |row| row.get(0))?;
    Ok(policy.version() < newest.cast_unsigned())
}

/// Where a release key is taken away, what it has signed holds no channel back any more
/// (TUF 1.0.34, section 5.3.11: recovery from a fast-forward attack). Other channels stay
/// as far as they have come.
fn follow(
    connection: &Connection,
    before: &TrustPolicy,
    next: &TrustPolicy,
) -> Result<(), StoreError> {
    for key in before.lost_release_keys(next) {
        rows::drop_high_water(connection, &key)?;
    }
    Ok(())
}

fn keep(
    connection: &Connection,
    envelope: &[u8],
    policy: &TrustPolicy,
    action: Action,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT OR REPLACE INTO policies (version, envelope, stored_at) VALUES (?1, ?2, ?3)",
        params![rows::signed(policy.version()), envelope, now.unix_seconds()],
    )?;
    Event::new(action, now)
        .detail(format!("version {}", policy.version()))
        .record(connection)
}
