//! Blocks of every type: random quants, and scales that make weights of about ±0.1.

use half::{bf16, f16};
use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::hashed;

/// Weights of a norm, 0.75 to 1.25.
pub fn norm(seed: u32, elements: usize) -> Vec<u8> {
    (seed..)
        .take(elements)
        .flat_map(|index| (1.0 + hashed(index) / 4.0).to_le_bytes())
        .collect()
}

/// A matrix of `elements` values.
pub fn random(tensor_type: GgmlType, seed: u32, elements: usize) -> Vec<u8> {
    let plain = (seed..).take(elements).map(|index| hashed(index) / 6.0);
    match tensor_type {
        GgmlType::F16 => plain
            .flat_map(|value| f16::from_f32(value).to_le_bytes())
            .collect(),
        GgmlType::BF16 => plain
            .flat_map(|value| bf16::from_f32(value).to_le_bytes())
            .collect(),
        _ => quantized(tensor_type, seed, elements),
    }
}

fn quantized(tensor_type: GgmlType, seed: u32, elements: usize) -> Vec<u8> {
    let block_bytes = tensor_type.block_bytes() as usize;
    let blocks = elements / tensor_type.block_size() as usize;
    let mut bytes: Vec<u8> = (seed..)
        .take(blocks * block_bytes)
        .map(|index| ((hashed(index) + 1.0) * 128.0) as u8)
        .collect();
    for (index, block) in (seed..).zip(bytes.chunks_exact_mut(block_bytes)) {
        let vary = 1.0 + hashed(!index) / 2.0;
        for (at, scale) in scales(tensor_type) {
            let scale = f16::from_f32(scale * vary).to_le_bytes();
            block[at..at + 2].copy_from_slice(&scale);
        }
    }
    bytes
}

/// Where a block has its half-precision scale and minimum, and their sizes.
fn scales(tensor_type: GgmlType) -> Vec<(usize, f32)> {
    match tensor_type {
        GgmlType::Q4_0 => vec![(0, 0.02)],
        GgmlType::Q4_1 => vec![(0, 0.02), (2, -0.15)],
        GgmlType::Q5_0 => vec![(0, 0.01)],
        GgmlType::Q5_1 => vec![(0, 0.01), (2, -0.155)],
        GgmlType::Q8_0 => vec![(0, 0.0014)],
        // Times scales of 6 bits each, 31 on average.
        GgmlType::Q4_K => vec![(0, 0.02 / 31.0), (2, 0.15 / 31.0)],
        GgmlType::Q5_K => vec![(0, 0.01 / 31.0), (2, 0.155 / 31.0)],
        // Times scales of ±127.
        GgmlType::Q6_K => vec![(208, 0.0001)],
        other => unreachable!("{other} is in no list"),
    }
}
