//! Training data: JSON lines in TRL's dataset formats, standard and conversational.
//!
//! | kind | standard | conversational |
//! |---|---|---|
//! | completion (SFT) | `text`, or `prompt` and `completion` | `messages`, or `prompt` and `completion` |
//! | preference (DPO) | `prompt`, `chosen`, `rejected` | the same as messages; without `prompt`, what both begin with |
//! | thumb (KTO) | `prompt`, `completion`, `label` | the same as messages |
//! | feedback | thumbs, preferences, and edits: preferences with `edit` | the same as messages |

mod content;
mod contradictions;
mod forms;
mod lines;
mod record;
#[cfg(test)]
mod tests;

pub use content::Content;
pub(super) use content::question;
pub(super) use contradictions::{Claim, Claims};
pub(super) use lines::visit_lines;
pub use lines::{DATASET_BYTES_MAX, read_lines, read_records};
pub use record::Record;
pub(super) use record::{Part, Parts};
