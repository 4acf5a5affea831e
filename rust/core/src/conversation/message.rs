//! One message of a conversation.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::origin::ReplyId;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions of the app.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that templates know.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a conversation. As JSON it is what datasets hold of one: role and content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub content: String,
    /// Names the reply that it is, where the chat's model wrote it; `None` for what the app
    /// says was said.
    #[serde(skip)]
    pub reply_id: Option<ReplyId>,
}

impl Message {
    /// A message of the person.
    pub fn user(content: impl Into<String>) -> Self {
        Self::by(Role::User, content)
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::by(Role::Assistant, content)
    }

    /// Instructions of the app.
    pub fn system(content: impl Into<String>) -> Self {
        Self::by(Role::System, content)
    }

    /// What the app says was said.
    pub fn by(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reply_id: None,
        }
    }
}

/// Turns must alternate, user first: templates and models know nothing else.
pub(crate) fn check_turns(history: &[Message]) -> Result<(), Error> {
    check_roles(history.iter().map(|message| message.role))
}

/// As [`check_turns`], of the turns' roles.
pub(crate) fn check_roles(roles: impl Iterator<Item = Role>) -> Result<(), Error> {
    for (index, role) in roles.enumerate() {
        let expected = if index % 2 == 0 {
            Role::User
        } else {
            Role::Assistant
        };
        if role != expected {
            return Err(Error::option(
                "history",
                format!(
                    "message {index} must be of the {} role, is {}",
                    expected.name(),
                    role.name()
                ),
            ));
        }
    }
    Ok(())
}
