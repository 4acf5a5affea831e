//! What one line says.

use pocketune_base::Line;
use pocketune_base::json::Nulls;
use pocketune_train::Label;
use serde::Deserialize;
use serde_json::Value;

use super::content::{Content, question};
use crate::conversation::{Message, Role};
use crate::error::{Form, RecordFault, RecordKind};

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A whole text to make likelier.
    Text(String),
    /// A conversation that ends with a reply to make likelier.
    Conversation(Vec<Message>),
    /// A completion to make likelier after a prompt.
    Completion {
        /// What it answers.
        prompt: Content,
        /// What is learned.
        completion: Content,
    },
    /// A reply to prefer to another one.
    Preference {
        /// What both answer.
        prompt: Content,
        /// The better one.
        chosen: Content,
        /// The other.
        rejected: Content,
    },
    /// A reply that somebody liked or not.
    Thumb {
        /// What it answers.
        prompt: Content,
        /// The reply.
        completion: Content,
        /// Whether it was liked.
        up: bool,
    },
    /// A reply that the user rewrote.
    Edit {
        /// What it answers.
        prompt: Content,
        /// What the user made of it.
        chosen: Content,
        /// As it was.
        rejected: Content,
    },
}

/// What a record is made of.
#[derive(Debug, Clone)]
pub(in crate::tuning) enum Parts<'r> {
    /// A whole text.
    Text(&'r str),
    /// A whole conversation.
    Conversation(&'r [Message]),
    /// Replies to a prompt.
    Replies {
        prompt: &'r Content,
        replies: Vec<(Part, &'r Content)>,
    },
}

/// A reply of a record: the field it stands in, and what it is worth.
#[derive(Debug, Clone, Copy)]
pub(in crate::tuning) struct Part {
    pub(in crate::tuning) field: &'static str,
    pub(in crate::tuning) label: Label,
}

/// Fields of all formats; unknown ones are ignored, as TRL ignores them.
#[derive(Debug, Default, Deserialize)]
struct Fields {
    text: Option<String>,
    messages: Option<Vec<Message>>,
    prompt: Option<Content>,
    completion: Option<Content>,
    chosen: Option<Content>,
    rejected: Option<Content>,
}

/// Other data hold labels of another kind, which nothing here reads.
#[derive(Debug, Deserialize)]
struct Judged {
    label: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Edited {
    edit: Option<bool>,
}

impl Record {
    /// What a line says.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub fn read(line: &Line<'_>, kind: RecordKind) -> Result<Self, RecordFault> {
        Self::parse(line, &line.value()?, kind)
    }

    /// What the value of a line says.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub fn parse(line: &Line<'_>, value: &Value, kind: RecordKind) -> Result<Self, RecordFault> {
        if let Some(form) = value.as_object().and_then(|it| Form::other_than(kind, it)) {
            return Err(RecordFault::Form { form, kind });
        }
        // A table of mixed feedback leaves columns empty.
        let nulls = match kind {
            RecordKind::Feedback => Nulls::Absent,
            RecordKind::Completion | RecordKind::Preference | RecordKind::Thumb => Nulls::Refused,
        };
        let fields: Fields = line.shaped(value, nulls)?;
        let label = || Ok::<_, RecordFault>(line.shaped::<Judged>(value, nulls)?.label);
        let edit = || Ok::<_, RecordFault>(line.shaped::<Edited>(value, nulls)?.edit);
        let record = match kind {
            RecordKind::Completion => fields.completion()?,
            RecordKind::Preference => {
                edit()?;
                fields.preference(kind)?
            }
            RecordKind::Thumb => fields.thumb(label()?, kind)?,
            RecordKind::Feedback => fields.feedback(label, edit()? == Some(true))?,
        };
        record.check()?;
        Ok(record)
    }

    /// What a record is made of, whatever it is called.
    pub(in crate::tuning) fn parts(&self) -> Parts<'_> {
        let one = |field, label| Part { field, label };
        match self {
            Self::Text(text) => Parts::Text(text),
            Self::Conversation(messages) => Parts::Conversation(messages),
            Self::Completion { prompt, completion } => Parts::Replies {
                prompt,
                replies: vec![(one("completion", Label::Demonstration), completion)],
            },
            Self::Thumb {
                prompt,
                completion,
                up,
            } => {
                let label = match up {
                    true => Label::Desirable,
                    false => Label::Undesirable,
                };
                Parts::Replies {
                    prompt,
                    replies: vec![(one("completion", label), completion)],
                }
            }
            Self::Preference {
                prompt,
                chosen,
                rejected,
            }
            | Self::Edit {
                prompt,
                chosen,
                rejected,
            } => Parts::Replies {
                prompt,
                replies: vec![
                    (one("chosen", Label::Chosen), chosen),
                    (one("rejected", Label::Rejected), rejected),
                ],
            },
        }
    }

    /// Refuses what can be told without a model that nothing can be learned from it.
    fn check(&self) -> Result<(), RecordFault> {
        match self.parts() {
            Parts::Text(text) => Part::TEXT.check_says_something(text),
            Parts::Conversation([]) => Err(RecordFault::Record("`messages` is empty")),
            Parts::Conversation([prompt @ .., reply]) if reply.role == Role::Assistant => {
                question(prompt)?;
                Part::MESSAGES.check_says_something(&reply.content)
            }
            Parts::Conversation(_) => Err(RecordFault::Record(
                "`messages` must end with a message of the assistant",
            )),
            Parts::Replies { prompt, replies } => check_replies(prompt, &replies),
        }
    }
}

