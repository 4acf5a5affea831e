//! Adapters as GGUF files, in the form that llama.cpp loads.

use std::collections::BTreeMap;

use pocketune_gguf::{GgmlType, Gguf, GgufBuilder, TensorInfo};
use pocketune_kernels::Matrix;

use crate::error::TrainError;
use crate::lora::{Lora, LoraShape, Pair, Projection};
use crate::model::Model;

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Half the bytes, rounded to 11 bits.
    F16,
}

const ALPHA: &str = "adapter.lora.alpha";

impl Lora {
    /// The bytes of a GGUF adapter for `model`. `facts` are added to the metadata
    /// under `pocketune.`, in their order.
    ///
    /// # Errors
    /// [`TrainError::Gguf`] when a fact's name cannot be a key.
    pub fn to_gguf(
        &self,
        model: &Model,
        precision: Precision,
        facts: &[(&str, String)],
    ) -> Result<Vec<u8>, TrainError> {
        let mut builder = GgufBuilder::new();
        builder
            .metadata("general.type", "adapter")
            .metadata("general.architecture", model.header().architecture.name())
            .metadata("adapter.type", "lora")
            .metadata(ALPHA, self.shape().alpha);
        for (name, fact) in facts {
            builder.metadata(&format!("pocketune.{name}"), fact.as_str());
        }
        for (layer, projection, a, b) in self.matrices() {
            for (suffix, matrix) in [("lora_a", a), ("lora_b", b)] {
                let name = format!("{}.{suffix}", projection.tensor(layer));
                let dims = [matrix.columns() as u64, matrix.rows() as u64];
                let (tensor_type, data) = encode(&matrix, precision);
                builder.tensor(&name, tensor_type, &dims, data);
            }
        }
        Ok(builder.build()?)
    }

    /// Reads an adapter for `model`. As in llama.cpp, a missing or zero alpha means a
    /// scale of 1.
    ///
    /// # Errors
    /// [`TrainError::Adapter`] when it is no LoRA of this model or its ranks differ.
    pub fn from_gguf(model: &Model, bytes: &[u8]) -> Result<Self, TrainError> {
        let gguf =
            Gguf::parse(bytes, bytes.len() as u64).map_err(|error| refused(error.to_string()))?;
        expect_text(&gguf, "general.type", "adapter")?;
        expect_text(&gguf, "adapter.type", "lora")?;
        expect_text(
            &gguf,
            "general.architecture",
            model.header().architecture.name(),
        )?;
        let mut halves: BTreeMap<(usize, Projection), [Option<&TensorInfo<'_>>; 2]> =
            BTreeMap::new();
        for tensor in gguf.tensors() {
            let (layer, projection, half) = place(model, tensor.name()).ok_or_else(|| {
                refused(format!("tensor {} changes no projection", tensor.name()))
            })?;
            halves.entry((layer, projection)).or_default()[half] = Some(tensor);
        }
        let mut pairs = Vec::with_capacity(halves.len());
        for ((layer, projection), tensors) in halves {
            let [Some(a), Some(b)] = tensors else {
                let name = projection.tensor(layer);
                return Err(refused(format!("{name} has only one of lora_a and lora_b")));
            };
            pairs.push(Pair {
                layer,
                projection,
                a: decode(&gguf, a, bytes)?,
                b: decode(&gguf, b, bytes)?,
            });
        }
        let rank = match gguf
            .tensors()
            .iter()
            .find(|tensor| tensor.name().ends_with("lora_a"))
        {
            Some(tensor) => usize::try_from(tensor.dims()[1]).unwrap_or(usize::MAX),
            None => return Err(refused("it changes nothing".to_owned())),
        };
        let alpha = gguf
            .metadata()
            .read::<f32>(ALPHA)
            .map_err(|error| refused(error.to_string()))?
            .filter(|&alpha| alpha != 0.0);
        let shape = LoraShape {
            rank,
            alpha: alpha.unwrap_or(rank as f32),
            ..LoraShape::default()
        };
        Self::from_pairs(model, shape, pairs)
    }
}

fn encode(matrix: &Matrix<'_>, precision: Precision) -> (GgmlType, Vec<u8>) {
    let mut row = vec![0.0; matrix.columns()];
    let mut bytes = Vec::new();
    for index in 0..matrix.rows() {
        matrix.dequantize_row(index, 0, &mut row);
        match precision {
            Precision::F32 => bytes.extend(row.iter().flat_map(|value| value.to_le_bytes())),
            Precision::F16 => {
                let halves = row.iter().map(|&value| half::f16::from_f32(value));
                bytes.extend(halves.flat_map(half::f16::to_le_bytes));
            }
        }
    }
    let tensor_type = match precision {
        Precision::F32 => GgmlType::F32,
        Precision::F16 => GgmlType::F16,
    };
    (tensor_type, bytes)
}

/// All values of a matrix, row by row.
fn decode(
    gguf: &Gguf<'_>,
    tensor: &TensorInfo<'_>,
    file: &[u8],
) -> Result<(usize, usize, Vec<f32>), TrainError> {
    let [columns, rows, depth, more] = tensor.dims();
    if depth * more != 1 {
        return Err(refused(format!("tensor {} is no matrix", tensor.name())));
    }
    // Inside the file, so inside usize.
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (rows, columns) = (size(rows), size(columns));
    let data = gguf.tensor_data(tensor, file).unwrap_or_default();
    let shape = |source| TrainError::Shape {
        tensor: tensor.name().to_owned(),
        source,
    };
    let matrix = Matrix::blocks(tensor.tensor_type(), data, rows, columns).map_err(shape)?;
    let mut values = vec![0.0; rows * columns];
    for (row, out) in values.chunks_exact_mut(columns.max(1)).enumerate() {
        matrix.dequantize_row(row, 0, out);
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(refused(format!("tensor {} is not finite", tensor.name())));
    }
    Ok((rows, columns, values))
}

/// Layer, projection and half (0 for A, 1 for B) that a tensor's name stands for.
fn place(model: &Model, name: &str) -> Option<(usize, Projection, usize)> {
    let (base, half) = match name.strip_suffix(".lora_a") {
        Some(base) => (base, 0),
        None => (name.strip_suffix(".lora_b")?, 1),
    };
    let layer: usize = base.strip_prefix("blk.")?.split('.').next()?.parse().ok()?;
    let projection = Projection::ALL
        .into_iter()
        .find(|projection| projection.tensor(layer) == base)?;
    (layer < model.layers()).then_some((layer, projection, half))
}

fn expect_text(gguf: &Gguf<'_>, key: &str, expected: &str) -> Result<(), TrainError> {
    let found: Option<&str> = gguf
        .metadata()
        .read(key)
        .map_err(|error| refused(error.to_string()))?;
    if found == Some(expected) {
        return Ok(());
    }
    let found = found.unwrap_or("missing");
    Err(refused(format!("{key} is {found}, not {expected}")))
}

fn refused(reason: String) -> TrainError {
    TrainError::Adapter { reason }
}
