//! The database file: opening it, bringing it up to date.

use std::path::Path;
use std::time::Duration;

use pocketune_base::check_path;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::StoreError;

/// What brings a store from each version to the next one.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/1_adapters.sql"),
    include_str!("migrations/2_experiments.sql"),
    include_str!("migrations/3_runs.sql"),
];

/// What SQLite appends to the database's name for the files that it opens.
const FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// How long one process waits for another's transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the database at `path`, made where it is missing.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    for suffix in FILES {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        // Not opened: closing it would let go of locks that SQLite holds on the same file.
        check_path(file.as_ref())?;
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // A write-ahead log: readers and one writer at a time; whoever is killed leaves
    // whole transactions. FULL: what was committed survives a power cut too.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What was removed is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let version = |connection: &Connection| -> Result<i64, rusqlite::Error> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    let known = MIGRATIONS.len() as i64;
    if version(connection)? == known {
        return Ok(());
    }
    let transaction = begin(connection)?;
    // Another process may have done it meanwhile.
    let found = version(&transaction)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Damaged {
        what: "its version",
    })?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Empties the write-ahead log, which holds what was removed until then. As well as it can:
/// somebody else may be reading from it.
pub(crate) fn forget_log(connection: &Connection) {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    if let Err(error) = connection.query_row(checkpoint, [], |_| Ok(())) {
        log::warn!("the log was not emptied: {error}");
    }
}

/// A transaction that nobody else can write beside, from its beginning on.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}
