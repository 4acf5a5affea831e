//! SHA-256 of model files, remembered by file identity.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pocketune_base::{Digest, Readers, read_regular, write_whole};
use serde::{Deserialize, Serialize};

/// Thousands of models. A longer file counts as damaged.
const CACHE_BYTES_MAX: u64 = 1 << 20;

/// Remembers digests, so that a model is hashed once and not at every start.
///
/// An entry holds for a file with the same device, inode, size, modification
/// and change time; the change time cannot be set back by a program, so a file
/// that was written to is hashed again. Thread-safe.
#[derive(Debug, Default)]
pub struct DigestCache {
    known: Mutex<HashMap<String, String>>,
    file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize, Default)]
struct Stored {
    digests: HashMap<String, String>,
}

impl DigestCache {
    /// Remembers for as long as this value lives.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Remembers in a small file. An unreadable or damaged file counts as empty.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        let file = path.into();
        let stored: Stored = read_regular(&file, CACHE_BYTES_MAX)
            .ok()
            .flatten()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            known: Mutex::new(stored.digests),
            file: Some(file),
        }
    }

    /// The digest of `file`, hashing it if need be. Blocks; moves the file offset.
    ///
    /// # Errors
    /// Failure to read `file`. Failure to remember the digest is logged only.
    pub fn digest(&self, file: &File) -> io::Result<Digest> {
        let identity = identity(file)?;
        let remembered = self
            .lock()
            .get(&identity)
            .and_then(|hex| Digest::from_hex(hex));
        if let Some(digest) = remembered {
            return Ok(digest);
        }
        let digest = hash_file(file)?;
        let stored = {
            let mut known = self.lock();
            known.insert(identity, digest.to_string());
            Stored {
                digests: known.clone(),
            }
        };
        if let Some(path) = &self.file
            && let Err(error) = replace_file(path, &stored)
        {
            log::warn!("the digest cache could not be written: {error}");
        }
        Ok(digest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity(file: &File) -> io::Result<String> {
    let m = file.metadata()?;
    Ok(format!(
        "{}:{}:{}:{}.{}:{}.{}",
        m.dev(),
        m.ino(),
        m.size(),
        m.mtime(),
        m.mtime_nsec(),
        m.ctime(),
        m.ctime_nsec()
    ))
}

fn hash_file(mut file: &File) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    Digest::of_reader(file)
}

/// Written beside and renamed, so that a reader sees the old or the new file.
fn replace_file(path: &Path, stored: &Stored) -> io::Result<()> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    write_whole(path, &serde_json::to_vec(stored)?, Readers::Owner)
}
