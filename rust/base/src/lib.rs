//! What every crate that touches files would else write again (layer L0).
#![forbid(unsafe_code)]

mod regular;
mod whole;

pub use regular::{OpenError, check_regular, open_regular, open_regular_with, read_regular};
pub use whole::{Draft, Existing, Place, PlaceError, Readers, check_folder, write_whole};
