//! File descriptors that come from outside, such as Android's content resolver.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::LlamaError;

/// Duplicates a descriptor that somebody else owns; the caller keeps `fd`.
///
/// # Errors
/// [`LlamaError::BadDescriptor`] when `fd` is closed or out of range.
pub fn duplicate_descriptor(fd: RawFd) -> Result<OwnedFd, LlamaError> {
    // SAFETY: fcntl with F_DUPFD_CLOEXEC is defined for every integer: a number
    // that is no open descriptor yields EBADF (fcntl(2)).
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(LlamaError::BadDescriptor(std::io::Error::last_os_error()));
    }
    // SAFETY: `copy` was just made by the kernel and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A second handle on the same open file, rewound. Both share one file offset.
///
/// # Errors
/// [`LlamaError::BadDescriptor`] when the file cannot be duplicated or is not seekable.
pub fn reopened_at_start(file: &File) -> Result<File, LlamaError> {
    let mut copy = File::from(duplicate_descriptor(file.as_raw_fd())?);
    copy.seek(SeekFrom::Start(0))
        .map_err(LlamaError::BadDescriptor)?;
    Ok(copy)
}
