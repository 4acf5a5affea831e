//! Conversations.

mod conversation;
mod handle;
mod message;
mod prompt;
mod saved;
mod template;

pub(crate) use conversation::{Ask, Conversation, OpenTurn};
pub use handle::Chat;
pub use message::{Message, Role};
pub(crate) use prompt::{ControlTokens, PromptText, Renderer};
pub use saved::SavedChat;
pub use template::TemplateChoice;
