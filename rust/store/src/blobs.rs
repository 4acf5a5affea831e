//! Files named by the digest of their bytes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_adapter::Digest;
use pocketune_base::{OpenError, open_regular, open_regular_with, replace_own_file};

use crate::error::StoreError;
use crate::private;

const SUFFIX: &str = ".gguf";

/// The folder of blobs.
#[derive(Debug)]
pub(crate) struct Blobs {
    folder: PathBuf,
    lock: PathBuf,
}

/// Held while a blob may be there before its row is: nobody sweeps meanwhile. The
/// system lets go of it when a process dies.
#[derive(Debug)]
pub(crate) struct Installing(#[expect(dead_code, reason = "its drop unlocks")] File);

impl Blobs {
    pub(crate) fn open(store: &Path) -> Result<Self, StoreError> {
        let folder = store.join(private::BLOBS);
        private::make_folder(&folder)?;
        for entry in fs::read_dir(&folder)? {
            private::tighten(&entry?.path());
        }
        let lock = store.join(private::LOCK);
        Ok(Self { folder, lock })
    }

    /// Waits until nobody sweeps.
    pub(crate) fn installing(&self) -> Result<Installing, StoreError> {
        let file = self.lock_file()?;
        file.lock_shared()?;
        Ok(Installing(file))
    }

    /// Writes a blob: whole and on the disk when this returns, or not there. What lies there
    /// and is something else makes room.
    pub(crate) fn put(&self, sha256: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(sha256);
        let limit = bytes.len() as u64;
        if matches!(self.read(sha256, limit), Ok(Some(found)) if *found == *bytes) {
            return Ok(());
        }
        let mark = process_mark()?;
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            // No file takes the place of a directory.
            fs::rename(&path, self.folder.join(format!("{sha256}.{mark}.old")))?;
        }
        let (name, temporary) = (blob_name(sha256), format!("{sha256}.{mark}.new"));
        Ok(replace_own_file(&self.folder, &name, &temporary, [bytes])?)
    }

    /// A blob's bytes, which are what its name says; one more than `limit` of a longer one.
    /// `None` for one that is damaged: missing, changed, unreadable, or something else than a
    /// file.
    ///
    /// # Errors
    /// [`StoreError::Io`] for what is not the blob's fault, such as too many open files.
    pub(crate) fn read(
        &self,
        sha256: &Digest,
        limit: u64,
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        let read = open_regular(&self.path(sha256)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(OpenError::NotAFile { .. }) => return Ok(None),
            Err(OpenError::Io(error)) if is_damage(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let whole = bytes.len() as u64 <= limit;
        Ok((!whole || Digest::of(&bytes) == *sha256).then(|| bytes.into()))
    }

    pub(crate) fn remove(&self, sha256: &Digest) {
        // What cannot be removed now is swept later.
        let _ = fs::remove_file(self.path(sha256));
    }

    /// Removes what no row names, unless somebody is installing. Passes over what it cannot
    /// remove: a folder that somebody put there, a file of somebody else's.
    pub(crate) fn sweep(&self, named: impl Fn(&Digest) -> bool) -> Result<(), StoreError> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let digest = name
                .and_then(|name| name.strip_suffix(SUFFIX))
                .and_then(Digest::from_hex);
            if !digest.is_some_and(|digest| named(&digest))
                && let Err(error) = fs::remove_file(&path)
            {
                log::warn!("a stray file of the store was not removed: {error}");
            }
        }
        Ok(())
    }

    fn path(&self, sha256: &Digest) -> PathBuf {
        self.folder.join(blob_name(sha256))
    }

    fn lock_file(&self) -> Result<File, OpenError> {
        let mut options = File::options();
        options.create(true).append(true).mode(private::FILE);
        open_regular_with(&self.lock, &mut options)
    }
}

fn blob_name(sha256: &Digest) -> String {
    format!("{sha256}{SUFFIX}")
}

/// Whether an error says that a file is not what was put there, and would say so again.
fn is_damage(error: &io::Error) -> bool {
    // The disk cannot read it, or a link leads back to itself.
    matches!(error.raw_os_error(), Some(libc::EIO | libc::ELOOP))
        || matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof
        )
}

/// Tells files of one process from those of others, and of one call from the next.
fn process_mark() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|error| StoreError::Io(io::Error::other(error)))
}
