//! Bytes of tokens to text that can be shown.

mod stop;
mod utf8;

pub(crate) use stop::StopScan;
pub(crate) use utf8::Utf8Pieces;
