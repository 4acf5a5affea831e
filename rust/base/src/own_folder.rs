//! Files in a folder that this library has for itself, such as a store's.
//!
//! What people name is written by [`crate::write_whole`], which asks first what is there and
//! follows links. Here whatever has the name makes way, unless it is a folder, and the
//! temporary file has a name by which the folder's owner knows it after a crash.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::open_regular_with;

/// Read and written by its owner alone.
const PRIVATE: u32 = 0o600;

/// Writes the file `name` by way of the file `temporary` in the same folder, for its owner
/// alone to read: at any moment `name` holds what was there before or all of this. Blocks
/// until bytes and name are on the disk.
///
/// # Errors
/// What the system says, such as that the disk is full. Then what was there before is
/// untouched, and the temporary file is gone.
pub fn replace_own_file<Piece: AsRef<[u8]>>(
    folder: &Path,
    name: &str,
    temporary: &str,
    pieces: impl IntoIterator<Item = Piece>,
) -> io::Result<()> {
    let new = folder.join(temporary);
    let options = &mut File::options();
    options.create(true).write(true).truncate(true);
    let mut file = open_regular_with(&new, options.mode(PRIVATE))?;
    // One that a killed process left may be anybody's to read.
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    let written = pieces
        .into_iter()
        .try_for_each(|piece| file.write_all(piece.as_ref()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, folder.join(name)));
    if let Err(error) = written {
        // Room for others on a full disk.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(folder)
}

/// A rename is on the disk when the folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::replace_own_file;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // What a killed process left.
        fs::write(path("new"), b"half of something longer").unwrap();
        fs::write(path("file"), b"old").unwrap();
        replace_own_file(folder.path(), "file", "new", [b"on", b"e!"]).unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"one!");
        let mode = fs::metadata(path("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!path("new").exists());
    }

    #[test]
    fn a_link_makes_way_and_its_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("elsewhere"), b"old").unwrap();
        symlink(path("elsewhere"), path("file")).unwrap();
        replace_own_file(folder.path(), "file", "new", [b"new"]).unwrap();
        assert_eq!(fs::read(path("elsewhere")).unwrap(), b"old");
        assert!(!fs::symlink_metadata(path("file")).unwrap().is_symlink());
    }

    #[test]
    fn what_fails_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("file")).unwrap();
        let failed = replace_own_file(folder.path(), "file", "new", [b"new"]);
        assert!(failed.is_err());
        let names = fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 1);
    }
}
