//! Writing GGUF bytes.

use crate::file::{ALIGNMENT_KEY, MAGIC, check_alignment};
use crate::owned_value::encode_str;
use crate::{GgmlType, Gguf, GgufError, OwnedValue, TensorInfo, limits, tensor_bytes};
use std::borrow::Cow;

/// Collects metadata and tensors and writes them as one file.
///
/// Keys and tensors keep the order they are added in, padding is zeros and the
/// last tensor is padded too, as ggml's own writer does it. A file of that
/// kind, read and built again, comes out byte for byte.
#[derive(Debug, Clone)]
pub struct GgufBuilder<'a> {
    version: u32,
    metadata: Vec<(String, OwnedValue)>,
    tensors: Vec<Tensor<'a>>,
}

#[derive(Debug, Clone)]
struct Tensor<'a> {
    name: String,
    tensor_type: GgmlType,
    dims: Vec<u64>,
    data: Cow<'a, [u8]>,
}

impl Default for GgufBuilder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> GgufBuilder<'a> {
    /// An empty file of version 3.
    pub fn new() -> Self {
        Self {
            version: 3,
            metadata: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Sets the format version, 2 or 3; they differ in nothing but the number.
    pub fn version(&mut self, version: u32) -> &mut Self {
        self.version = version;
        self
    }

    /// Adds a key. [`ALIGNMENT_KEY`], a `u32`, also aligns tensor data.
    pub fn metadata(&mut self, key: &str, value: impl Into<OwnedValue>) -> &mut Self {
        self.metadata.push((key.to_owned(), value.into()));
        self
    }

    /// Adds a tensor: elements along each axis, the contiguous one first, and
    /// its data.
    pub fn tensor(
        &mut self,
        name: &str,
        tensor_type: GgmlType,
        dims: &[u64],
        data: impl Into<Cow<'a, [u8]>>,
    ) -> &mut Self {
        self.tensors.push(Tensor {
            name: name.to_owned(),
            tensor_type,
            dims: dims.to_vec(),
            data: data.into(),
        });
        self
    }

    /// Gives a tensor of the same shape other elements; `None` when there is none
    /// of that name.
    pub fn replace_tensor(
        &mut self,
        name: &str,
        tensor_type: GgmlType,
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Option<&mut Self> {
        let tensor = self.tensors.iter_mut().find(|tensor| tensor.name == name)?;
        tensor.tensor_type = tensor_type;
        tensor.data = data.into();
        Some(self)
    }

    /// Everything in `gguf`, the tables of the complete file `file`.
    ///
    /// # Errors
    /// [`GgufError::TensorOutsideFile`] if `file` lacks data.
    pub fn from_file(gguf: &Gguf<'_>, file: &'a [u8]) -> Result<Self, GgufError> {
        let mut builder = Self::new();
        builder.version(gguf.version());
        for (key, value) in gguf.metadata().iter() {
            builder.metadata(key, value);
        }
        for info in gguf.tensors() {
            let data = gguf
                .tensor_data(info, file)
                .ok_or_else(|| outside_file(gguf, info, file))?;
            let n_dims = info.n_dims() as usize;
            let dims: Vec<u64> = info.dims().into_iter().take(n_dims).collect();
            builder.tensor(info.name(), info.tensor_type(), &dims, data);
        }
        Ok(builder)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`GgufError::TensorDataLength`] and everything [`Gguf::parse`] refuses:
    /// what this returns can be read.
    pub fn build(&self) -> Result<Vec<u8>, GgufError> {
        Ok(self.pieces()?.concat())
    }

    /// The file in pieces, to be written one after the other: tensors are not copied.
    ///
    /// # Errors
    /// [`GgufError::TensorDataLength`], and what [`Gguf::parse`] refuses in the tables.
    pub fn pieces(&self) -> Result<Vec<Cow<'_, [u8]>>, GgufError> {
        let alignment = u64::from(self.alignment()?);
        let mut tables = Vec::new();
        tables.extend(MAGIC);
        tables.extend(self.version.to_le_bytes());
        tables.extend((self.tensors.len() as u64).to_le_bytes());
        tables.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            encode_str(key, &mut tables);
            value.encode(&mut tables);
        }
        let mut data_offset = 0;
        for tensor in &self.tensors {
            tensor.encode_info(data_offset, &mut tables)?;
            data_offset = pad(
                data_offset.saturating_add(tensor.data.len() as u64),
                alignment,
            );
        }
        if !self.tensors.is_empty() {
            pad_bytes(&mut tables, alignment);
        }
        let file_bytes = tables.len() as u64 + data_offset;
        Gguf::parse(&tables, file_bytes)?;
        let mut pieces = vec![Cow::Owned(tables)];
        for tensor in &self.tensors {
            let bytes = tensor.data.len() as u64;
            pieces.push(Cow::Borrowed(&*tensor.data));
            let padding = pad(bytes, alignment).saturating_sub(bytes);
            pieces.push(Cow::Owned(vec![0; usize::try_from(padding).unwrap_or(0)]));
        }
        Ok(pieces)
    }

    fn alignment(&self) -> Result<u32, GgufError> {
        let value = self.metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY);
        let alignment = value.and_then(|(_, value)| value.as_u32());
        check_alignment(alignment.unwrap_or(limits::DEFAULT_ALIGNMENT))
    }
}

impl Tensor<'_> {
    fn encode_info(&self, data_offset: u64, out: &mut Vec<u8>) -> Result<(), GgufError> {
        let n_dims = self.dims.len();
        if n_dims == 0 || n_dims > limits::MAX_DIMS as usize {
            return Err(GgufError::BadDimensionCount {
                tensor: self.name.clone(),
                found: u32::try_from(n_dims).unwrap_or(u32::MAX),
            });
        }
        let mut padded = [1; 4];
        for (to, &from) in padded.iter_mut().zip(&self.dims) {
            *to = from;
        }
        let expected = tensor_bytes(&self.name, self.tensor_type, padded)?;
        let found = self.data.len() as u64;
        if found != expected {
            return Err(GgufError::TensorDataLength {
                tensor: self.name.clone(),
                found,
                expected,
            });
        }
        encode_str(&self.name, out);
        out.extend((n_dims as u32).to_le_bytes());
        out.extend(self.dims.iter().flat_map(|dim| dim.to_le_bytes()));
        out.extend(self.tensor_type.id().to_le_bytes());
        out.extend(data_offset.to_le_bytes());
        Ok(())
    }
}

fn pad(offset: u64, alignment: u64) -> u64 {
    offset
        .checked_next_multiple_of(alignment)
        .unwrap_or(u64::MAX)
}

fn pad_bytes(out: &mut Vec<u8>, alignment: u64) {
    let padded = pad(out.len() as u64, alignment);
    out.resize(usize::try_from(padded).unwrap_or(out.len()), 0);
}

fn outside_file(gguf: &Gguf<'_>, info: &TensorInfo<'_>, file: &[u8]) -> GgufError {
    GgufError::TensorOutsideFile {
        tensor: info.name().to_owned(),
        end_bytes: gguf
            .data_offset()
            .saturating_add(info.data_offset())
            .saturating_add(info.byte_len()),
        file_bytes: file.len() as u64,
    }
}
