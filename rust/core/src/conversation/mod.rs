//! What is said, and the prompt that it becomes: messages, templates, markers, tokens.

mod ending;
mod history;
mod markers;
mod message;
mod options;
mod prompt;
mod proof;
mod template;
mod tokenize;

pub(crate) use ending::is_special;
pub(crate) use history::{Ask, Bookmark, Conversation, OpenTurn, Snapshot};
pub(crate) use markers::{Markers, SpecialTexts};
pub(crate) use message::check_roles;
pub use message::{Message, Role};
pub use options::{ChatOptions, OverflowPolicy};
pub use prompt::Prompt;
pub(crate) use prompt::{PromptText, Renderer};
pub(crate) use proof::Proven;
pub use template::TemplateChoice;
