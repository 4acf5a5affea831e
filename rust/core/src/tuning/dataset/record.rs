//! Training data: JSON lines in TRL's dataset formats, standard and conversational.
//!
//! | kind | standard | conversational |
//! |---|---|---|
//! | completion (SFT) | `text`, or `prompt` and `completion` | `messages`, or `prompt` and `completion` |
//! | preference (DPO) | `prompt`, `chosen`, `rejected` | the same as messages; without `prompt`, what both begin with |

use std::fmt;
use std::io::BufRead;

use pocketune_base::json::Nulls;
use pocketune_base::{Line, LineError, LineReader, ReadLinesError};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::conversation::{Message, Prompt, Role, TemplateChoice};
use crate::error::{DatasetError, Form, RecordFault, RecordKind};

/// Data may be this long: some hundred times what a run of ours learns from.
pub const DATASET_BYTES_MAX: u64 = 1 << 30;

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A completion to make likelier after a prompt, which may be missing.
    Completion {
        /// What it answers.
        prompt: Option<Content>,
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
}

/// A prompt or a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// As it stands.
    Text(String),
    /// Through the model's chat template. What else a message held, such as a name, was
    /// passed over.
    Messages(Vec<Message>),
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

/// Reads all records of a dataset, at least one. `take` gets each with what it holds; a fault
/// it returns is reported with the record's line. Blocks for the reader.
///
/// # Errors
/// [`DatasetError`]; what was taken before is dropped.
pub fn read_records<T>(
    from: impl BufRead,
    kind: RecordKind,
    mut take: impl FnMut(Record) -> Result<T, RecordFault>,
) -> Result<Vec<T>, DatasetError> {
    read_lines(from, |line| {
        take(Record::parse(line, &line.value()?, kind)?)
    })
}

/// Reads lines of JSON, at least one, for those whose lines hold more than a [`Record`].
/// Blocks for the reader.
///
/// # Errors
/// [`DatasetError`].
pub fn read_lines<T>(
    from: impl BufRead,
    mut take: impl FnMut(&Line<'_>) -> Result<T, RecordFault>,
) -> Result<Vec<T>, DatasetError> {
    // One more than may be: a limit that is used up says that there was too much.
    let mut bounded = from.take(DATASET_BYTES_MAX + 1);
    let mut lines = LineReader::new(&mut bounded);
    let mut all = Vec::new();
    loop {
        match lines.next_line() {
            Ok(Some(line)) => {
                let number = line.number;
                all.push(take(&line).map_err(|fault| DatasetError::line(number, fault))?);
            }
            Ok(None) => break,
            Err(ReadLinesError::Io(error)) => return Err(DatasetError::Io(error)),
            Err(ReadLinesError::Line(LineError { line, fault })) => {
                return Err(DatasetError::line(line, RecordFault::Line(fault)));
            }
        }
    }
    drop(lines);
    if bounded.limit() == 0 {
        return Err(DatasetError::TooLong {
            limit_bytes: DATASET_BYTES_MAX,
        });
    }
    match all.is_empty() {
        true => Err(DatasetError::Empty),
        false => Ok(all),
    }
}

impl Record {
    /// What the fields of a line come to.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub fn parse(line: &Line<'_>, value: &Value, kind: RecordKind) -> Result<Self, RecordFault> {
        if let Some(fields) = value.as_object() {
            let known = Form::unsupported(fields).or_else(|| Form::meant(fields, kind));
            if let Some(form) = known {
                return Err(RecordFault::Form { form, kind });
            }
        }
        let fields: Fields = line.shaped(value, Nulls::Refused)?;
        match kind {
            RecordKind::Completion => fields.completion(),
            RecordKind::Preference => fields.preference(),
        }
    }
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
                    system_prompt,
                    turns,
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
}

/// A conversation up to a question: instructions, and turns that end with the user's.
fn question(messages: &[Message]) -> Result<(Option<String>, Vec<Message>), RecordFault> {
    let (system, turns) = match messages {
        [first, rest @ ..] if first.role == Role::System => (Some(first.content.clone()), rest),
        all => (None, all),
    };
    if turns.iter().any(|message| message.role == Role::System) {
        return Err(RecordFault::Record("system messages come first"));
    }
    match turns.last() {
        Some(last) if last.role == Role::User => Ok((system, turns.to_vec())),
        _ => Err(RecordFault::Record(
            "the prompt must end with a message of the user",
        )),
    }
}

