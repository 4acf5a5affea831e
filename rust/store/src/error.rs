//! Everything that can go wrong with a store.

use std::io;

use pocketune_adapter::{Digest, PolicyError, Refusal};
use pocketune_base::OpenError;

use crate::purpose::Purpose;

/// Why a store did not do what it was asked. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The adapter is not accepted.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The policy is not accepted.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No policy was pinned: there is nobody to believe.
    #[error("the store has no trust policy")]
    NoPolicy,
    /// No such adapter is installed.
    #[error("no adapter {sha256} is installed")]
    NotInstalled {
        /// Its digest.
        sha256: Digest,
    },
    /// An active adapter cannot be removed: deactivate it first.
    #[error("the adapter {sha256} is active")]
    InUse {
        /// Its digest.
        sha256: Digest,
    },
    /// Nothing was active before.
    #[error("there is nothing to go back to")]
    NothingBefore,
    /// A scale that is not between 0 and 1.
    #[error("the scale {scale} is not between 0 and 1")]
    Scale {
        /// The scale.
        scale: f32,
    },
    /// No such experiment was started.
    #[error("no experiment {sha256} was started")]
    NoExperiment {
        /// SHA-256 of its definition.
        sha256: String,
    },
    /// The user has not agreed to this.
    #[error("there is no consent to {}", purpose.name())]
    NoConsent {
        /// To what.
        purpose: Purpose,
    },
    /// Nothing in this version rests on this consent, so nobody is asked for it.
    #[error("nothing uses the consent to {} yet", purpose.name())]
    PurposeUnused {
        /// What it would be for.
        purpose: Purpose,
    },
    /// Nothing of this id waits for review.
    #[error("nothing is kept for review as {id:?}")]
    NoReview {
        /// The id.
        id: String,
    },
    /// Something of this id waits for review already.
    #[error("something is kept for review as {id:?} already")]
    DuplicateReview {
        /// The id.
        id: String,
    },
    /// An annotator said something else of an item before.
    #[error("{annotator} said something else of {id:?} before")]
    LabelContradicts {
        /// The item.
        id: String,
        /// Who.
        annotator: String,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The folder or the disk cannot be written.
    #[error("the store cannot be written")]
    ReadOnly,
    /// Another process writes, and did not stop for some seconds.
    #[error("another process is using the store")]
    Busy,
    /// A later version of this library wrote the store.
    #[error("the store has version {found}, this library knows {known}")]
    Newer {
        /// The store's version.
        found: i64,
        /// The newest known one.
        known: i64,
    },
    /// Something in the store is not what was put there.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What.
        what: &'static str,
    },
    /// A path leads to something else than a file.
    #[error("a file that was delivered or that belongs to the store is {found}")]
    NotAFile {
        /// What it is instead.
        found: &'static str,
    },
    /// A file cannot be read or written.
    #[error("a file of the store cannot be used: {0}")]
    Io(#[source] io::Error),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] rusqlite::Error),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotAFile { found } => Self::NotAFile { found },
            OpenError::Io(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                what: "the database",
            },
            // Its message is the database's path.
            Some(ErrorCode::OutOfMemory) => Self::Io(io::ErrorKind::OutOfMemory.into()),
            _ => Self::Database(error),
        }
    }
}
