//! Files written whole or not at all.
//!
//! The bytes go to a temporary file in the same folder, onto the disk, and from there to
//! their name in one rename: at any moment the name holds the older file or the new one.
//! Whether a file can go to a place is asked before the work that makes it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::{OpenError, open_regular_with};

/// Read and written by its owner alone.
const PRIVATE: u32 = 0o600;

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The new one takes its place.
    Replaced,
    /// It stays, and nothing is written.
    Kept,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone, from the first byte on, whatever it replaces.
    Owner,
    /// Its owner alone where it is new, whatever the process's umask: it holds what people
    /// wrote, or was made from that. One that replaces another has the permissions of that,
    /// which somebody chose.
    OwnerAtFirst,
    /// Whom the process's umask lets. One that replaces another has the permissions of that.
    Umask,
}

/// Why no file can go to a place. Holds no path.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The name belongs to a folder, or ends as one does.
    #[error("it must be a regular file, this is a directory")]
    Folder,
    /// A pipe, a device or a socket: to rename onto it would remove it.
    #[error("it must be a regular file, this is {found}")]
    NotAFile {
        /// What it is, with its article.
        found: &'static str,
    },
    /// A link whose target is missing.
    #[error("it is a link to nothing")]
    DanglingLink,
    /// There is one already, and it stays.
    #[error("the file exists")]
    Exists,
    /// The folder is missing or cannot be written.
    #[error("its folder: {0}")]
    Parent(#[source] io::Error),
    /// What the system says.
    #[error(transparent)]
    Io(io::Error),
}

impl From<PlaceError> for io::Error {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Io(error) => error,
            PlaceError::Parent(ref cause) => Self::new(cause.kind(), error),
            PlaceError::Exists => Self::new(io::ErrorKind::AlreadyExists, error),
            other => Self::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// Where a file can go: the folder can be written, and what has the name, if anything, is a
/// regular file that may be replaced.
#[derive(Debug, Clone)]
pub struct Place {
    // Links are followed: the file that one names is replaced, not the link.
    folder: PathBuf,
    name: OsString,
    // Device and number of the file that is there.
    inode: Option<(u64, u64)>,
    existing: Existing,
}

impl Place {
    /// Looks whether a file can go to `path`. Changes nothing.
    ///
    /// # Errors
    /// Each variant of [`PlaceError`].
    pub fn check(path: &Path, existing: Existing) -> Result<Self, PlaceError> {
        let ends_as_folder = path.as_os_str().as_bytes().ends_with(b"/");
        let found = occupant(path)?;
        if found.as_ref().is_some_and(Metadata::is_dir) || ends_as_folder {
            return Err(PlaceError::Folder);
        }
        if found.is_some() && existing == Existing::Kept {
            return Err(PlaceError::Exists);
        }
        let real = match found {
            // A file that its owner protected is not replaced either.
            Some(_) => {
                open_regular_with(path, File::options().write(true)).map_err(refused)?;
                fs::canonicalize(path).map_err(PlaceError::Io)?
            }
            None => path.to_owned(),
        };
        let name = real.file_name().ok_or(PlaceError::Folder)?.to_owned();
        let folder = fs::canonicalize(parent(&real)).map_err(PlaceError::Parent)?;
        check_folder(&folder).map_err(PlaceError::Parent)?;
        Ok(Self {
            folder,
            name,
            inode: found.as_ref().map(inode),
            existing,
        })
    }

    /// Whether `path` leads to the same file, by this name, another or a link.
    #[must_use]
    pub fn is(&self, path: &Path) -> bool {
        match fs::metadata(path) {
            Ok(found) => self.inode == Some(inode(&found)),
            Err(_) => {
                let folder = fs::canonicalize(parent(path));
                let same = folder.is_ok_and(|folder| folder == self.folder);
                same && path.file_name() == Some(&self.name)
            }
        }
    }

    /// Whether one file would take the place of the other.
    #[must_use]
    pub fn is_place_of(&self, other: &Self) -> bool {
        let same_name = self.folder == other.folder && self.name == other.name;
        same_name || self.inode.is_some() && self.inode == other.inode
    }

