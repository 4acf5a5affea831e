//! A whole file's header, metadata and tensor table.

use crate::cursor::Cursor;
use crate::tensor::{TensorInfo, Tensors};
use crate::{GgufError, Metadata, limits};

/// The first four bytes of every GGUF file.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";

/// The key that says how tensor data is aligned, a `u32`.
pub const ALIGNMENT_KEY: &str = "general.alignment";

/// The tables of a GGUF file, borrowed from its first bytes.
///
/// Holding one means: the structure is sound, names are unique, every tensor's
/// data lies inside the file where ggml expects it. It says nothing about what
/// the tensors are good for; [`audit_model`](crate::audit_model) does.
#[derive(Debug, Clone)]
pub struct Gguf<'a> {
    version: u32,
    alignment: u32,
    data_offset: u64,
    file_bytes: u64,
    metadata: Metadata<'a>,
    tensors: Tensors<'a>,
}

impl<'a> Gguf<'a> {
    /// Reads the tables of a file of `file_bytes` bytes from `prefix`, its
    /// first bytes. Tensor data is not needed.
    ///
    /// Follows the GGUF specification (ggml, `docs/gguf.md`), versions 2 and 3,
    /// and is never laxer than ggml's own reader. Does not block and allocates
    /// in proportion to the tables really present, at most a small multiple of
    /// [`limits::MAX_HEADER_BYTES`].
    ///
    /// # Errors
    /// [`GgufError::NeedMore`] if the tables go on beyond `prefix`; read more
    /// and call again. Every other error is final.
    pub fn parse(prefix: &'a [u8], file_bytes: u64) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(prefix, file_bytes)?;
        let version = parse_version(&mut cursor)?;
        let n_tensors = cursor.u64()?;
        if n_tensors > limits::MAX_TENSORS {
            return Err(GgufError::TooManyTensors {
                found: n_tensors,
                limit: limits::MAX_TENSORS,
            });
        }
        let n_keys = cursor.u64()?;
        if n_keys > limits::MAX_KEYS {
            return Err(GgufError::TooManyKeys {
                found: n_keys,
                limit: limits::MAX_KEYS,
            });
        }
        let metadata = Metadata::parse(&mut cursor, n_keys)?;
        let alignment = parse_alignment(&metadata)?;
        let tensors = Tensors::parse(&mut cursor, n_tensors, alignment)?;
        // Without tensors there is no data to align, and ggml does not.
        let data_offset = match n_tensors {
            0 => cursor.offset(),
            _ => cursor.offset().next_multiple_of(u64::from(alignment)),
        };
        check_data_inside_file(&tensors, data_offset, file_bytes)?;
        Ok(Self {
            version,
            alignment,
            data_offset,
            file_bytes,
            metadata,
            tensors,
        })
    }

    /// The format version, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Alignment of tensor data in bytes, a power of two.
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// Offset in the file at which tensor data starts.
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Keys and values.
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// All tensors in file order.
    pub fn tensors(&self) -> &[TensorInfo<'a>] {
        &self.tensors.infos
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo<'a>> {
        let &position = self.tensors.index.get(name)?;
        self.tensors.infos.get(position)
    }

    /// A tensor's data, if `file` (the whole file) holds it.
    pub fn tensor_data<'f>(&self, tensor: &TensorInfo<'_>, file: &'f [u8]) -> Option<&'f [u8]> {
        let start = self.data_offset.checked_add(tensor.data_offset())?;
        let end = start.checked_add(tensor.byte_len())?;
        file.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

fn parse_version(cursor: &mut Cursor<'_>) -> Result<u32, GgufError> {
    let found = cursor.array()?;
    if found != MAGIC {
        return Err(GgufError::BadMagic { found });
    }
    let version = cursor.u32()?;
    match version {
        2 | 3 => Ok(version),
        // ggml's own test for the other byte order.
        found if found & 0xffff == 0 && found != 0 => Err(GgufError::BigEndian {
            version: found.swap_bytes(),
        }),
        found => Err(GgufError::UnsupportedVersion { found }),
    }
}

fn parse_alignment(metadata: &Metadata<'_>) -> Result<u32, GgufError> {
    check_alignment(
        metadata
            .read(ALIGNMENT_KEY)?
            .unwrap_or(limits::DEFAULT_ALIGNMENT),
    )
}

/// # Errors
/// [`GgufError::BadAlignment`].
pub(crate) fn check_alignment(alignment: u32) -> Result<u32, GgufError> {
    if !alignment.is_power_of_two() || alignment > limits::MAX_ALIGNMENT {
        return Err(GgufError::BadAlignment {
            found: alignment,
            limit: limits::MAX_ALIGNMENT,
        });
    }
    Ok(alignment)
}

fn check_data_inside_file(
    tensors: &Tensors<'_>,
    data_offset: u64,
    file_bytes: u64,
) -> Result<(), GgufError> {
    for info in &tensors.infos {
        let end_bytes = data_offset
            .saturating_add(info.data_offset())
            .saturating_add(info.byte_len());
        if end_bytes > file_bytes {
            return Err(GgufError::TensorOutsideFile {
                tensor: info.name().to_owned(),
                end_bytes,
                file_bytes,
            });
        }
    }
    Ok(())
}
