//! Bounded reads from the start of a file.

use crate::{GgufError, limits};

/// Reads little-endian fields from a prefix of a file, never past the prefix,
/// the file or [`limits::MAX_HEADER_BYTES`].
pub(crate) struct Cursor<'a> {
    prefix: &'a [u8],
    file_bytes: u64,
    offset: usize,
}

impl<'a> Cursor<'a> {
    /// # Errors
    /// [`GgufError::PrefixExceedsFile`].
    pub(crate) fn new(prefix: &'a [u8], file_bytes: u64) -> Result<Self, GgufError> {
        let prefix_bytes = prefix.len() as u64;
        if prefix_bytes > file_bytes {
            return Err(GgufError::PrefixExceedsFile {
                prefix_bytes,
                file_bytes,
            });
        }
        Ok(Self {
            prefix,
            file_bytes,
            offset: 0,
        })
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset as u64
    }

    /// The bytes of the prefix that are not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.prefix.get(self.offset..).unwrap_or_default()
    }

    /// Checks that `needed_bytes` more lie in the file and in the prefix.
    ///
    /// # Errors
    /// [`GgufError::Truncated`], [`GgufError::HeaderTooLarge`],
    /// [`GgufError::NeedMore`].
    pub(crate) fn ensure(&self, needed_bytes: u64) -> Result<(), GgufError> {
        let offset = self.offset();
        let end = match offset.checked_add(needed_bytes) {
            Some(end) if end <= self.file_bytes => end,
            _ => {
                let file_bytes = self.file_bytes;
                return Err(GgufError::Truncated {
                    offset,
                    needed_bytes,
                    file_bytes,
                });
            }
        };
        if end > limits::MAX_HEADER_BYTES {
            return Err(GgufError::HeaderTooLarge {
                offset,
                limit: limits::MAX_HEADER_BYTES,
            });
        }
        if end > self.prefix.len() as u64 {
            return Err(GgufError::NeedMore {
                at_least_bytes: end,
            });
        }
        Ok(())
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// As [`Cursor::ensure`].
    pub(crate) fn bytes(&mut self, len: u64) -> Result<&'a [u8], GgufError> {
        self.ensure(len)?;
        let start = self.offset;
        let taken = usize::try_from(len)
            .ok()
            .and_then(|len| start.checked_add(len))
            .and_then(|end| Some((end, self.prefix.get(start..end)?)));
        match taken {
            Some((end, bytes)) => {
                self.offset = end;
                Ok(bytes)
            }
            None => Err(GgufError::Truncated {
                offset: self.offset(),
                needed_bytes: len,
                file_bytes: self.file_bytes,
            }),
        }
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// As [`Cursor::ensure`].
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let bytes = self.bytes(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    /// An unsigned 32-bit field.
    ///
    /// # Errors
    /// As [`Cursor::ensure`].
    pub(crate) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    /// An unsigned 64-bit field.
    ///
    /// # Errors
    /// As [`Cursor::ensure`].
    pub(crate) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string: 64-bit length, then UTF-8 without NUL bytes.
    ///
    /// # Errors
    /// [`GgufError::StringTooLong`], [`GgufError::NotUtf8`],
    /// [`GgufError::NulInString`] or as [`Cursor::ensure`].
    pub(crate) fn string(&mut self, limit: u64) -> Result<&'a str, GgufError> {
        let offset = self.offset();
        let found = self.u64()?;
        if found > limit {
            return Err(GgufError::StringTooLong {
                offset,
                found,
                limit,
            });
        }
        let bytes = self.bytes(found)?;
        let text = std::str::from_utf8(bytes).map_err(|_| GgufError::NotUtf8 { offset })?;
        if bytes.contains(&0) {
            return Err(GgufError::NulInString { offset });
        }
        Ok(text)
    }
}
