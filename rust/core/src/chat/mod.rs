//! Chats: conversations on an engine.

mod draft;
mod handle;
mod saved;

pub use handle::Chat;
pub use saved::SavedChat;