    /// An empty temporary file in the same folder, which [`Draft::publish`] moves here. It is
    /// removed when dropped.
    ///
    /// # Errors
    /// What the system says.
    pub fn draft(&self, readers: Readers) -> io::Result<Draft> {
        self.draft_with(readers, &tempfile::Builder::new())
    }

    /// The same with a name that begins so, by which it is known where a process that was
    /// killed left it behind.
    ///
    /// # Errors
    /// What the system says.
    pub fn draft_named(&self, readers: Readers, prefix: &OsStr) -> io::Result<Draft> {
        self.draft_with(readers, tempfile::Builder::new().prefix(prefix))
    }

    fn draft_with(
        &self,
        readers: Readers,
        builder: &tempfile::Builder<'_, '_>,
    ) -> io::Result<Draft> {
        let mode = match readers {
            Readers::Owner | Readers::OwnerAtFirst => PRIVATE,
            Readers::Umask => 0o666,
        };
        let open = |path: &Path| {
            let mut options = File::options();
            options.write(true).create_new(true).mode(mode).open(path)
        };
        let file = { builder.make_in(&self.folder, open) }.map_err(without_path)?;
        let keeps_mode = readers != Readers::Owner;
        if let (true, Ok(older)) = (keeps_mode, fs::metadata(self.path())) {
            let mode = older.permissions().mode() & 0o777;
            file.as_file()
                .set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(Draft {
            file,
            to: self.path(),
            existing: self.existing,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// A file on its way to a [`Place`].
#[derive(Debug)]
pub struct Draft {
    file: tempfile::NamedTempFile,
    to: PathBuf,
    existing: Existing,
}

impl Draft {
    /// Writes all of it, and waits until it is on the disk.
    ///
    /// # Errors
    /// What the system says, such as that the disk is full.
    pub fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Not through `tempfile`, whose errors hold paths.
        let mut file = self.file.as_file();
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// The temporary file, open, such as to lock it.
    #[must_use]
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// The temporary file, for whoever has to remove it where nothing is dropped.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// Gives it its name. Returns the path that it has now.
    ///
    /// # Errors
    /// What the system says; then an older file is untouched, and the temporary one gone.
    pub fn publish(self) -> io::Result<PathBuf> {
        let Self { file, to, existing } = self;
        let published = match existing {
            Existing::Kept => file.persist_noclobber(&to),
            Existing::Replaced => {
                // Something else may have come to be there meanwhile.
                if occupant(&to)?.is_some_and(|found| found.is_dir()) {
                    return Err(PlaceError::Folder.into());
                }
                file.persist(&to)
            }
        };
        published.map_err(|error| error.error)?;
        // Not every file system can say so.
        let _ = crate::own_folder::sync_folder(parent(&to));
        Ok(to)
    }
}

/// Writes a file whole or not at all, in place of an older one. Blocks until it is on the
/// disk.
///
/// # Errors
/// [`PlaceError`] and what the system says, as [`io::Error`]; an older file is then
/// untouched.
pub fn write_whole(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mut draft = Place::check(path, Existing::Replaced)?.draft(readers)?;
    draft.fill(bytes)?;
    draft.publish().map(drop)
}

/// Whether files can be made in a folder: one without a name is.
///
/// # Errors
/// What the system says.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(without_path)
}

/// What has this name, links followed: a regular file, a folder or nothing.
fn occupant(path: &Path) -> Result<Option<Metadata>, PlaceError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(Some(found)),
        Ok(found) => {
            crate::regular::must_be_regular(found.file_type()).map_err(refused)?;
            Ok(Some(found))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(PlaceError::DanglingLink),
            Err(_) => Ok(None),
        },
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(PlaceError::Parent(error))
        }
        Err(error) => Err(PlaceError::Io(error)),
    }
}

fn refused(error: OpenError) -> PlaceError {
    match error {
        OpenError::NotAFile { found } => PlaceError::NotAFile { found },
        OpenError::Io(error) => PlaceError::Io(error),
    }
}

/// The system's own errors hold no path; those that `tempfile` makes of them may.
fn without_path(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(_) => error,
        None => error.kind().into(),
    }
}

fn parent(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn inode(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::{Existing, Place, PlaceError, Readers, write_whole};

    fn refused(path: &Path) -> PlaceError {
        Place::check(path, Existing::Replaced).unwrap_err()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_no_place_for_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"old").unwrap();
        symlink(path("none"), path("dangling")).unwrap();
        let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        symlink(path("pipe"), path("link to pipe")).unwrap();

        for pipe in ["pipe", "link to pipe"] {
            let error = refused(&path(pipe));
            assert!(matches!(error, PlaceError::NotAFile { found: "a pipe" }));
        }
        let device = refused(Path::new("/dev/null"));
        assert!(matches!(device, PlaceError::NotAFile { found: "a device" }));
        assert!(matches!(refused(folder.path()), PlaceError::Folder));
        assert!(matches!(refused(&path("new/")), PlaceError::Folder));
        assert!(matches!(refused(Path::new("..")), PlaceError::Folder));
        assert!(matches!(
            refused(&path("dangling")),
            PlaceError::DanglingLink
        ));
        assert!(matches!(refused(&path("no/new")), PlaceError::Parent(_)));
        assert!(matches!(refused(&path("file/new")), PlaceError::Parent(_)));
        let long = "n".repeat(300);
        assert!(matches!(refused(&path(&long)), PlaceError::Io(_)));
        let kept = Place::check(&path("file"), Existing::Kept);
        assert!(matches!(kept, Err(PlaceError::Exists)));
        assert_eq!(
            names(folder.path()),
            ["dangling", "file", "link to pipe", "pipe"]
        );
        assert_eq!(fs::read(path("file")).unwrap(), b"old");
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("elsewhere")).unwrap();
        fs::write(path("elsewhere/file"), b"old").unwrap();
        symlink(path("elsewhere/file"), path("link")).unwrap();
        write_whole(&path("link"), b"new", Readers::Umask).unwrap();
        assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
        assert_eq!(fs::read(path("elsewhere/file")).unwrap(), b"new");
    }

