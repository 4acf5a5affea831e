//! Conversations.

mod best_of;
mod conversation;
mod draft;
mod handle;
mod message;
mod prompt;
mod saved;
mod template;

pub use best_of::{BestOf, Draft};
pub(crate) use conversation::{Ask, Conversation, OpenTurn};
pub use handle::Chat;
pub use message::{Message, Role};
pub(crate) use prompt::{ControlTokens, PromptText, Renderer};
pub use saved::SavedChat;
pub use template::TemplateChoice;
