//! What a store holds is for its owner to read, whatever the process's umask: replies and
//! what people said of them lie in it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::database;

/// Read and written by its owner alone.
pub(crate) const FILE: u32 = 0o600;
/// Looked into by its owner alone.
const FOLDER: u32 = 0o700;
/// The folder of adapters' bytes.
pub(crate) const BLOBS: &str = "blobs";
/// Locked while bytes come and go.
pub(crate) const LOCK: &str = "blobs.lock";

/// Makes the store's folder and an empty database where they are missing, and takes from
/// others what an older version of this library, or another umask, let them read. A folder
/// that holds something else too was not made for the store: it stays as it is, and what is
/// the store's in it is private all the same.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    make_folder(folder)?;
    // SQLite gives its log and index the permissions of the database.
    let mut options = File::options();
    options.write(true).create_new(true).mode(FILE);
    match options.open(folder.join(database::NAME)) {
        // Never opened where it is there: closing it would let go of locks of SQLite's.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut only_own = true;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match is_own(&entry.file_name()) {
            true => tighten(&entry.path()),
            false => only_own = false,
        }
    }
    if only_own {
        tighten(folder);
    }
    Ok(())
}

/// The database with its log and index, blobs and their lock.
fn is_own(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let of_database = name.strip_prefix(database::NAME.as_bytes());
    let of_database = of_database.is_some_and(|end| end.is_empty() || end.starts_with(b"-"));
    of_database || [BLOBS, LOCK].map(str::as_bytes).contains(&name)
}

/// Makes a folder, and those around it, where they are missing.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(folder)
}

/// As far as the system lets: some file systems know no permissions, and what belongs to
/// somebody else stays theirs. Links are not followed.
pub(crate) fn tighten(path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let private = match found.file_type() {
        kind if kind.is_dir() => FOLDER,
        kind if kind.is_file() => FILE,
        _ => return,
    };
    let mode = found.permissions().mode();
    if mode & 0o077 != 0
        && let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode & private))
    {
        log::warn!("others may read from the store: {error}");
    }
}
