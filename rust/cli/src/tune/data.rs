//! Training data: JSON lines in TRL's dataset formats, standard and conversational.
//!
//! | objective | standard | conversational |
//! |---|---|---|
//! | sft | `text`, or `prompt` and `completion` | `messages`, or `prompt` and `completion` |
//! | dpo | `prompt`, `chosen`, `rejected` | the same as messages; without `prompt`, what both begin with |

use std::fmt;
use std::io::{BufReader, Read as _};
use std::path::Path;

use pocketune_base::json::Nulls;
use pocketune_base::{Line, LineError, LineFault, LineReader, ReadLinesError};
use pocketune_core::{Message, Role};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::forms::{Form, Wanted};
use crate::error::CliError;
use crate::files::{self, Named};

/// Data may be this long: some hundred times what a run of ours learns from.
const DATA_BYTES_MAX: u64 = 1 << 30;

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// To make likelier after a prompt, which may be missing.
    Reply { prompt: Option<Side>, reply: Side },
    /// To prefer.
    Pair {
        prompt: Side,
        chosen: Side,
        rejected: Side,
    },
}

/// A prompt or a reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Side {
    /// As it stands.
    Text(String),
    /// Through the model's chat template.
    Messages(Vec<Said>),
}

/// One message. What else it holds, such as a name, is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Said {
    role: SaidBy,
    content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SaidBy {
    System,
    User,
    Assistant,
}

/// Fields of all formats; unknown ones are ignored, as TRL ignores them.
#[derive(Debug, Default, Deserialize)]
struct Fields {
    text: Option<String>,
    messages: Option<Vec<Said>>,
    prompt: Option<Side>,
    completion: Option<Side>,
    chosen: Option<Side>,
    rejected: Option<Side>,
}

/// What keeps a line from being learned from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DataFault {
    #[error(transparent)]
    Line(LineFault),
    #[error("{form} ({wanted})")]
    Form { form: Form, wanted: Wanted },
    #[error("`{field}` is missing: {wanted}")]
    Missing { field: &'static str, wanted: Wanted },
    #[error(
        "`prompt` is missing: without it `chosen` and `rejected` are lists of messages that begin \
         with the same ones"
    )]
    NoSharedPrompt,
    #[error("one of `text`, `messages` and `completion` is missing: {0}")]
    NoReply(Wanted),
    #[error("{0}")]
    Record(&'static str),
    #[error("{0}")]
    Sample(String),
}

impl From<LineError> for DataFault {
    fn from(error: LineError) -> Self {
        Self::Line(error.fault)
    }
}

impl From<&'static str> for DataFault {
    fn from(reason: &'static str) -> Self {
        Self::Record(reason)
    }
}

/// Reads all records of `path` with their lines, from 1.
pub(crate) fn read<T>(
    path: &Path,
    wanted: Wanted,
    mut take: impl FnMut(Record) -> Result<T, DataFault>,
) -> Result<Vec<T>, CliError> {
    each(path, |line| take(record(line, &line.value()?, wanted)?))
}

/// Reads lines of JSON, at least one.
pub(crate) fn each<T>(
    path: &Path,
    mut read: impl FnMut(&Line<'_>) -> Result<T, DataFault>,
) -> Result<Vec<T>, CliError> {
    let named = Named::new("training data", path);
    let file = files::open(&named, path)?;
    let length = file.metadata().map_err(|error| named.unreadable(error))?;
    if length.len() > DATA_BYTES_MAX {
        return Err(named.too_long(DATA_BYTES_MAX));
    }
    // It may grow meanwhile.
    let mut lines = LineReader::new(BufReader::new(file.take(DATA_BYTES_MAX)));
    let mut all = Vec::new();
    loop {
        match lines.next_line() {
            Ok(Some(line)) => {
                let read = read(&line);
                all.push(read.map_err(|fault| error(path, line.number, &fault))?);
            }
            Ok(None) => break,
            Err(ReadLinesError::Io(error)) => return Err(named.unreadable(error)),
            Err(ReadLinesError::Line(LineError { line, fault })) => {
                return Err(error(path, line, &DataFault::Line(fault)));
            }
        }
    }
    if all.is_empty() {
        let file = path.display().to_string();
        return Err(CliError::NoData { file });
    }
    Ok(all)
}

fn error(path: &Path, line: usize, fault: &DataFault) -> CliError {
    CliError::Data {
        file: path.display().to_string(),
        line,
        reason: fault.to_string(),
    }
}

/// What the fields of a line come to.
pub(crate) fn record(line: &Line<'_>, value: &Value, wanted: Wanted) -> Result<Record, DataFault> {
    let form = |form| DataFault::Form { form, wanted };
    if let Some(fields) = value.as_object() {
        let known = Form::unsupported(fields).or_else(|| Form::meant(fields, wanted));
        if let Some(known) = known {
            return Err(form(known));
        }
    }
    let fields: Fields = line.shaped(value, Nulls::Refused)?;
    match wanted {
        Wanted::Reply => fields.reply(),
        Wanted::Pair => fields.pair(),
    }
}

impl Fields {
    fn reply(self) -> Result<Record, DataFault> {
        let wanted = Wanted::Reply;
        match (self.text, self.messages, self.completion) {
            (Some(text), None, None) => Ok(Record::Reply {
                prompt: None,
                reply: Side::Text(text),
            }),
            (None, Some(mut messages), None) => {
                let last = messages.pop().ok_or("`messages` is empty")?;
                Ok(Record::Reply {
                    prompt: Some(Side::Messages(messages)),
                    reply: Side::Messages(vec![last]),
                })
            }
            (None, None, Some(reply)) => {
                let field = "prompt";
                let missing = DataFault::Missing { field, wanted };
                Ok(Record::Reply {
                    prompt: Some(self.prompt.ok_or(missing)?),
                    reply,
                })
            }
            (None, None, None) => Err(DataFault::NoReply(wanted)),
            _ => Err("only one of `text`, `messages` and `completion` can be meant".into()),
        }
    }

    fn pair(self) -> Result<Record, DataFault> {
        let wanted = Wanted::Pair;
        let missing = |field| DataFault::Missing { field, wanted };
        let mut chosen = self.chosen.ok_or_else(|| missing("chosen"))?;
        let mut rejected = self.rejected.ok_or_else(|| missing("rejected"))?;
        let prompt = match self.prompt {
            Some(Side::Messages(prompt)) => Side::Messages(prompt),
            // A text beside whole conversations only repeats what they begin with.
            Some(text) => shared_beginning(&mut chosen, &mut rejected).unwrap_or(text),
            None => {
                let shared = shared_beginning(&mut chosen, &mut rejected);
                shared.ok_or(DataFault::NoSharedPrompt)?
            }
        };
        if chosen == rejected {
            return Err("`chosen` and `rejected` are the same".into());
        }
        Ok(Record::Pair {
            prompt,
            chosen,
            rejected,
        })
    }
}

impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EitherSide)
    }
}

