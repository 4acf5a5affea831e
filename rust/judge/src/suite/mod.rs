//! Fixed sets of items, what one arm makes of them, and what two arms' results say beside
//! each other. Models answer elsewhere; here is what is asked and how answers are counted.

mod compare;
mod error;
mod item;
mod result;

pub use compare::{Comparison, compare};
pub use error::SuiteError;
pub use item::{Item, Suite, Task};
pub use result::{ItemResult, KindResult, SuiteResult};
