//! Experiments and what happened in them. Their meaning is another crate's: here a
//! definition is bytes, and an event a line.

use pocketune_adapter::{Digest, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::activate::{ActiveAdapter, accepted};
use crate::database::begin;
use crate::error::StoreError;
use crate::folder::{Situation, StoreFolder};

/// An experiment that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExperiment {
    /// SHA-256 of the definition's canonical form, in hexadecimal digits.
    pub sha256: String,
    /// The name of this start of it, random: another one after it was forgotten has another.
    pub run: String,
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

/// A run of an experiment, as far as somebody has read it.
#[derive(Debug, Clone, Copy)]
pub struct StoredRun<'a> {
    /// The experiment's name, SHA-256 of its definition.
    pub experiment: &'a str,
    /// The run's name.
    pub run: &'a str,
    /// Place of the last event that was read; 0 before the first.
    pub last: i64,
}

/// Whether events were written.
#[derive(Debug, Clone)]
pub enum Appended<T = ()> {
    /// The last one has this place.
    At(i64, T),
    /// Somebody else wrote before: read on, and decide again.
    Behind,
}

impl StoreFolder {
    /// Keeps an experiment, unless it is there already. Returns the name of its run.
    ///
    /// # Errors
    /// Those of writing.
    pub fn start_experiment(
        &self,
        sha256: &str,
        definition: &[u8],
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        transaction.execute(
            "INSERT OR IGNORE INTO experiments (sha256, definition, started_at, run)
             VALUES (?1, ?2, ?3, lower(hex(randomblob(16))))",
            params![sha256, definition, now.unix_seconds()],
        )?;
        let run = transaction.query_row(
            "SELECT run FROM experiments WHERE sha256 = ?1",
            params![sha256],
            |row| row.get(0),
        )?;
        transaction.commit()?;
        Ok(run)
    }

    /// All experiments, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn experiments(&self) -> Result<Vec<StoredExperiment>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT sha256, run, definition, started_at FROM experiments
             ORDER BY started_at, rowid",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(StoredExperiment {
                sha256: row.get(0)?,
                run: row.get(1)?,
                definition: row.get(2)?,
                started_at: Timestamp::from_unix(row.get(3)?),
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
        self.forget_removed(&connection);
        Ok(())
    }

    /// Events behind those that were read, in their order.
    ///
    /// # Errors
    /// [`StoreError::NoExperiment`] for one that was forgotten, even where it was started
    /// again; [`StoreError::Database`].
    pub fn events(&self, behind: &StoredRun<'_>) -> Result<Vec<StoredEvent>, StoreError> {
        let connection = self.connection();
        check_known(&connection, behind.experiment, behind.run)?;
        let mut statement = connection.prepare_cached(
            "SELECT id, event FROM experiment_events
             WHERE experiment = ?1 AND id > ?2 ORDER BY id",
        )?;
        let rows = statement.query_map(params![behind.experiment, behind.last], |row| {
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
    /// As [`StoreFolder::events`], and those of writing.
    pub fn append_events(
        &self,
        to: &StoredRun<'_>,
        lines: &[String],
    ) -> Result<Appended, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        if !to.is_read(&transaction)? {
            return Ok(Appended::Behind);
        }
        let place = to.append(&transaction, lines)?;
        transaction.commit()?;
        Ok(Appended::At(place, ()))
    }

    /// Writes the events that conclude an experiment and makes adapters the active ones, both
    /// or neither: as [`StoreFolder::append_events`] and [`StoreFolder::activate`].
    ///
    /// # Errors
    /// Those of both.
    pub fn conclude_experiment(
        &self,
        run: &StoredRun<'_>,
        lines: &[String],
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Appended<Vec<ActiveAdapter>>, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        if !run.is_read(&transaction)? {
            return Ok(Appended::Behind);
        }
        let active = self.activate_in(&transaction, wanted, situation)?;
        if !active.refused.is_empty() {
            transaction.commit()?;
            return accepted(active).map(|_| Appended::Behind);
        }
        let place = run.append(&transaction, lines)?;
        transaction.commit()?;
        Ok(Appended::At(place, active.adapters))
    }
}

impl StoredRun<'_> {
    /// Whether nothing was written behind it.
    fn is_read(&self, connection: &Connection) -> Result<bool, StoreError> {
        check_known(connection, self.experiment, self.run)?;
        let found: i64 = connection.query_row(
            "SELECT coalesce(max(id), 0) FROM experiment_events WHERE experiment = ?1",
            params![self.experiment],
            |row| row.get(0),
        )?;
        Ok(found == self.last)
    }

    /// The place of the last line.
    fn append(&self, connection: &Connection, lines: &[String]) -> Result<i64, StoreError> {
        let mut place = self.last;
        for line in lines {
            connection.execute(
                "INSERT INTO experiment_events (experiment, event) VALUES (?1, ?2)",
                params![self.experiment, line],
            )?;
            place = connection.last_insert_rowid();
        }
        Ok(place)
    }
}

fn check_known(connection: &Connection, experiment: &str, run: &str) -> Result<(), StoreError> {
    let known: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM experiments WHERE sha256 = ?1 AND run = ?2",
            params![experiment, run],
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
