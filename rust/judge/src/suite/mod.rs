//! Fixed sets of items, what one arm makes of them, and what two arms' results say beside
//! each other. Models answer elsewhere; here is what is asked and how answers are counted.
//!
//! An arm answers in one of two ways: by the log-probabilities of given replies
//! ([`SuiteResult`]), or by replies of its own, which critics judge ([`SuiteReplies`]).

mod built_in;
mod compare;
mod error;
mod item;
mod named;
mod outcomes;
mod reply;
mod result;

pub use built_in::{BUILT_IN, BuiltIn, built_in};
pub use compare::{Answered, Comparison, compare};
pub use error::SuiteError;
pub use item::{Item, Suite, Task};
pub use outcomes::{PICK_TIE, paired_outcomes};
pub use reply::{ItemReply, SuiteReplies};
pub use result::{ItemResult, KindResult, SuiteResult};
