//! The time, as far as it can be believed.

use pocketune_adapter::{Timestamp, TrustPolicy};
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::folder::StoreFolder;
use crate::history::{Action, Event};
use crate::policy;

/// The clock's time, or the latest one that this store has seen: setting a clock back
/// revives nothing that has expired. The first time, too: it is not before the policy in
/// force was made.
pub(crate) fn observe(
    connection: &Connection,
    policy: &TrustPolicy,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let latest = latest(connection)?;
    if now > latest {
        connection.execute(
            "UPDATE standing SET latest_time = ?1",
            params![now.unix_seconds()],
        )?;
    }
    Ok(now.max(latest).max(policy.created()))
}

fn latest(connection: &Connection) -> Result<Timestamp, StoreError> {
    let seconds = connection.query_row("SELECT latest_time FROM standing", [], |row| row.get(0))?;
    Ok(Timestamp::from_unix(seconds))
}

impl StoreFolder {
    /// How many seconds the clock is behind the latest time that this store has seen, or
    /// behind the making of the policy in force; 0 where it is not. A clock that once ran far ahead keeps expired what it made
    /// expire: an app that sees a large number here can ask its user which one is
    /// right, and [`StoreFolder::trust_clock`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn clock_behind_s(&self, now: Timestamp) -> Result<u64, StoreError> {
        let connection = self.connection();
        let latest = match policy::current(&connection) {
            Ok(policy) => latest(&connection)?.max(policy.created()),
            Err(StoreError::NoPolicy) => latest(&connection)?,
            Err(error) => return Err(error),
        };
        let behind = latest.unix_seconds() - now.unix_seconds();
        Ok(u64::try_from(behind).unwrap_or(0))
    }

    /// From now on the clock is right, though the store has seen a later time: what
    /// expired in between counts again. Only when the user says so. That
    /// the policy in force was made before stays certain: its signers say so.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub fn trust_clock(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = crate::database::begin(&mut connection)?;
        let detail = format!("from {}", latest(&transaction)?);
        transaction.execute(
            "UPDATE standing SET latest_time = ?1",
            params![now.unix_seconds()],
        )?;
        Event::new(Action::ClockTrusted, now)
            .detail(detail)
            .record(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}
