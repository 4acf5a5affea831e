//! A file's bytes without a copy of them.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// A file mapped for reading. Pages come from the file when they are touched and
/// may be dropped by the system at any time: they cost no anonymous memory.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps all of an open file. Does not block on the file's data.
    ///
    /// A file that another process shortens while it is mapped ends this one with
    /// a signal on the next touch: map files that only the app itself can write.
    ///
    /// # Errors
    /// What mapping says; an empty file cannot be mapped.
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes are read as plain bytes and every value read from
        // them is checked, so that changes by others cannot break an invariant.
        Ok(Self(unsafe { Mmap::map(file) }?))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
