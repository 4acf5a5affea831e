//! Messages, and the templates that make prompts of them.

use pocketune_core as core;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Role {
    /// Instructions of the app.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub content: String,
    /// Names the reply that it is, where the chat's model wrote it; null for what the app
    /// says was said.
    #[uniffi(default = None)]
    pub reply_id: Option<String>,
}

impl From<Message> for core::Message {
    fn from(message: Message) -> Self {
        let role = match message.role {
            Role::System => core::Role::System,
            Role::User => core::Role::User,
            Role::Assistant => core::Role::Assistant,
        };
        Self {
            role,
            content: message.content,
            // What is no id is that of no reply.
            reply_id: message.reply_id.and_then(|id| core::ReplyId::parse(&id)),
        }
    }
}

impl From<core::Message> for Message {
    fn from(message: core::Message) -> Self {
        let role = match message.role {
            core::Role::System => Role::System,
            core::Role::User => Role::User,
            core::Role::Assistant => Role::Assistant,
        };
        Self {
            role,
            content: message.content,
            reply_id: message.reply_id.map(|id| id.to_string()),
        }
    }
}

/// Where a chat's template comes from.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum TemplateChoice {
    /// The template in the model file; a model without one is refused.
    Model,
    /// ChatML, whatever the model file says.
    ChatMl,
    /// A Jinja template of the caller, as `apply_chat_template` of transformers renders it.
    Jinja {
        /// The template, at most 128 KiB.
        source: String,
    },
}

impl From<TemplateChoice> for core::TemplateChoice {
    fn from(choice: TemplateChoice) -> Self {
        match choice {
            TemplateChoice::Model => Self::Model,
            TemplateChoice::ChatMl => Self::ChatMl,
            TemplateChoice::Jinja { source } => Self::Jinja(source),
        }
    }
}
