//! How a model answers under an adapter that nobody vouches for.

mod session;

pub use session::{EvaluationChat, EvaluationSession};
