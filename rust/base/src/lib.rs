//! What every crate that reads what others wrote would else write again (layer L0): files
//! that somebody names, text, lines, JSON, digests, moments, files written whole; and showing
//! it. Everything here is bounded, and no input makes it panic.
#![forbid(unsafe_code)]

mod digest;
mod escaped;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod json;
mod lines;
mod own_folder;
mod regular;
mod seconds;
mod text;
mod timestamp;
mod whole;

pub use digest::Digest;
pub use escaped::{Escaped, escaped_json, steers};
pub use lines::{
    BLANK_LINES_MAX, LINE_BYTES_MAX, Line, LineError, LineFault, LineReader, ReadLinesError, lines,
};
pub use own_folder::replace_own_file;
pub use regular::{
    OpenError, check_path, check_regular, open_regular, open_regular_with, read_regular,
};
pub use seconds::{NotSeconds, SECONDS_LAST, SECONDS_MAX, check_seconds};
pub use text::{BYTE_ORDER_MARK, TextError, TextFault, text, without_byte_order_mark};
pub use timestamp::Timestamp;
pub use whole::{Draft, Existing, Place, PlaceError, Readers, check_folder, write_whole};
