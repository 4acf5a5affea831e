//! What the user has agreed to.

use pocketune_adapter::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::begin;
use crate::error::StoreError;
use crate::folder::StoreFolder;
use crate::purpose::Purpose;

impl StoreFolder {
    /// Whether consent is given now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn has_consent(&self, purpose: Purpose) -> Result<bool, StoreError> {
        has_consent(&self.connection(), purpose)
    }

    /// Gives consent or takes it back. Taking [`Purpose::Review`] back removes what was kept
    /// for review; taking [`Purpose::ReviewSharing`] back, every mark for sharing.
    ///
    /// # Errors
    /// [`StoreError::PurposeUnused`] for giving what nothing in this version uses; those of
    /// writing.
    pub fn set_consent(
        &self,
        purpose: Purpose,
        given: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(withdrawal) = withdrawal(purpose) else {
            return match given {
                true => Err(StoreError::PurposeUnused { purpose }),
                false => Ok(()),
            };
        };
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        transaction.execute(
            "INSERT INTO consents (purpose, given, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (purpose) DO UPDATE SET given = ?2, at = ?3",
            params![purpose.name(), given, now.unix_seconds()],
        )?;
        if !given {
            transaction.execute(withdrawal, [])?;
        }
        transaction.commit()?;
        if !given {
            self.forget_removed(&connection);
        }
        Ok(())
    }
}

/// What is removed when a consent is taken back; none where nothing in this version
/// rests on it. Nobody is asked to agree to what does not happen.
fn withdrawal(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Review => Some("DELETE FROM review_items"),
        Purpose::ReviewSharing => Some("UPDATE review_items SET shared = 0"),
        Purpose::Learn | Purpose::KeepExamples | Purpose::ShareCounts | Purpose::ShareUpdates => {
            None
        }
    }
}

fn has_consent(connection: &Connection, purpose: Purpose) -> Result<bool, StoreError> {
    let given: Option<bool> = connection
        .query_row(
            "SELECT given FROM consents WHERE purpose = ?1",
            params![purpose.name()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(given.unwrap_or(false))
}

/// Refuses what nobody has agreed to. In the transaction of what needs it: consent may be
/// taken back at any moment.
pub(crate) fn require(connection: &Connection, purpose: Purpose) -> Result<(), StoreError> {
    match has_consent(connection, purpose)? {
        true => Ok(()),
        false => Err(StoreError::NoConsent { purpose }),
    }
}
