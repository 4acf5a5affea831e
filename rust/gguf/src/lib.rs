//! The one reader and writer of GGUF bytes.
//!
//! Untrusted bytes in, typed views out: [`Gguf::parse`] checks the structure
//! of any GGUF file, [`audit_model`] checks that a file is a model that
//! llama.cpp loads without dying of it, [`GgufBuilder`] writes files.
//!
//! Everything here is pure and does no I/O. Views borrow the bytes they were
//! read from. No input makes it panic or allocate more than a fixed multiple of
//! the tables really present; [`limits`] has the caps.
//!
//! The format is specified in ggml's `docs/gguf.md`. Dimensions are in ggml's
//! order: the contiguous axis first.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod audit;
mod builder;
mod cursor;
mod error;
mod feature;
mod file;
#[cfg(feature = "fixtures")]
pub mod fixtures;
mod from_value;
mod ggml_type;
mod header;
pub mod limits;
mod metadata;
mod owned_value;
mod reason;
mod tensor;
mod value;

pub use audit::audit_model;
pub use builder::GgufBuilder;
pub use error::GgufError;
pub use file::{ALIGNMENT_KEY, Gguf};
pub use from_value::{Element, FromValue, List, ListIter};
pub use ggml_type::GgmlType;
pub use header::{
    Architecture, ModelHeader, RopeHeader, SlidingWindow, TextSize, TokenizerHeader,
    VocabularySizes,
};
pub use metadata::Metadata;
pub use owned_value::OwnedValue;
pub use tensor::{TensorInfo, tensor_bytes};
pub use value::{Array, ArrayIter, Value, ValueType};
