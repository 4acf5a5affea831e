//! The folder that holds the checkpoint of one run.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pocketune_base::{open_regular, open_regular_with, replace_own_file};
use pocketune_kernels::MappedFile;

use crate::error::TrainError;
use crate::trainer::cross_validation::Folds;

const FILE: &str = "checkpoint.gguf";
const NEW_FILE: &str = "checkpoint.gguf.new";
const FOLDS_FILE: &str = "cross-validation.json";
const NEW_FOLDS_FILE: &str = "cross-validation.json.new";
const LOCK_FILE: &str = "checkpoint.lock";

/// A hundred times what the folds of a long run take.
const FOLDS_BYTES_MAX: u64 = 10_000_000;

// It was made from what people wrote: its owner reads it, whatever the umask.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// A folder with one run's checkpoint, held by one process at a time.
#[derive(Debug)]
pub struct CheckpointDir {
    folder: PathBuf,
    // Locked as long as this lives, by whom the system knows to be alive.
    _lock: File,
}

impl CheckpointDir {
    /// Time between two checkpoints, unless told otherwise: 12 bytes a parameter are written
    /// and synced, to flash memory that wears out.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

    /// The files that a run keeps in `folder`, and removes at its end.
    #[must_use]
    pub fn files(folder: &Path) -> [PathBuf; 5] {
        let names = [FILE, NEW_FILE, FOLDS_FILE, NEW_FOLDS_FILE, LOCK_FILE];
        names.map(|name| folder.join(name))
    }

    /// Takes hold of `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// [`TrainError::CheckpointUnusable`], also while another process holds it.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let unusable = TrainError::CheckpointUnusable;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(PRIVATE_FOLDER);
        builder.create(folder).map_err(unusable)?;
        let options = &mut File::options();
        options.create(true).append(true).mode(PRIVATE_FILE);
        let lock = open_regular_with(&folder.join(LOCK_FILE), options)
            .map_err(|error| unusable(error.into()))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => unusable(error),
            TryLockError::WouldBlock => unusable(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process uses it",
            )),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Whether there is a checkpoint.
    #[must_use]
    pub fn holds_one(&self) -> bool {
        self.folder.join(FILE).exists()
    }

    /// Removes the checkpoint, when its run is over.
    ///
    /// # Errors
    /// [`TrainError::CheckpointUnusable`].
    pub fn clear(&self) -> Result<(), TrainError> {
        for name in [FILE, NEW_FILE, FOLDS_FILE, NEW_FOLDS_FILE] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(TrainError::CheckpointUnusable(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces the checkpoint; it is on the disk when this returns.
    pub(super) fn write<Piece: AsRef<[u8]>>(
        &self,
        pieces: impl IntoIterator<Item = Piece>,
    ) -> Result<(), TrainError> {
        replace_own_file(&self.folder, FILE, NEW_FILE, pieces)
            .map_err(TrainError::CheckpointNotWritten)
    }

    /// The checkpoint, mapped; none where there is none.
    pub(super) fn read(&self) -> Result<Option<MappedFile>, TrainError> {
        if !self.holds_one() {
            return Ok(None);
        }
        let file = open_regular(&self.folder.join(FILE))
            .map_err(io::Error::from)
            .and_then(|file| MappedFile::of(&file));
        file.map(Some).map_err(TrainError::CheckpointUnusable)
    }

    /// What is known of a cross-validation; nothing where it cannot be read: it is then made
    /// again.
    pub(super) fn read_folds(&self) -> Option<Folds> {
        let file = open_regular(&self.folder.join(FOLDS_FILE)).ok()?;
        serde_json::from_reader(BufReader::new(file.take(FOLDS_BYTES_MAX))).ok()
    }

    /// Replaces what is known of a cross-validation; it is on the disk when this returns.
    pub(super) fn write_folds(&self, folds: &Folds) -> Result<(), TrainError> {
        let unwritten = TrainError::CheckpointNotWritten;
        let json = serde_json::to_vec(folds).map_err(|error| unwritten(error.into()))?;
        replace_own_file(&self.folder, FOLDS_FILE, NEW_FOLDS_FILE, [json]).map_err(unwritten)
    }
}