fn check_replies(prompt: &Content, replies: &[(Part, &Content)]) -> Result<(), RecordFault> {
    if let Content::Messages(messages) = prompt {
        question(messages)?;
    }
    for (_, content) in replies {
        content.reply()?;
    }
    for (Part { field, .. }, content) in replies {
        let (text, messages) = match (prompt, content) {
            (Content::Text(_), Content::Text(_)) | (Content::Messages(_), Content::Messages(_)) => {
                continue;
            }
            (Content::Text(_), Content::Messages(_)) => ("prompt", *field),
            (Content::Messages(_), Content::Text(_)) => (*field, "prompt"),
        };
        return Err(RecordFault::MixedContent { text, messages });
    }
    for (part, content) in replies {
        part.check_says_something(content.reply()?)?;
    }
    match replies {
        [(_, chosen), (_, rejected)] if chosen == rejected => Err(RecordFault::SameReplies),
        _ => Ok(()),
    }
}

impl Parts<'_> {
    /// Whether it is a text, or a reply within one, that is imitated.
    pub(in crate::tuning) fn is_text_to_imitate(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Conversation(_) => false,
            Self::Replies { prompt, replies } => {
                matches!(prompt, Content::Text(_))
                    && replies
                        .iter()
                        .all(|(part, _)| part.label == Label::Demonstration)
            }
        }
    }
}

impl Part {
    /// Of texts and conversations.
    pub(in crate::tuning) const TEXT: Self = Self {
        field: "text",
        label: Label::Demonstration,
    };
    pub(in crate::tuning) const MESSAGES: Self = Self {
        field: "messages",
        label: Label::Demonstration,
    };

    /// Refuses to make a reply likelier that says nothing. The other reply may do so: then
    /// it is learned that ending at once is the worse answer.
    pub(in crate::tuning) fn check_says_something(self, reply: &str) -> Result<(), RecordFault> {
        match self.label {
            Label::Rejected | Label::Undesirable => Ok(()),
            Label::Demonstration | Label::Chosen | Label::Desirable | Label::Anchor
                if reply.trim().is_empty() =>
            {
                Err(RecordFault::EmptyReply { field: self.field })
            }
            Label::Demonstration | Label::Chosen | Label::Desirable | Label::Anchor => Ok(()),
        }
    }
}

impl Fields {
    fn completion(self) -> Result<Record, RecordFault> {
        let kind = RecordKind::Completion;
        match (self.text, self.messages, self.completion) {
            (Some(text), None, None) => Ok(Record::Text(text)),
            (None, Some(messages), None) => Ok(Record::Conversation(messages)),
            (None, None, Some(completion)) => {
                let field = "prompt";
                let missing = RecordFault::Missing { field, kind };
                let prompt = self.prompt.ok_or(missing)?;
                Ok(Record::Completion { prompt, completion })
            }
            (None, None, None) => Err(RecordFault::NoCompletion(kind)),
            _ => Err(RecordFault::Record(
                "only one of `text`, `messages` and `completion` can be meant",
            )),
        }
    }

    fn thumb(self, label: Option<bool>, kind: RecordKind) -> Result<Record, RecordFault> {
        let missing = |field| RecordFault::Missing { field, kind };
        let completion = self.completion.ok_or_else(|| missing("completion"))?;
        Ok(Record::Thumb {
            up: label.ok_or(RecordFault::Unlabelled(kind))?,
            prompt: self.prompt.ok_or_else(|| missing("prompt"))?,
            completion,
        })
    }

    fn feedback(
        self,
        label: impl FnOnce() -> Result<Option<bool>, RecordFault>,
        is_edit: bool,
    ) -> Result<Record, RecordFault> {
        let kind = RecordKind::Feedback;
        let compares = self.chosen.is_some() || self.rejected.is_some();
        match (self.completion.is_some(), compares) {
            (false, false) => Err(RecordFault::NoFeedback(kind)),
            (true, true) => Err(RecordFault::Record(
                "only one of `completion` and `chosen` can be meant",
            )),
            (true, false) if is_edit => Err(RecordFault::Record(
                "an edit is `chosen`, what the user made of `rejected`",
            )),
            (true, false) => self.thumb(label()?, kind),
            (false, true) => match self.preference(kind)? {
                Record::Preference {
                    prompt,
                    chosen,
                    rejected,
                } if is_edit => Ok(Record::Edit {
                    prompt,
                    chosen,
                    rejected,
                }),
                record => Ok(record),
            },
        }
    }

    fn preference(self, kind: RecordKind) -> Result<Record, RecordFault> {
        let missing = |field| RecordFault::Missing { field, kind };
        let mut chosen = self.chosen.ok_or_else(|| missing("chosen"))?;
        let mut rejected = self.rejected.ok_or_else(|| missing("rejected"))?;
        let prompt = match self.prompt {
            Some(Content::Messages(prompt)) => Content::Messages(prompt),
            // A text beside whole conversations only repeats what they begin with.
            Some(text) => shared_beginning(&mut chosen, &mut rejected).unwrap_or(text),
            None => {
                let shared = shared_beginning(&mut chosen, &mut rejected);
                shared.ok_or(RecordFault::NoSharedPrompt)?
            }
        };
        Ok(Record::Preference {
            prompt,
            chosen,
            rejected,
        })
    }
}

/// Takes the messages that both begin with off them: an implicit prompt.
fn shared_beginning(chosen: &mut Content, rejected: &mut Content) -> Option<Content> {
    let (Content::Messages(chosen), Content::Messages(rejected)) = (chosen, rejected) else {
        return None;
    };
    let both = chosen.iter().zip(rejected.iter());
    let count = both.take_while(|(a, b)| a == b).count();
    if count == 0 {
        return None;
    }
    rejected.drain(..count);
    Some(Content::Messages(chosen.drain(..count).collect()))
}
