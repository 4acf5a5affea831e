//! Elements of floating-point tensors, as bits.

use pocketune_gguf::GgmlType;

/// Index of the first element that is infinite or not a number: all bits of its
/// exponent are set (IEEE 754; BF16 has F32's exponent). `None` for a type that
/// is not supported, too; [`is_supported`] comes first.
pub(crate) fn first_not_finite(tensor_type: GgmlType, data: &[u8]) -> Option<usize> {
    match tensor_type {
        GgmlType::F32 => data
            .as_chunks::<4>()
            .0
            .iter()
            .position(|&bytes| !f32::from_le_bytes(bytes).is_finite()),
        GgmlType::F16 => first_with_exponent(data, 0x7c00),
        GgmlType::BF16 => first_with_exponent(data, 0x7f80),
        _ => None,
    }
}

/// The types that LoRAs are stored in and that [`first_not_finite`] reads.
pub(crate) fn is_supported(tensor_type: GgmlType) -> bool {
    matches!(tensor_type, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16)
}

fn first_with_exponent(data: &[u8], exponent: u16) -> Option<usize> {
    data.as_chunks::<2>()
        .0
        .iter()
        .position(|&bytes| u16::from_le_bytes(bytes) & exponent == exponent)
}

/// Elements as F32: exact, since every type here is a part of it. Empty for a type
/// that is not supported.
pub(crate) fn floats(tensor_type: GgmlType, data: &[u8]) -> Vec<f32> {
    let halves = || data.as_chunks::<2>().0.iter();
    match tensor_type {
        GgmlType::F32 => {
            let words = data.as_chunks::<4>().0.iter();
            words.map(|&bytes| f32::from_le_bytes(bytes)).collect()
        }
        GgmlType::F16 => halves()
            .map(|&bytes| half::f16::from_le_bytes(bytes).to_f32())
            .collect(),
        GgmlType::BF16 => halves()
            .map(|&bytes| half::bf16::from_le_bytes(bytes).to_f32())
            .collect(),
        _ => Vec::new(),
    }
}
