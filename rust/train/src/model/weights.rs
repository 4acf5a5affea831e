//! The mapped file and where its tensors lie.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use pocketune_gguf::{GgmlType, Gguf};
use pocketune_kernels::{MappedFile, Matrix, ShapeError, is_supported};

use crate::error::TrainError;

/// The tensors of a GGUF model file that was audited.
#[derive(Debug)]
pub(crate) struct Weights {
    file: Arc<MappedFile>,
    tensors: HashMap<String, Place>,
}

#[derive(Debug, Clone)]
struct Place {
    tensor_type: GgmlType,
    rows: usize,
    columns: usize,
    bytes: Range<usize>,
}

impl Weights {
    pub(crate) fn of(file: Arc<MappedFile>) -> Result<Self, TrainError> {
        let gguf = Gguf::parse(&file, file.len() as u64)?;
        let mut tensors = HashMap::new();
        for tensor in gguf.tensors() {
            let [columns, rows, ..] = tensor.dims();
            // Checked by the parser: inside the file, so inside usize.
            let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let start = place(gguf.data_offset() + tensor.data_offset());
            let place = Place {
                tensor_type: tensor.tensor_type(),
                rows: place(rows),
                columns: place(columns),
                bytes: start..start + place(tensor.byte_len()),
            };
            tensors.insert(tensor.name().to_owned(), place);
        }
        Ok(Self { file, tensors })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The matrix of that name, in the file's own blocks.
    pub(crate) fn matrix(&self, name: &str) -> Result<Matrix<'_>, TrainError> {
        let place = self.place(name)?;
        if !is_supported(place.tensor_type) {
            return Err(TrainError::UnsupportedType {
                tensor: name.to_owned(),
                tensor_type: place.tensor_type,
            });
        }
        let shape = |source: ShapeError| TrainError::Shape {
            tensor: name.to_owned(),
            source,
        };
        let bytes = self.file.get(place.bytes.clone()).unwrap_or_default();
        Matrix::blocks(place.tensor_type, bytes, place.rows, place.columns).map_err(shape)
    }

    /// All values of a small tensor.
    pub(crate) fn vector(&self, name: &str) -> Result<Vec<f32>, TrainError> {
        let matrix = self.matrix(name)?;
        let mut values = vec![0.0; matrix.rows() * matrix.columns()];
        for (row, out) in values.chunks_exact_mut(matrix.columns().max(1)).enumerate() {
            matrix.dequantize_row(row, 0, out);
        }
        Ok(values)
    }

    fn place(&self, name: &str) -> Result<&Place, TrainError> {
        self.tensors
            .get(name)
            .ok_or_else(|| TrainError::UnsupportedModel {
                reason: format!("tensor {name} is missing"),
            })
    }
}
