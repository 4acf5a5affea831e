//! Conversations.

mod best_of;
mod conversation;
mod draft;
mod handle;
mod markers;
mod message;
mod prompt;
mod proof;
mod saved;
mod template;
mod tokenize;

pub use best_of::{BestOf, Draft};
pub(crate) use conversation::{Ask, Conversation, OpenTurn};
pub use handle::Chat;
pub(crate) use markers::{Markers, SpecialTexts};
pub use message::{Message, Role};
pub(crate) use prompt::{PromptText, Renderer};
pub(crate) use proof::Proven;
pub use saved::SavedChat;
pub use template::TemplateChoice;
