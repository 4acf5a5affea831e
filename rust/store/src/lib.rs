//! Everything that lasts (layer L2): the trust policy, installed adapters, which of
//! them are active, high-water marks, a history that its owner can read; experiments with
//! all that happened in them; replies that a person should look at.
//!
//! A store is a folder: an SQLite database in WAL mode, and adapters' bytes beside it,
//! named by their digest. Each change is one transaction; a process killed at any point
//! leaves the state before or after it, and bytes that no row names go at the next
//! opening. Two processes may use one store. All functions block for the disk.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod activate;
mod blobs;
mod clock;
mod consent;
mod database;
mod delivery;
mod error;
mod experiments;
mod files;
mod history;
mod install;
mod installation;
mod norms;
mod policy;
mod private;
mod review;
mod rows;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pocketune_adapter::{BaseIdentity, PublicKey, Timestamp};
use rusqlite::Connection;

use blobs::Blobs;

pub use activate::{Active, ActiveAdapter};
pub use consent::Purpose;
pub use delivery::{Delivery, bundle_path, read_bundle};
pub use error::StoreError;
pub use experiments::{Appended, StoredEvent, StoredExperiment, StoredRun};
pub use history::{Action, HistoryEntry};
pub use install::{InstalledAdapter, VerifiedDelivery};
pub use pocketune_adapter::RefusedAdapter;
pub use review::{REVIEWS_MAX, ReviewItem, ReviewLabel};

/// What a store decides by, beside what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What the clock says.
    pub now: Timestamp,
    /// The model that adapters are to change.
    pub base: &'a BaseIdentity,
    /// This device's own key, where it has one.
    pub device: Option<&'a PublicKey>,
}

/// The folder of a store. Thread-safe.
#[derive(Debug)]
pub struct StoreFolder {
    database: Mutex<Connection>,
    /// Whether the write-ahead log may hold what was removed.
    log_unemptied: AtomicBool,
    blobs: Blobs,
}

/// The database's name in the folder of a store.
const DATABASE: &str = "store.sqlite";

impl StoreFolder {
    /// Whether there is a store in `folder`. Opening makes one where there is none.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(DATABASE).is_file()
    }

    /// Opens the store in `folder`, made where it is missing, and removes what an
    /// interrupted installation left. Its files are readable by their owner alone, and so is
    /// the folder, unless it holds something else too.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Full`], [`StoreError::Newer`],
    /// [`StoreError::Damaged`], [`StoreError::Busy`], [`StoreError::NotAFile`],
    /// [`StoreError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        private::prepare(folder)?;
        let store = Self {
            database: Mutex::new(database::open(&folder.join(DATABASE))?),
            log_unemptied: AtomicBool::new(false),
            blobs: Blobs::open(folder)?,
        };
        store.blobs.sweep(|sha256| {
            // In doubt it stays.
            rows::is_installed(&store.connection(), sha256).unwrap_or(true)
        })?;
        Ok(store)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction of a thread that panicked was rolled back.
        let connection = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log_unemptied.load(Ordering::Relaxed)
            && database::empty_log(&connection, Duration::ZERO)
        {
            self.log_unemptied.store(false, Ordering::Relaxed);
        }
        connection
    }

    /// Empties the log behind a removal. Where another process reads from it all the while,
    /// each call that follows tries again, and the next opening.
    fn forget_removed(&self, connection: &Connection) {
        let emptied = database::empty_log(connection, database::LOG_PATIENCE);
        self.log_unemptied.store(!emptied, Ordering::Relaxed);
    }
}
