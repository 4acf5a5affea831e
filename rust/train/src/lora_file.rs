//! Adapters as GGUF files, in the form that llama.cpp loads.

use pocketune_adapter::CandidateAdapter;
use pocketune_gguf::{GgmlType, GgufBuilder};
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

    /// The parameters of an adapter for `model`. As in llama.cpp, a missing or zero alpha
    /// means a scale of 1.
    ///
    /// # Errors
    /// [`TrainError::Adapter`] when it changes what cannot be trained, or its ranks differ.
    pub fn of(model: &Model, adapter: &CandidateAdapter) -> Result<Self, TrainError> {
        let refused = |reason| TrainError::Adapter { reason };
        let mut pairs = Vec::new();
        for (pair, factors) in adapter.pairs().iter().zip(adapter.factors()) {
            let (layer, projection) = place(model, &pair.target)
                .ok_or_else(|| refused(format!("{} cannot be trained", pair.target)))?;
            pairs.push(Pair {
                layer,
                projection,
                a: (factors.rank, factors.columns, factors.a),
                b: (factors.rows, factors.rank, factors.b),
            });
        }
        // By name, layer 10 comes before layer 2.
        pairs.sort_by_key(|pair| (pair.layer, pair.projection));
        let Some(first) = pairs.first() else {
            return Err(refused("it changes nothing".to_owned()));
        };
        let rank = first.a.0;
        let shape = LoraShape {
            rank,
            alpha: adapter.alpha().unwrap_or(rank as f32),
            ..LoraShape::default()
        };
        Self::from_pairs(model, shape, pairs)
    }
}

/// Layer and projection that the name of a weight stands for.
fn place(model: &Model, name: &str) -> Option<(usize, Projection)> {
    let layer: usize = name.strip_prefix("blk.")?.split('.').next()?.parse().ok()?;
    let mut all = Projection::ALL.into_iter();
    let projection = all.find(|projection| projection.tensor(layer) == name)?;
    (layer < model.layers()).then_some((layer, projection))
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
