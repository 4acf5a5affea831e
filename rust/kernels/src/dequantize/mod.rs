//! From GGUF's blocks to floats: the formulas of ggml's `to_float`.

mod blocks;
mod superblocks;

use pocketune_gguf::GgmlType;

/// Whether [`dequantize`] knows the type.
#[must_use]
pub fn is_supported(tensor_type: GgmlType) -> bool {
    use GgmlType::{BF16, F16, F32, Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, Q6_K, Q8_0};
    matches!(
        tensor_type,
        F32 | F16 | BF16 | Q8_0 | Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q4_K | Q5_K | Q6_K
    )
}

/// Writes the elements of whole blocks; `out` holds exactly as many.
///
/// # Panics
/// When the type is not supported or the lengths do not fit.
pub fn dequantize(tensor_type: GgmlType, bytes: &[u8], out: &mut [f32]) {
    assert!(is_supported(tensor_type), "no kernel for {tensor_type}");
    let blocks = out.len() as u64 / tensor_type.block_size();
    assert!(
        (out.len() as u64).is_multiple_of(tensor_type.block_size())
            && bytes.len() as u64 == blocks * tensor_type.block_bytes(),
        "{} bytes for {} elements of {tensor_type}",
        bytes.len(),
        out.len()
    );
    match tensor_type {
        GgmlType::F32 => by_block(bytes, out, |b: &[u8; 4], y: &mut [f32; 1]| {
            y[0] = f32::from_le_bytes(*b);
        }),
        GgmlType::F16 => by_block(bytes, out, |b: &[u8; 2], y: &mut [f32; 1]| {
            y[0] = half::f16::from_le_bytes(*b).to_f32();
        }),
        GgmlType::BF16 => by_block(bytes, out, |b: &[u8; 2], y: &mut [f32; 1]| {
            y[0] = half::bf16::from_le_bytes(*b).to_f32();
        }),
        GgmlType::Q8_0 => by_block(bytes, out, blocks::q8_0),
        GgmlType::Q4_0 => by_block(bytes, out, blocks::q4_0),
        GgmlType::Q4_1 => by_block(bytes, out, blocks::q4_1),
        GgmlType::Q5_0 => by_block(bytes, out, blocks::q5_0),
        GgmlType::Q5_1 => by_block(bytes, out, blocks::q5_1),
        GgmlType::Q4_K => by_block(bytes, out, superblocks::q4_k),
        GgmlType::Q5_K => by_block(bytes, out, superblocks::q5_k),
        GgmlType::Q6_K => by_block(bytes, out, superblocks::q6_k),
        // Refused above.
        _ => {}
    }
}

#[inline(always)]
fn by_block<const B: usize, const N: usize>(
    bytes: &[u8],
    out: &mut [f32],
    one: impl Fn(&[u8; B], &mut [f32; N]),
) {
    let (blocks, _) = bytes.as_chunks::<B>();
    let (outs, _) = out.as_chunks_mut::<N>();
    for (block, out) in blocks.iter().zip(outs) {
        one(block, out);
    }
}

/// The float of two bytes at `at`.
#[inline(always)]
fn f16_at<const B: usize>(block: &[u8; B], at: usize) -> f32 {
    half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
