//! The table of tensors.

use crate::cursor::Cursor;
use crate::{GgmlType, GgufError, limits};
use std::collections::HashMap;

/// Where a tensor lies and what it looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorInfo<'a> {
    name: &'a str,
    tensor_type: GgmlType,
    n_dims: u32,
    dims: [u64; 4],
    data_offset: u64,
    byte_len: u64,
}

impl<'a> TensorInfo<'a> {
    /// The tensor's name, 1 to 63 bytes.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The type of its elements.
    pub fn tensor_type(&self) -> GgmlType {
        self.tensor_type
    }

    /// Number of axes in the file, 1 to 4.
    pub fn n_dims(&self) -> u32 {
        self.n_dims
    }

    /// Elements along each axis, axis 0 being the contiguous one, padded with
    /// ones. A weight of `out` rows by `in` columns has `[in, out, 1, 1]`.
    pub fn dims(&self) -> [u64; 4] {
        self.dims
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        // The product was checked when the table was read.
        self.dims
            .iter()
            .fold(1, |product: u64, &dim| product.saturating_mul(dim))
    }

    /// Offset of its data, in bytes from [`Gguf::data_offset`](crate::Gguf::data_offset).
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Bytes of its data, without padding.
    pub fn byte_len(&self) -> u64 {
        self.byte_len
    }
}

/// Bytes that a tensor of this type and these dimensions takes.
///
/// # Errors
/// [`GgufError::ZeroDimension`], [`GgufError::DimensionTooLarge`],
/// [`GgufError::TensorTooLarge`], [`GgufError::PartialBlock`].
pub fn tensor_bytes(name: &str, tensor_type: GgmlType, dims: [u64; 4]) -> Result<u64, GgufError> {
    let tensor = || name.to_owned();
    let too_large = || GgufError::TensorTooLarge {
        tensor: tensor(),
        dims,
    };
    for (axis, &found) in (0..).zip(&dims) {
        if found == 0 {
            return Err(GgufError::ZeroDimension {
                tensor: tensor(),
                axis,
            });
        }
        if i64::try_from(found).is_err() {
            return Err(GgufError::DimensionTooLarge {
                tensor: tensor(),
                axis,
                found,
            });
        }
    }
    let [columns, higher @ ..] = dims;
    let elements = higher
        .iter()
        .try_fold(columns, |product, &dim| product.checked_mul(dim));
    if elements.is_none_or(|elements| i64::try_from(elements).is_err()) {
        return Err(too_large());
    }
    let block = tensor_type.block_size();
    if !columns.is_multiple_of(block) {
        return Err(GgufError::PartialBlock {
            tensor: tensor(),
            tensor_type,
            found: columns,
            block,
        });
    }
    tensor_type
        .row_bytes(columns)
        .and_then(|row| {
            higher
                .iter()
                .try_fold(row, |product, &dim| product.checked_mul(dim))
        })
        // Room for padding and the offset of the data: never near the end of the type.
        .filter(|&bytes| bytes <= (usize::MAX / 2) as u64 && i64::try_from(bytes).is_ok())
        .ok_or_else(too_large)
}

/// The tensor table and its index by name.
#[derive(Debug, Clone)]
pub(crate) struct Tensors<'a> {
    pub(crate) infos: Vec<TensorInfo<'a>>,
    pub(crate) index: HashMap<&'a str, usize>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn parse(
        cursor: &mut Cursor<'a>,
        count: u64,
        alignment: u32,
    ) -> Result<Self, GgufError> {
        // Growing as bytes are read: the announced count buys no memory.
        let mut infos = Vec::new();
        let mut index = HashMap::new();
        let mut expected = 0;
        for _ in 0..count {
            let info = parse_info(cursor)?;
            if index.insert(info.name, infos.len()).is_some() {
                return Err(GgufError::DuplicateTensor {
                    tensor: info.name.to_owned(),
                });
            }
            if info.data_offset != expected {
                return Err(GgufError::TensorOffset {
                    tensor: info.name.to_owned(),
                    found: info.data_offset,
                    expected,
                });
            }
            expected = expected
                .checked_add(info.byte_len)
                .and_then(|end| end.checked_next_multiple_of(u64::from(alignment)))
                .ok_or_else(|| GgufError::TensorTooLarge {
                    tensor: info.name.to_owned(),
                    dims: info.dims,
                })?;
            infos.push(info);
        }
        Ok(Self { infos, index })
    }
}

fn parse_info<'a>(cursor: &mut Cursor<'a>) -> Result<TensorInfo<'a>, GgufError> {
    let offset = cursor.offset();
    let name = cursor.string(limits::MAX_TENSOR_NAME_BYTES)?;
    if name.is_empty() {
        return Err(GgufError::EmptyName { offset });
    }
    let n_dims = cursor.u32()?;
    if n_dims == 0 || n_dims > limits::MAX_DIMS {
        return Err(GgufError::BadDimensionCount {
            tensor: name.to_owned(),
            found: n_dims,
        });
    }
    let mut dims = [1; 4];
    for dim in dims.iter_mut().take(n_dims as usize) {
        *dim = cursor.u64()?;
    }
    let found = cursor.u32()?;
    let tensor_type = GgmlType::from_id(found).ok_or_else(|| GgufError::UnknownTensorType {
        tensor: name.to_owned(),
        found,
    })?;
    let data_offset = cursor.u64()?;
    let byte_len = tensor_bytes(name, tensor_type, dims)?;
    Ok(TensorInfo {
        name,
        tensor_type,
        n_dims,
        dims,
        data_offset,
        byte_len,
    })
}
