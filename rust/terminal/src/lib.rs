//! What Pocketune's programs for a terminal do alike (layer L5): arguments that name a model or
//! an adapter, one JSON object or text for a person, progress, signals, what a panic becomes,
//! files that a person names.

#![forbid(unsafe_code)]

pub mod args;
pub mod candidate;
pub mod ending;
mod error;
pub mod estimate;
mod figures;
pub mod files;
pub mod load;
pub mod output;
mod start;
mod state;
pub mod synthetic;
mod usage;

pub use error::{EXIT_USAGE, Failure, RunError};
pub use start::program;
