//! What a run begins with, in a form that is the same wherever it is written.

use std::borrow::Cow;

use pocketune_base::Digest;

use crate::lora::{Lora, LoraShape};
use crate::pack::Sample;
use crate::trainer::TrainerOptions;

/// What a run begins with, apart from the model: a checkpoint of anything else does not
/// continue it. Memory and threads are not part of it: they may change.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    options: String,
    data: Digest,
    start: Digest,
}

impl Origin {
    pub(crate) fn new(
        frozen: &[Lora],
        lora: &Lora,
        samples: &[Sample],
        options: &TrainerOptions,
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
            data: Digest::of_parts(samples.iter().map(sample)),
            start: Digest::of_parts(adapters),
        }
    }

    /// Keys, values, and what users call them.
    pub(super) fn entries(&self, model: &Digest) -> [(&'static str, String, &'static str); 4] {
        [
            ("pocketune.model", model.to_string(), "model"),
            ("pocketune.options", self.options.clone(), "options"),
            ("pocketune.data", self.data.to_string(), "data"),
            ("pocketune.start", self.start.to_string(), "adapters"),
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
    put(&mut bytes, usize::from(layers.is_some()));
    if let Some(layers) = layers {
        put(&mut bytes, layers.len());
        for &layer in layers {
            put(&mut bytes, layer);
        }
    }
    bytes
}

/// As [`shape`], of a sample. A token takes 4 bytes.
fn sample(sample: &Sample) -> Vec<u8> {
    let mut bytes = Vec::new();
    match sample {
        Sample::Text { tokens, loss_from } => {
            put(&mut bytes, 0);
            put(&mut bytes, *loss_from);
            put_tokens(&mut bytes, tokens);
        }
        Sample::Pair {
            prompt,
            chosen,
            rejected,
        } => {
            put(&mut bytes, 1);
            for tokens in [prompt, chosen, rejected] {
                put_tokens(&mut bytes, tokens);
            }
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}

fn put_tokens(bytes: &mut Vec<u8>, tokens: &[u32]) {
    put(bytes, tokens.len());
    bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{sample, shape};
    use crate::lora::{LoraShape, Projection};
    use crate::pack::Sample;

    #[test]
    fn what_differs_has_other_bytes() {
        let text = |tokens: &[u32], loss_from| Sample::Text {
            tokens: tokens.to_vec(),
            loss_from,
        };
        let pair = |prompt: &[u32], chosen: &[u32], rejected: &[u32]| Sample::Pair {
            prompt: prompt.to_vec(),
            chosen: chosen.to_vec(),
            rejected: rejected.to_vec(),
        };
        let samples = [
            text(&[1, 2, 3], 1),
            text(&[1, 2, 3], 2),
            text(&[1, 2], 1),
            pair(&[1, 2], &[3], &[4]),
            pair(&[1], &[2, 3], &[4]),
            pair(&[1], &[2], &[3, 4]),
        ];
        let distinct: HashSet<_> = samples.iter().map(sample).collect();
        assert_eq!(distinct.len(), samples.len());

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
                layers: Some(Vec::new()),
                ..base.clone()
            },
            LoraShape {
                layers: Some(vec![0]),
                ..base.clone()
            },
            base,
        ];
        let distinct: HashSet<_> = shapes.iter().map(shape).collect();
        assert_eq!(distinct.len(), shapes.len());
    }

    /// The bytes are a format: a checkpoint holds digests of them.
    #[test]
    fn the_bytes_stay() {
        let text = Sample::Text {
            tokens: vec![7, 258],
            loss_from: 1,
        };
        let expected = [
            [0_u64, 1, 2].map(u64::to_le_bytes).concat(),
            vec![7, 0, 0, 0, 2, 1, 0, 0],
        ];
        assert_eq!(sample(&text), expected.concat());
    }
}
