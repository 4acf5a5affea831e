//! The database file: opening it, bringing it up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pocketune_base::check_path;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::StoreError;

/// Its name in the folder of a store.
pub(crate) const NAME: &str = "store.sqlite";

/// What brings a store from each version to the next one.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/1_adapters.sql"),
    include_str!("migrations/2_experiments.sql"),
    include_str!("migrations/3_runs.sql"),
    include_str!("migrations/4_signers.sql"),
    include_str!("migrations/5_installation.sql"),
];

/// What SQLite appends to the database's name for the files that it opens.
const FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// How long one process waits for another's transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long whoever removes something waits until nobody reads from the log.
pub(crate) const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// Opens the database at `path`, made where it is missing. Looks all of it over where the
/// process before did not close it: whoever is killed, or loses power on a disk that lies
/// about what it has written, may leave damage behind.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    for suffix in FILES {
        // Not opened: closing it would let go of locks that SQLite holds on the same file.
        check_path(&with_suffix(path, suffix))?;
    }
    // Whoever closes the database last removes its log.
    let log = fs::metadata(with_suffix(path, "-wal"));
    let was_closed = log.is_err() || log.is_ok_and(|log| log.len() == 0);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // A file that somebody prepared does nothing through SQL, and no page of it is believed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A write-ahead log: readers and one writer at a time; whoever is killed leaves
    // whole transactions. FULL: what was committed survives a power cut too.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What was removed is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    if !was_closed {
        quick_check(&connection)?;
        // What was removed before the end may still stand in the log.
        empty_log(&connection, LOG_PATIENCE);
    }
    migrate(&mut connection)?;
    Ok(connection)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(suffix);
    file.into()
}

/// Whether the pages of the database fit together. Reads all of it.
fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Damaged {
            what: "the database",
        }),
    }
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

/// Empties the write-ahead log, which holds what was removed until then. False where it is
/// not empty: somebody else has been reading from it all of `patience`, say.
pub(crate) fn empty_log(connection: &Connection, patience: Duration) -> bool {
    let emptied = connection.busy_timeout(patience).is_ok() && truncate_log(connection);
    if let Err(error) = connection.busy_timeout(PATIENCE) {
        log::warn!("the database does not wait for others any more: {error}");
    }
    emptied
}

fn truncate_log(connection: &Connection) -> bool {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    // The first column says that somebody was in the way (sqlite.org, PRAGMA wal_checkpoint).
    match connection.query_row(checkpoint, [], |row| row.get::<_, i64>(0)) {
        Ok(busy) => busy == 0,
        Err(error) => {
            log::warn!("the log was not emptied: {error}");
            false
        }
    }
}

/// A transaction that nobody else can write beside, from its beginning on.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// Commits what is only noted beside an answer: history, and how late it is. A full disk keeps
/// nobody from using what is there.
pub(crate) fn commit_notes(transaction: Transaction<'_>) {
    if let Err(error) = transaction.commit() {
        log::warn!("the store did not note what happened: {error}");
    }
}
