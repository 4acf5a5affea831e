//! What every crate that touches files would else write again (layer L0).
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod regular;

pub use regular::{
    OpenError, check_path, check_regular, open_regular, open_regular_with, read_regular,
};
