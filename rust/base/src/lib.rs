//! What every crate that touches files would else write again (layer L0).
#![forbid(unsafe_code)]

mod regular;

pub use regular::{OpenError, check_regular, open_regular, open_regular_with, read_regular};
