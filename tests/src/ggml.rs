//! ggml's own quantisation, as linked in this build: the oracle of our formulas.

#![allow(unsafe_code, reason = "ggml offers no safe way")]

use llama_cpp_sys_2 as sys;
use pocketune_gguf::GgmlType;

/// `values` in rows of `columns`, in ggml's blocks.
///
/// # Panics
/// When ggml writes another number of bytes than the type has.
#[must_use]
pub fn quantize(tensor_type: GgmlType, values: &[f32], columns: usize) -> Vec<u8> {
    let rows = values.len() / columns;
    let row_bytes = tensor_type.row_bytes(columns as u64).expect("whole blocks");
    let mut bytes = vec![0; rows * usize::try_from(row_bytes).expect("fits")];
    let count = |n: usize| i64::try_from(n).expect("fits");
    // SAFETY: source and destination hold `rows` rows of that type (ggml.h,
    // ggml_quantize_chunk); these types need no importance matrix.
    let written = unsafe {
        sys::ggml_quantize_chunk(
            tensor_type.id() as sys::ggml_type,
            values.as_ptr(),
            bytes.as_mut_ptr().cast(),
            0,
            count(rows),
            count(columns),
            std::ptr::null(),
        )
    };
    assert_eq!(written, bytes.len());
    bytes
}

/// The floats that ggml makes of its blocks. F32 comes back as it is: ggml has no
/// conversion for it.
///
/// # Panics
/// When ggml cannot convert the type.
#[must_use]
pub fn to_float(tensor_type: GgmlType, bytes: &[u8], elements: usize) -> Vec<f32> {
    if tensor_type == GgmlType::F32 {
        let (floats, _) = bytes.as_chunks::<4>();
        return floats
            .iter()
            .map(|float| f32::from_le_bytes(*float))
            .collect();
    }
    let mut values = vec![0.0; elements];
    // SAFETY: returns a pointer to a static table (ggml.h).
    let traits = unsafe { sys::ggml_get_type_traits(tensor_type.id() as sys::ggml_type) };
    // SAFETY: the table has an entry for every type that ggml knows.
    let convert = unsafe { *traits }.to_float.expect("a conversion");
    let count = i64::try_from(elements).expect("fits");
    // SAFETY: reads whole blocks of `elements`, writes as many floats.
    unsafe { convert(bytes.as_ptr().cast(), values.as_mut_ptr(), count) };
    values
}