struct EitherSide;

impl<'de> Visitor<'de> for EitherSide {
    type Value = Side;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of messages")
    }

    fn visit_str<E>(self, text: &str) -> Result<Side, E> {
        Ok(Side::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, messages: A) -> Result<Side, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(messages)).map(Side::Messages)
    }
}

/// Takes the messages that both begin with off them: an implicit prompt.
fn shared_beginning(chosen: &mut Side, rejected: &mut Side) -> Option<Side> {
    let (Side::Messages(chosen), Side::Messages(rejected)) = (chosen, rejected) else {
        return None;
    };
    let both = chosen.iter().zip(rejected.iter());
    let count = both.take_while(|(a, b)| a == b).count();
    if count == 0 {
        return None;
    }
    rejected.drain(..count);
    Some(Side::Messages(chosen.drain(..count).collect()))
}

/// A conversation up to a question: instructions, and turns that end with the user's.
pub(crate) fn question(lines: &[Said]) -> Result<(Option<String>, Vec<Message>), &'static str> {
    let (system, turns) = match lines {
        [first, rest @ ..] if first.role == SaidBy::System => (Some(first.content.clone()), rest),
        all => (None, all),
    };
    let turns: Option<Vec<Message>> = turns
        .iter()
        .map(|line| {
            let role = match line.role {
                SaidBy::User => Role::User,
                SaidBy::Assistant => Role::Assistant,
                SaidBy::System => return None,
            };
            Some(Message::by(role, line.content.as_str()))
        })
        .collect();
    let turns = turns.ok_or("system messages come first")?;
    match turns.last() {
        Some(last) if last.role == Role::User => Ok((system, turns)),
        _ => Err("the prompt must end with a message of the user"),
    }
}

/// The text of a reply in one message of the assistant.
pub(crate) fn answer(lines: &[Said]) -> Result<&str, &'static str> {
    match lines {
        [line] if line.role == SaidBy::Assistant => Ok(&line.content),
        _ => Err("a reply is one message of the assistant"),
    }
}

#[cfg(test)]
mod tests {
    use pocketune_base::lines;

    use super::{Record, Side, Wanted, record};

    fn parse(text: &str, wanted: Wanted) -> Result<Record, String> {
        let line = lines(text.as_bytes()).next().unwrap().unwrap();
        let value = line.value().unwrap();
        record(&line, &value, wanted).map_err(|fault| fault.to_string())
    }

    const USER: &str = r#"{"role": "user", "content": "q"}"#;

    fn says(what: &str) -> String {
        format!(r#"{{"role": "assistant", "content": "{what}"}}"#)
    }

    #[test]
    fn every_format_of_trl_is_read() {
        let text = |text: &str| Side::Text(text.to_owned());
        let pair = r#"{"prompt": "a", "chosen": "b", "rejected": "c", "id": 7}"#;
        assert_eq!(
            parse(pair, Wanted::Pair),
            Ok(Record::Pair {
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
            let Ok(Record::Pair {
                prompt: Side::Messages(prompt),
                chosen: Side::Messages(chosen),
                ..
            }) = parse(&implicit, Wanted::Pair)
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
            assert!(parse(reply, Wanted::Reply).is_ok(), "{reply}");
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
                Ok(_) => told(line, Wanted::Pair),
                Err(error) => error.fault.to_string(),
            };
            assert!(fault.contains(says), "{fault:?} does not say {says:?}");
        }
        let prompt = told(r#"{"completion": "b"}"#, Wanted::Reply);
        assert!(prompt.contains("`prompt` is missing"), "{prompt}");
        let kind = told(r#"{"prompt": 3, "completion": "b"}"#, Wanted::Reply);
        assert!(kind.contains("`prompt` must be text"), "{kind}");
    }

    #[test]
    fn forms_that_nothing_learns_from_are_named() {
        let call = r#"{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}"#;
        let parts = r#"{"role": "user", "content": [{"type": "text", "text": "q"}]}"#;
        let (reply, pair) = (Wanted::Reply, Wanted::Pair);
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
                "--objective dpo",
            ),
            (r#"{"text": "a"}"#.to_owned(), pair, "--objective sft"),
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
