//! A prompt or a reply: text, or messages.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::conversation::{Message, Prompt, Role, TemplateChoice};
use crate::error::RecordFault;

/// A prompt or a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// As it stands; control tokens that are written out in it are control tokens.
    Text(String),
    /// Through the model's chat template; no text of a message is a control token. What else
    /// a message held, such as a name, was passed over.
    Messages(Vec<Message>),
}

impl Content {
    /// It as a prompt: text as it stands, messages through the model's template.
    ///
    /// # Errors
    /// [`RecordFault::Record`] for messages that do not end with one of the user.
    pub fn prompt(&self) -> Result<Prompt, RecordFault> {
        match self {
            Self::Text(text) => Ok(Prompt::Raw(text.clone())),
            Self::Messages(messages) => {
                let (system_prompt, turns) = question(messages)?;
                Ok(Prompt::Chat {
                    system_prompt: system_prompt.map(str::to_owned),
                    turns: turns.to_vec(),
                    template: TemplateChoice::Model,
                })
            }
        }
    }

    /// Its text as a reply: of messages, that of the one message of the assistant.
    ///
    /// # Errors
    /// [`RecordFault::Record`] for other messages.
    pub fn reply(&self) -> Result<&str, RecordFault> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Messages(messages) => match messages.as_slice() {
                [message] if message.role == Role::Assistant => Ok(&message.content),
                _ => Err(RecordFault::Record(
                    "a reply is one message of the assistant",
                )),
            },
        }
    }

    /// A reply in the same form as this prompt.
    pub(in crate::tuning) fn replied(&self, text: String) -> Self {
        match self {
            Self::Text(_) => Self::Text(text),
            Self::Messages(_) => Self::Messages(vec![Message::assistant(text)]),
        }
    }

    /// Bytes that no other content has: numbers in 8 bytes, texts behind their length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        match self {
            Self::Text(text) => put(text),
            Self::Messages(messages) => {
                for message in messages {
                    put(message.role.name());
                    put(&message.content);
                }
                // No text alone ends so.
                bytes.push(0xff);
            }
        }
        bytes
    }
}

/// A conversation up to a question: instructions, and turns that end with the user's.
///
/// # Errors
/// [`RecordFault::Record`] for other messages.
pub(in crate::tuning) fn question(
    messages: &[Message],
) -> Result<(Option<&str>, &[Message]), RecordFault> {
    let (system, turns) = match messages {
        [first, rest @ ..] if first.role == Role::System => (Some(&*first.content), rest),
        all => (None, all),
    };
    if turns.iter().any(|message| message.role == Role::System) {
        return Err(RecordFault::Record("system messages come first"));
    }
    match turns.last() {
        Some(last) if last.role == Role::User => Ok((system, turns)),
        _ => Err(RecordFault::Record(
            "the prompt must end with a message of the user",
        )),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EitherContent)
    }
}

struct EitherContent;

impl<'de> Visitor<'de> for EitherContent {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of messages")
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, messages: A) -> Result<Content, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(messages)).map(Content::Messages)
    }
}
