//! Experiments and what happened in them. Their meaning is another crate's: here a
//! definition is bytes, and an event a line.

use pocketune_adapter::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::database::begin;
use crate::error::StoreError;

/// An experiment that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExperiment {
    /// SHA-256 of the definition's canonical form, in hexadecimal digits.
    pub sha256: String,
    /// The definition.
    pub definition: Vec<u8>,
    /// When it was started, by the device's clock.
    pub started_at: Timestamp,
}

/// One event with its place in the ledger, which only grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place; 0 is before the first.
    pub place: i64,
    /// The event, as a line of the ledger.
    pub line: String,
}

/// Whether an event was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It has this place.
    At(i64),
    /// Somebody else wrote before: read on, and decide again.
    Behind,
}

impl Store {
    /// Keeps an experiment, unless it is there already.
    ///
    /// # Errors
    /// Those of writing.
    pub fn start_experiment(
        &self,
        sha256: &str,
        definition: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT OR IGNORE INTO experiments (sha256, definition, started_at)
             VALUES (?1, ?2, ?3)",
            params![sha256, definition, now.unix_seconds()],
        )?;
        Ok(())
    }

    /// All experiments, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn experiments(&self) -> Result<Vec<StoredExperiment>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT sha256, definition, started_at FROM experiments ORDER BY started_at, rowid",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(StoredExperiment {
                sha256: row.get(0)?,
                definition: row.get(1)?,
                started_at: Timestamp::from_unix(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes an experiment with all of its events.
    ///
    /// # Errors
    /// [`StoreError::NoExperiment`], and those of writing.
    pub fn forget_experiment(&self, sha256: &str) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        transaction.execute(
            "DELETE FROM experiment_events WHERE experiment = ?1",
            params![sha256],
        )?;
        let gone =
            transaction.execute("DELETE FROM experiments WHERE sha256 = ?1", params![sha256])?;
        if gone == 0 {
            return Err(no_experiment(sha256));
        }
        transaction.commit()?;
        Ok(())
    }

    /// Events of an experiment behind this place, in their order.
    ///
    /// # Errors
    /// [`StoreError::NoExperiment`], [`StoreError::Database`].
    pub fn events(&self, experiment: &str, after: i64) -> Result<Vec<StoredEvent>, StoreError> {
        let connection = self.connection();
        check_known(&connection, experiment)?;
        let mut statement = connection.prepare_cached(
            "SELECT id, event FROM experiment_events
             WHERE experiment = ?1 AND id > ?2 ORDER BY id",
        )?;
        let rows = statement.query_map(params![experiment, after], |row| {
            Ok(StoredEvent {
                place: row.get(0)?,
                line: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes events behind the one at place `last`, all or none, if nothing has been
    /// written behind it since: who decides by what went before, decides by all of it.
    ///
    /// # Errors
    /// [`StoreError::NoExperiment`], and those of writing.
    pub fn append_events(
        &self,
        experiment: &str,
        last: i64,
        lines: &[String],
    ) -> Result<Appended, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        check_known(&transaction, experiment)?;
        let found: i64 = transaction.query_row(
            "SELECT coalesce(max(id), 0) FROM experiment_events WHERE experiment = ?1",
            params![experiment],
            |row| row.get(0),
        )?;
        if found != last {
            return Ok(Appended::Behind);
        }
        let mut place = last;
        for line in lines {
            transaction.execute(
                "INSERT INTO experiment_events (experiment, event) VALUES (?1, ?2)",
                params![experiment, line],
            )?;
            place = transaction.last_insert_rowid();
        }
        transaction.commit()?;
        Ok(Appended::At(place))
    }
}

fn check_known(connection: &Connection, experiment: &str) -> Result<(), StoreError> {
    let known: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM experiments WHERE sha256 = ?1",
            params![experiment],
            |row| row.get(0),
        )
        .optional()?;
    known.map(|_| ()).ok_or_else(|| no_experiment(experiment))
}

fn no_experiment(sha256: &str) -> StoreError {
    StoreError::NoExperiment {
        sha256: sha256.to_owned(),
    }
}
