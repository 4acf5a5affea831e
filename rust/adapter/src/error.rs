//! Everything that can be wrong with an adapter.

use pocketune_gguf::{GgmlType, GgufError};

/// Why bytes are no adapter for a base model. Each variant is one fault.
///
/// Names come from the file: valid UTF-8, tensor names at most 63 bytes long.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdapterError {
    /// The bytes are no GGUF file, or a key has another type than llama.cpp
    /// takes for granted. A tensor that is there twice is found here too.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// `general.type` is missing or not `adapter`: a model, perhaps.
    #[error("the file is no adapter: general.type is {found}")]
    NotAnAdapter {
        /// What it says.
        found: String,
    },
    /// `adapter.type` is missing or not `lora`.
    #[error("adapters of type {found} are not supported, only lora")]
    KindUnsupported {
        /// What it says.
        found: String,
    },
    /// The adapter was made for another architecture.
    #[error("the adapter is for models of architecture {found}, the model's is {expected}")]
    OtherArchitecture {
        /// The adapter's `general.architecture`.
        found: String,
        /// The base model's.
        expected: String,
    },
    /// The adapter was checked against a model of other shapes than the one
    /// that is to use it.
    #[error("the adapter was checked against another model")]
    OtherModel,
    /// A key that asks for more than adding a LoRA: tokens that switch it on
    /// (`adapter.alora.invocation_tokens`), a prefix of prompts, or what later
    /// versions of llama.cpp may read.
    #[error("the key {key} asks for more than a LoRA")]
    UnsupportedKey {
        /// The key.
        key: String,
    },
    /// `adapter.lora.alpha` is infinite or not a number.
    #[error("alpha is {found}")]
    AlphaNotFinite {
        /// The value.
        found: f32,
    },
    /// There are no tensors.
    #[error("the adapter changes nothing")]
    Empty,
    /// A tensor that is neither `….lora_a` nor `….lora_b`.
    #[error("tensor {tensor} is no half of a LoRA")]
    UnexpectedTensor {
        /// Its name.
        tensor: String,
    },
    /// It changes something else than a projection: the embedding, a norm.
    #[error("tensor {tensor} would change what no LoRA may change")]
    TargetUnsupported {
        /// Its name.
        tensor: String,
    },
    /// It changes a tensor that the base model does not have.
    #[error("tensor {tensor} would change what the model does not have")]
    TargetMissing {
        /// Its name.
        tensor: String,
    },
    /// It changes a tensor of the base model that is no matrix.
    #[error("tensor {tensor} would change what is no matrix: {dims:?}")]
    TargetNotAMatrix {
        /// Its name.
        tensor: String,
        /// Dimensions of the base model's tensor.
        dims: [u64; 4],
    },
    /// One of A and B is missing.
    #[error("tensor {tensor} is missing: the other half is there")]
    HalfMissing {
        /// Name of the missing one.
        tensor: String,
    },
    /// Elements of a type that LoRAs do not have.
    #[error("tensor {tensor} has type {found}: f32, f16 and bf16 are supported")]
    TensorType {
        /// Its name.
        tensor: String,
        /// Its type.
        found: GgmlType,
    },
    /// A is not `[K, r, 1, 1]` or B not `[r, N, 1, 1]` for a base tensor of
    /// `[K, N, 1, 1]`. llama.cpp checks two of the four dimensions and copies
    /// by all of them.
    #[error("tensor {tensor} has dimensions {found:?}, the model's tensor {base:?}")]
    TensorShape {
        /// Its name.
        tensor: String,
        /// Its dimensions.
        found: [u64; 4],
        /// Those of the base model's tensor.
        base: [u64; 4],
    },
    /// A and B of one pair have different ranks.
    #[error("the halves for {target} have the ranks {rank_a} and {rank_b}")]
    RanksDiffer {
        /// The base model's tensor.
        target: String,
        /// Rows of A.
        rank_a: u64,
        /// Columns of B.
        rank_b: u64,
    },
    /// The rank is larger than the matrix it changes allows.
    #[error("the LoRA for {target} has rank {rank}, at most {limit} can count")]
    RankTooLarge {
        /// The base model's tensor.
        target: String,
        /// The rank.
        rank: u64,
        /// The smaller dimension of that tensor.
        limit: u64,
    },
    /// An element is infinite or not a number.
    #[error("tensor {tensor} is not finite at element {index}")]
    NotFinite {
        /// Its name.
        tensor: String,
        /// The first such element, in the file's order.
        index: usize,
    },
}