    #[test]
    fn permissions_stay_and_a_private_file_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_whole(&path("private"), b"new", Readers::Owner).unwrap();
        assert_eq!(mode(&path("private")), 0o600);
        fs::write(path("file"), b"old").unwrap();
        fs::set_permissions(path("file"), Permissions::from_mode(0o640)).unwrap();
        write_whole(&path("file"), b"new", Readers::Umask).unwrap();
        assert_eq!(mode(&path("file")), 0o640);
        write_whole(&path("file"), b"new", Readers::OwnerAtFirst).unwrap();
        assert_eq!(mode(&path("file")), 0o640);
        write_whole(&path("file"), b"new", Readers::Owner).unwrap();
        assert_eq!(mode(&path("file")), 0o600);
        write_whole(&path("personal"), b"new", Readers::OwnerAtFirst).unwrap();
        assert_eq!(mode(&path("personal")), 0o600);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_the_older_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"old").unwrap();
        let place = Place::check(&file, Existing::Replaced).unwrap();
        let mut draft = place.draft(Readers::Umask).unwrap();
        draft.fill(b"new").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(draft);
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read(&file).unwrap(), b"old");
    }

    #[test]
    fn what_came_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let place = Place::check(&file, Existing::Kept).unwrap();
        let draft = place.draft(Readers::Owner).unwrap();
        fs::write(&file, b"somebody else's").unwrap();
        assert!(draft.publish().is_err());
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read(&file).unwrap(), b"somebody else's");
    }

    #[test]
    fn the_same_file_is_known_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"old").unwrap();
        fs::hard_link(path("file"), path("twin")).unwrap();
        symlink(path("file"), path("link")).unwrap();
        let place = |name: &str| Place::check(&path(name), Existing::Replaced).unwrap();
        for name in ["file", "twin", "link", "../x/file"] {
            let same = name != "../x/file";
            assert_eq!(place("file").is(&path(name)), same, "{name}");
        }
        assert!(place("file").is_place_of(&place("twin")));
        assert!(place("new").is(&path("./new")));
        assert!(place("new").is_place_of(&place("./new")));
        assert!(!place("new").is_place_of(&place("file")));
    }
}
