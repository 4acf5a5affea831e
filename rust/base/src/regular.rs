//! Opening files that somebody else names.
//!
//! Opening a named pipe waits for whoever writes into it, reading a device may never end,
//! and opening one may already do something. A path is therefore looked at before it is
//! opened, opened without waiting, and looked at again: it may have been replaced meanwhile.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Why a file was not opened. Holds no path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something else than a regular file has that name.
    #[error("it must be a regular file, this is {found}")]
    NotAFile {
        /// What it is instead, with its article.
        found: &'static str,
    },
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error,
            OpenError::NotAFile { .. } => Self::new(io::ErrorKind::InvalidInput, error),
        }
    }
}

/// Opens a regular file, or a link to one, for reading. Never waits for another process.
///
/// # Errors
/// [`OpenError::NotAFile`] for a pipe, a device, a socket or a directory,
/// [`OpenError::Io`].
pub fn open_regular(path: &Path) -> Result<File, OpenError> {
    open_regular_with(path, File::options().read(true))
}

/// Opens or makes a file as `options` say, as [`open_regular`] does.
///
/// # Errors
/// Those of [`open_regular`].
pub fn open_regular_with(path: &Path, options: &mut OpenOptions) -> Result<File, OpenError> {
    // Where there is nothing, `options` decide whether it is made.
    check_path(path)?;
    // Regular files do not heed O_NONBLOCK. The standard library adds O_CLOEXEC.
    let file = options
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    check_regular(&file)?;
    Ok(file)
}

/// Whether a path leads to a regular file or to nothing, without opening it: for files that
/// a library opens itself.
///
/// # Errors
/// Those of [`open_regular`].
pub fn check_path(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => must_be_regular(metadata.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether an open file is a regular one.
///
/// # Errors
/// Those of [`open_regular`].
pub fn check_regular(file: &File) -> Result<(), OpenError> {
    must_be_regular(file.metadata()?.file_type())
}

/// All of a regular file; `None` where there is more than `limit_bytes`, of which no more
/// than one byte over the limit is read.
///
/// # Errors
/// Those of [`open_regular`].
pub fn read_regular(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, OpenError> {
    let mut bytes = Vec::new();
    open_regular(path)?
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit_bytes).then_some(bytes))
}

fn must_be_regular(found: FileType) -> Result<(), OpenError> {
    let found = if found.is_file() {
        return Ok(());
    } else if found.is_dir() {
        "a directory"
    } else if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(OpenError::NotAFile { found })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::{OpenError, check_regular, open_regular, open_regular_with, read_regular};
    use crate::fixtures::{at_once, make_pipe};

    fn refused(path: &Path) -> &'static str {
        let path = path.to_owned();
        match at_once(move || open_regular(&path)) {
            Err(OpenError::NotAFile { found }) => found,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_regular_files_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"abc").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(open_regular(&path("file")).is_ok());
        assert!(open_regular(&path("link")).is_ok());
        assert!(matches!(
            open_regular(&path("none")),
            Err(OpenError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound
        ));

        make_pipe(&path("pipe"));
        std::os::unix::fs::symlink(path("pipe"), path("link to pipe")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        assert_eq!(refused(&path("pipe")), "a pipe");
        assert_eq!(refused(&path("link to pipe")), "a pipe");
        assert_eq!(refused(&path("socket")), "a socket");
        assert_eq!(refused(folder.path()), "a directory");
        assert_eq!(refused(Path::new("/dev/zero")), "a device");
    }

    #[test]
    fn writing_does_not_wait_for_a_pipe_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        make_pipe(&path);
        let opened =
            at_once(move || open_regular_with(&path, File::options().create(true).append(true)));
        assert!(matches!(
            opened,
            Err(OpenError::NotAFile { found: "a pipe" })
        ));
        let made = folder.path().join("made");
        open_regular_with(&made, File::options().create(true).append(true)).unwrap();
        assert!(made.is_file());
    }

    #[test]
    fn an_open_pipe_is_told_too() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let reader = File::from(std::os::fd::OwnedFd::from(reader));
        assert!(matches!(
            check_regular(&reader),
            Err(OpenError::NotAFile { found: "a pipe" })
        ));
    }

    #[test]
    fn reading_stops_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"abc").unwrap();
        assert_eq!(
            read_regular(&path, 3).unwrap().as_deref(),
            Some(&b"abc"[..])
        );
        assert_eq!(read_regular(&path, 2).unwrap(), None);
    }
}
