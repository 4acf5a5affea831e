//! What whoever holds the device has agreed to.

use pocketune_adapter::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::database::begin;
use crate::error::StoreError;

/// What consent is asked for. Nothing is taken for granted: an answer that was not given is
/// a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To keep replies that critics are in doubt about, for a person to look at.
    Review,
    /// To hand those that were marked out for sharing to people elsewhere.
    ReviewSharing,
}

impl Purpose {
    /// A stable name, in snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::ReviewSharing => "review_sharing",
        }
    }
}

impl Store {
    /// Whether consent is given now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn has_consent(&self, purpose: Purpose) -> Result<bool, StoreError> {
        has_consent(&self.connection(), purpose)
    }

    /// Gives consent or takes it back. Taking [`Purpose::Review`] back removes what was kept
    /// for review; taking [`Purpose::ReviewSharing`] back, what was marked out for sharing
    /// is so no longer.
    ///
    /// # Errors
    /// Those of writing.
    pub fn set_consent(
        &self,
        purpose: Purpose,
        given: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        transaction.execute(
            "INSERT INTO consents (purpose, given, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (purpose) DO UPDATE SET given = ?2, at = ?3",
            params![purpose.name(), given, now.unix_seconds()],
        )?;
        if !given {
            transaction.execute(
                match purpose {
                    Purpose::Review => "DELETE FROM review_items",
                    Purpose::ReviewSharing => "UPDATE review_items SET shared = 0",
                },
                [],
            )?;
        }
        transaction.commit()?;
        if !given {
            self.forget_removed(&connection);
        }
        Ok(())
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
