//! The folder of a store: its database, and bytes beside it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pocketune_adapter::{BaseIdentity, PublicKey, Timestamp};
use rusqlite::Connection;

use crate::blobs::Blobs;
use crate::error::StoreError;
use crate::{database, private, rows};

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
    pub(crate) blobs: Blobs,
}

impl StoreFolder {
    /// Whether there is a store in `folder`. Opening makes one where there is none.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(database::NAME).is_file()
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
            database: Mutex::new(database::open(&folder.join(database::NAME))?),
            log_unemptied: AtomicBool::new(false),
            blobs: Blobs::open(folder)?,
        };
        store.blobs.sweep(|sha256| {
            // In doubt it stays.
            rows::is_installed(&store.connection(), sha256).unwrap_or(true)
        })?;
        Ok(store)
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
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
    pub(crate) fn forget_removed(&self, connection: &Connection) {
        let emptied = database::empty_log(connection, database::LOG_PATIENCE);
        self.log_unemptied.store(!emptied, Ordering::Relaxed);
    }
}