impl Fields {
    fn completion(self) -> Result<Record, RecordFault> {
        let kind = RecordKind::Completion;
        match (self.text, self.messages, self.completion) {
            (Some(text), None, None) => Ok(Record::Completion {
                prompt: None,
                completion: Content::Text(text),
            }),
            (None, Some(mut messages), None) => {
                let last = messages
                    .pop()
                    .ok_or(RecordFault::Record("`messages` is empty"))?;
                Ok(Record::Completion {
                    prompt: Some(Content::Messages(messages)),
                    completion: Content::Messages(vec![last]),
                })
            }
            (None, None, Some(completion)) => {
                let field = "prompt";
                let missing = RecordFault::Missing { field, kind };
                Ok(Record::Completion {
                    prompt: Some(self.prompt.ok_or(missing)?),
                    completion,
                })
            }
            (None, None, None) => Err(RecordFault::NoCompletion(kind)),
            _ => Err(RecordFault::Record(
                "only one of `text`, `messages` and `completion` can be meant",
            )),
        }
    }

    fn preference(self) -> Result<Record, RecordFault> {
        let kind = RecordKind::Preference;
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
        if chosen == rejected {
            return Err(RecordFault::Record("`chosen` and `rejected` are the same"));
        }
        Ok(Record::Preference {
            prompt,
            chosen,
            rejected,
        })
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

#[cfg(test)]
mod tests {
    use pocketune_base::lines;

    use super::{Content, Record, RecordKind};

    fn parse(text: &str, wanted: RecordKind) -> Result<Record, String> {
        let line = lines(text.as_bytes()).next().unwrap().unwrap();
        let value = line.value().unwrap();
        Record::parse(&line, &value, wanted).map_err(|fault| fault.to_string())
    }

    const USER: &str = r#"{"role": "user", "content": "q"}"#;

    fn says(what: &str) -> String {
        format!(r#"{{"role": "assistant", "content": "{what}"}}"#)
    }

    #[test]
    fn every_format_of_trl_is_read() {
        let text = |text: &str| Content::Text(text.to_owned());
        let pair = r#"{"prompt": "a", "chosen": "b", "rejected": "c", "id": 7}"#;
        assert_eq!(
            parse(pair, RecordKind::Preference),
            Ok(Record::Preference {
                prompt: text("a"),
                chosen: text("b"),
                rejected: text("c"),
            })
        );
        let (yes, no) = (says("y"), says("n"));
        // With the prompt as a text as well, as UltraFeedback is published.
        for prompt in ["", r#""prompt": "q", "#] {
            let implicit =
                format!(r#"{{{prompt}"chosen": [{USER}, {yes}], "rejected": [{USER}, {no}]}}"#);
            let Ok(Record::Preference {
                prompt: Content::Messages(prompt),
                chosen: Content::Messages(chosen),
                ..
            }) = parse(&implicit, RecordKind::Preference)
            else {
                panic!("{implicit}");
            };
            assert_eq!((prompt.len(), chosen.len()), (1, 1));
        }
        let messages = format!(r#"{{"messages": [{USER}, {yes}]}}"#);
        for reply in [
            r#"{"text": "a", "label": 1}"#,
            &messages,
            r#"{"prompt": "a", "completion": "b", "tools": null, "images": []}"#,
        ] {
            assert!(parse(reply, RecordKind::Completion).is_ok(), "{reply}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_named() {
        let told = |line: &str, wanted| parse(line, wanted).unwrap_err();
        for (line, says) in [
            (
                r#"{"chosen": "b", "rejected": "c"}"#,
                "`prompt` is missing: without it",
            ),
            (r#"{"prompt": "a", "chosen": "b"}"#, "`rejected` is missing"),
            (r#"{"prompt": "a", "rejected": "b"}"#, "`chosen` is missing"),
            (
                r#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#,
                "`chosen` and `rejected` are the same",
            ),
            (
                r#"{"prompt": "a", "chosen": null, "rejected": "b"}"#,
                "`chosen` must be text or a list of messages, found null",
            ),
            (
                r#"{"prompt": null, "chosen": "a", "rejected": "b"}"#,
                "`prompt` must be text or a list of messages, found null",
            ),
            (
                r#"{"prompt": {"role": "user"}, "chosen": "a", "rejected": "b"}"#,
                "`prompt` must be text or a list of messages, found an object",
            ),
            (
                r#"{"prompt": "a", "chosen": ["b"], "rejected": "c"}"#,
                "`chosen[0]` must be an object, found text",
            ),
            (
                r#"{"prompt": "a", "chosen": [{"role": "assistant", "content": null}], "rejected": "c"}"#,
                "`chosen[0].content` must be text, found null",
            ),
            (
                r#"{"prompt": "a", "chosen": [{"role": "bot", "content": "b"}], "rejected": "c"}"#,
                "`chosen[0].role` must be one of system, user, assistant",
            ),
            ("[1]", "this is a JSON array"),
            ("3", "it must be an object, found a number"),
        ] {
            let line_of_it = lines(line.as_bytes()).next().unwrap().unwrap();
            let fault = match line_of_it.value() {
                Ok(_) => told(line, RecordKind::Preference),
                Err(error) => error.fault.to_string(),
            };
            assert!(fault.contains(says), "{fault:?} does not say {says:?}");
        }
        let prompt = told(r#"{"completion": "b"}"#, RecordKind::Completion);
        assert!(prompt.contains("`prompt` is missing"), "{prompt}");
        let kind = told(
            r#"{"prompt": 3, "completion": "b"}"#,
            RecordKind::Completion,
        );
        assert!(kind.contains("`prompt` must be text"), "{kind}");
    }

    #[test]
    fn forms_that_nothing_learns_from_are_named() {
        let call = r#"{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}"#;
        let parts = r#"{"role": "user", "content": [{"type": "text", "text": "q"}]}"#;
        let (reply, pair) = (RecordKind::Completion, RecordKind::Preference);
        for (line, wanted, says) in [
            (
                r#"{"prompt": "a", "completion": "b", "label": true}"#.to_owned(),
                pair,
                "TRL's unpaired preferences",
            ),
            (
                r#"{"prompt": "a", "completion": "b", "label": false}"#.to_owned(),
                reply,
                "TRL's unpaired preferences",
            ),
            (
                r#"{"prompt": "a", "completions": ["b"], "labels": [true]}"#.to_owned(),
                reply,
                "TRL's stepwise supervision",
            ),
            (r#"{"prompt": "a"}"#.to_owned(), reply, "prompt-only"),
            (r#"{"prompt": "a"}"#.to_owned(), pair, "prompt-only"),
            (
                r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#.to_owned(),
                reply,
                "which DPO learns from",
            ),
            (r#"{"text": "a"}"#.to_owned(), pair, "which SFT learns from"),
            (
                r#"{"conversations": [{"from": "human", "value": "q"}]}"#.to_owned(),
                reply,
                "ShareGPT",
            ),
            (
                r#"{"messages": [{"from": "human", "value": "q"}]}"#.to_owned(),
                reply,
                "ShareGPT",
            ),
            (
                r#"{"instruction": "a", "output": "b"}"#.to_owned(),
                reply,
                "Alpaca",
            ),
            (
                r#"{"input": {}, "preferred_output": [], "non_preferred_output": []}"#.to_owned(),
                pair,
                "OpenAI's preference form",
            ),
            (
                format!(r#"{{"messages": [{USER}, {call}]}}"#),
                reply,
                "tool calls",
            ),
            (
                format!(r#"{{"messages": [{USER}], "tools": [{{"name": "f"}}]}}"#),
                reply,
                "tool calls",
            ),
            (
                format!(r#"{{"messages": [{parts}]}}"#),
                reply,
                "list of parts",
            ),
            (
                r#"{"images": ["a.png"], "prompt": "a", "completion": "b"}"#.to_owned(),
                reply,
                "images",
            ),
        ] {
            let told = parse(&line, wanted).unwrap_err();
            assert!(told.contains(says), "{told:?} does not say {says:?}");
            assert!(told.contains("a line has"), "{told}");
        }
    }
}
