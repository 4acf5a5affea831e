//! How a conversation is held.

use super::{Message, TemplateChoice};

/// What to do when a conversation no longer fits the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverflowPolicy {
    /// Refuse with [`crate::Error::ContextFull`].
    #[default]
    Error,
    /// Leave the oldest turns out of the prompt; the system prompt and the
    /// history itself stay.
    DropOldestTurns,
}

/// How to start a chat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatOptions {
    /// Instructions before the first turn.
    pub system_prompt: Option<String>,
    /// Turns that have been; must alternate, starting with the user.
    pub history: Vec<Message>,
    /// Where the chat template comes from.
    pub template: TemplateChoice,
    /// What to do when the conversation no longer fits.
    pub overflow: OverflowPolicy,
}
