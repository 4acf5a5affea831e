//! What decides whether a change is better: pure maths, no clock, no file, no chance that
//! a seed does not determine.
//!
//! - [`critic`]: small checks of one reply, each a score with a reason, and the panel that
//!   rules on it.
//! - [`reward`]: a head over a model's hidden state that learns from pairs which of two
//!   replies is better, how far each annotator is to be believed, and how sure it may be.
//! - [`suite`]: fixed sets of items, and what comparing two arms on them says.
//! - [`experiment`]: who sees which arm, and what the outcomes prove at every look.
//! - [`stats`]: the confidence sequences and tests beneath.
#![forbid(unsafe_code)]

pub mod critic;
pub mod experiment;
mod random;
pub mod reward;
pub mod stats;
pub mod suite;
