//! A matrix as it lies in a file or in memory.

use pocketune_gguf::GgmlType;
use thiserror::Error;

use crate::dequantize::{dequantize, is_supported};

/// Why bytes are no matrix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// A row is no whole number of blocks, or the bytes are not N rows.
    #[error("{bytes} bytes are no {rows} x {columns} matrix of {tensor_type}")]
    Bytes {
        /// Bytes given.
        bytes: usize,
        /// N.
        rows: usize,
        /// K.
        columns: usize,
        /// Type of the elements.
        tensor_type: GgmlType,
    },
    /// There is no kernel for this type.
    #[error("weights of type {0} cannot be trained over")]
    Unsupported(GgmlType),
}

/// N rows of K weights, row after row, in any supported type.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    rows: usize,
    columns: usize,
    data: Data<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Data<'a> {
    Dense(&'a [f32]),
    Blocks {
        tensor_type: GgmlType,
        bytes: &'a [u8],
        row_bytes: usize,
    },
}

impl<'a> Matrix<'a> {
    /// N·K floats.
    ///
    /// # Panics
    /// When `values` are not that many.
    #[must_use]
    pub fn dense(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "{rows} x {columns}");
        Self {
            rows,
            columns,
            data: Data::Dense(values),
        }
    }

    /// N rows of blocks as GGUF stores them.
    ///
    /// # Errors
    /// [`ShapeError`].
    pub fn blocks(
        tensor_type: GgmlType,
        bytes: &'a [u8],
        rows: usize,
        columns: usize,
    ) -> Result<Self, ShapeError> {
        if !is_supported(tensor_type) {
            return Err(ShapeError::Unsupported(tensor_type));
        }
        let wrong = ShapeError::Bytes {
            bytes: bytes.len(),
            rows,
            columns,
            tensor_type,
        };
        let row_bytes = tensor_type
            .row_bytes(columns as u64)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .filter(|&row| row.checked_mul(rows) == Some(bytes.len()))
            .ok_or(wrong)?;
        Ok(Self {
            rows,
            columns,
            data: Data::Blocks {
                tensor_type,
                bytes,
                row_bytes,
            },
        })
    }

    /// N.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// K.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All weights, when they are floats already.
    pub(crate) fn as_dense(&self) -> Option<&'a [f32]> {
        match self.data {
            Data::Dense(values) => Some(values),
            Data::Blocks { .. } => None,
        }
    }

    /// Columns that can be dequantised by themselves: parts of a row must begin
    /// and end at multiples of this.
    pub(crate) fn column_unit(&self) -> usize {
        match self.data {
            Data::Dense(_) => 1,
            Data::Blocks { tensor_type, .. } => {
                usize::try_from(tensor_type.block_size()).unwrap_or(1)
            }
        }
    }

    /// The weights of `row` from column `start` on, as many as `out` holds.
    ///
    /// # Panics
    /// When they do not exist, or begin or end inside a block.
    pub fn dequantize_row(&self, row: usize, start: usize, out: &mut [f32]) {
        assert!(
            row < self.rows && start + out.len() <= self.columns,
            "no such weights"
        );
        match self.data {
            Data::Dense(values) => {
                out.copy_from_slice(&values[row * self.columns + start..][..out.len()]);
            }
            Data::Blocks {
                tensor_type,
                bytes,
                row_bytes,
            } => {
                let unit = self.column_unit();
                assert!(
                    start.is_multiple_of(unit) && out.len().is_multiple_of(unit),
                    "block"
                );
                let block_bytes = row_bytes / (self.columns / unit);
                let from = row * row_bytes + start / unit * block_bytes;
                dequantize(
                    tensor_type,
                    &bytes[from..][..out.len() / unit * block_bytes],
                    out,
                );
            }
        }
    }
}
