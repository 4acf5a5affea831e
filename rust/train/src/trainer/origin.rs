//! What a run begins with, in a form that is the same wherever it is written.

use std::borrow::Cow;

use pocketune_base::Digest;

use crate::lora::{AdaptedLayers, Lora, LoraShape};
use crate::source::SampleSource;
use crate::trainer::{KlLimit, TrainerOptions};

/// What a run begins with, apart from the model: a checkpoint of anything else does not
/// continue it. Memory and threads are not part of it: they may change.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    options: String,
    source: Digest,
    start: Digest,
    limit: String,
}

impl Origin {
    pub(crate) fn new(
        frozen: &[Lora],
        lora: &Lora,
        source: &dyn SampleSource,
        options: &TrainerOptions,
        limit: Option<&KlLimit>,
    ) -> Self {
        let adapters = frozen.iter().chain([lora]);
        let adapters = adapters.flat_map(|adapter| {
            let parameters = bytemuck::cast_slice::<f32, u8>(adapter.parameters());
            [
                Cow::Owned(shape(adapter.shape())),
                Cow::Borrowed(parameters),
            ]
        });
        Self {
            // Plain numbers and names, which always have such a form.
            options: serde_json::to_string(options).unwrap_or_default(),
            source: source.digest(),
            start: Digest::of_parts(adapters),
            limit: limit.map_or_else(|| "none".to_owned(), KlLimit::describe),
        }
    }

    /// Keys, values, and what users call them.
    pub(super) fn entries(&self, model: &Digest) -> [(&'static str, String, &'static str); 5] {
        [
            ("pocketune.model", model.to_string(), "model"),
            ("pocketune.options", self.options.clone(), "options"),
            ("pocketune.samples", self.source.to_string(), "data"),
            ("pocketune.start", self.start.to_string(), "adapters"),
            ("pocketune.kl_limit", self.limit.clone(), "bound on KL"),
        ]
    }
}

/// Bytes that no other shape has: numbers in 8 bytes, little-endian, lists behind their
/// length.
fn shape(shape: &LoraShape) -> Vec<u8> {
    let LoraShape {
        rank,
        alpha,
        projections,
        layers,
    } = shape;
    let mut bytes = Vec::new();
    put(&mut bytes, *rank);
    bytes.extend(alpha.to_le_bytes());
    put(&mut bytes, projections.len());
    for projection in projections {
        let name = projection.name();
        put(&mut bytes, name.len());
        bytes.extend(name.as_bytes());
    }
    match layers {
        AdaptedLayers::All => put(&mut bytes, 0),
        AdaptedLayers::Only(numbers) => {
            put(&mut bytes, 1);
            put(&mut bytes, numbers.len());
            for &layer in numbers {
                put(&mut bytes, layer);
            }
        }
        AdaptedLayers::UpperTwoThirds => put(&mut bytes, 2),
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::shape;
    use crate::lora::{AdaptedLayers, LoraShape, Projection};

    #[test]
    fn what_differs_has_other_bytes() {
        let base = LoraShape::default();
        let shapes = [
            LoraShape {
                rank: 4,
                ..base.clone()
            },
            LoraShape {
                alpha: 1.0,
                ..base.clone()
            },
            LoraShape {
                projections: vec![Projection::Q],
                ..base.clone()
            },
            LoraShape {
                layers: AdaptedLayers::UpperTwoThirds,
                ..base.clone()
            },
            LoraShape {
                layers: AdaptedLayers::Only(vec![0]),
                ..base.clone()
            },
            base,
        ];
        let distinct: HashSet<_> = shapes.iter().map(shape).collect();
        assert_eq!(distinct.len(), shapes.len());
    }
}
