//! What an adapter must be before it may change a reply (layer L1).
//!
//! A [`CandidateAdapter`] is an adapter file whose structure was checked against
//! one [`BaseModel`] and for which nobody vouches yet. Its bytes are read once;
//! what was checked in memory is what an engine loads.
//!
//! Everything here is pure and does no I/O; no input makes it panic.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod base;
mod candidate;
mod error;
mod values;

pub use base::BaseModel;
pub use candidate::{CandidateAdapter, LoraPair};
pub use error::AdapterError;
