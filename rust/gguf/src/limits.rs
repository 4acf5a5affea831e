//! Caps on what a file may announce.
//!
//! A count that passes its cap is still only believed as far as bytes are
//! present; the caps keep hostile but well-formed tables from costing more
//! memory and time than any real model does.

/// Bytes from the start of the file to the end of the tensor table. The
/// largest vocabularies in use (260,000 tokens with merges) need 16 MB.
pub const MAX_HEADER_BYTES: u64 = 64 * 1024 * 1024;

/// Metadata keys. Real models have fewer than 100.
pub const MAX_KEYS: u64 = 4096;

/// Tensors. 512 layers of 20 tensors and then some.
pub const MAX_TENSORS: u64 = 16_384;

/// Bytes of one string value.
pub const MAX_STRING_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of one metadata key, as the GGUF specification has it.
pub const MAX_KEY_BYTES: u64 = 65_535;

/// Elements of one array.
pub const MAX_ARRAY_LEN: u64 = 4 * 1024 * 1024;

/// Bytes of one tensor name: `GGML_MAX_NAME` less its terminating NUL.
pub const MAX_TENSOR_NAME_BYTES: u64 = 63;

/// Axes of one tensor: `GGML_MAX_DIMS`.
pub const MAX_DIMS: u32 = 4;

/// Alignment of tensor data where `general.alignment` is absent.
pub const DEFAULT_ALIGNMENT: u32 = 32;

/// The largest `general.alignment`; more would only pad.
pub const MAX_ALIGNMENT: u32 = 1024 * 1024;
