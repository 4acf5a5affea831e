//! The verdict on an experiment with its evidence, as one HTML page that needs nothing else
//! and runs nothing (layer L2). Pure: figures in, a text out.

#![forbid(unsafe_code)]

mod chart;
mod error;
mod figures;
mod html;
mod input;
mod looks;
mod metrics;
mod page;
mod reward;
mod verdict;

pub use error::ReportError;
pub use input::{Report, Sample};
