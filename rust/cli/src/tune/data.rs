//! Training data: JSON lines in TRL's dataset formats, standard and conversational.
//!
//! | objective | standard | conversational |
//! |---|---|---|
//! | sft | `text`, or `prompt` and `completion` | `messages`, or `prompt` and `completion` |
//! | dpo | `prompt`, `chosen`, `rejected` | the same as messages; without `prompt`, what both begin with |

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use pocketune_core::{Message, Role};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// A line may be this long.
const LINE_BYTES_MAX: u64 = 1 << 20;

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
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Side {
    /// As it stands.
    Text(String),
    /// Through the model's chat template.
    Messages(Vec<Line>),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Line {
    role: LineRole,
    content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineRole {
    System,
    User,
    Assistant,
}

/// Fields of all formats; unknown ones are ignored, as TRL ignores them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Fields {
    text: Option<String>,
    messages: Option<Vec<Line>>,
    prompt: Option<Side>,
    completion: Option<Side>,
    chosen: Option<Side>,
    rejected: Option<Side>,
}

/// A record and the line it stands in, from 1.
pub(crate) struct Numbered {
    pub(crate) line: usize,
    pub(crate) record: Record,
}

/// Reads all records of `path`. Empty lines are skipped.
pub(crate) fn read(path: &Path, pairs: bool) -> Result<Vec<Numbered>, CliError> {
    let record = |(line, fields): (usize, Fields)| {
        let record = fields.record(pairs);
        let record = record.map_err(|reason| error(path, line, reason.to_owned()))?;
        Ok(Numbered { line, record })
    };
    lines(path)?.into_iter().map(record).collect()
}

/// Reads lines of JSON with their numbers, from 1, at least one. Empty lines are skipped.
pub(crate) fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>, CliError> {
    let what = "training data";
    let unreadable = |source| CliError::Unreadable { what, source };
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut records = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let mut bounded = reader.by_ref().take(LINE_BYTES_MAX + 1);
        let bytes = bounded.read_until(b'\n', &mut text).map_err(unreadable)?;
        if bytes == 0 {
            break;
        }
        let bad = |reason: String| error(path, line, reason);
        if text.len() as u64 > LINE_BYTES_MAX {
            return Err(bad(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            continue;
        }
        // The message may quote the line, but not the values in it.
        let record = serde_json::from_slice(trimmed)
            .map_err(|error| bad(format!("no record: {}", plain(&error))))?;
        records.push((line, record));
    }
    if records.is_empty() {
        let file = path.display().to_string();
        return Err(CliError::NoData { file });
    }
    Ok(records)
}

pub(crate) fn error(path: &Path, line: usize, reason: String) -> CliError {
    CliError::Data {
        file: path.display().to_string(),
        line,
        reason,
    }
}

/// Where JSON breaks, without what it says there.
fn plain(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Eof => "JSON that ends too early",
        _ => "a field of the wrong kind",
    };
    format!("{kind} at column {}", error.column())
}

impl Fields {
    fn record(self, pairs: bool) -> Result<Record, &'static str> {
        if pairs {
            return self.pair();
        }
        match (self.text, self.messages, self.completion) {
            (Some(text), None, None) => Ok(Record::Reply {
                prompt: None,
                reply: Side::Text(text),
            }),
            (None, Some(mut messages), None) => {
                let last = messages.pop().ok_or("messages is empty")?;
                Ok(Record::Reply {
                    prompt: Some(Side::Messages(messages)),
                    reply: Side::Messages(vec![last]),
                })
            }
            (None, None, Some(reply)) => Ok(Record::Reply {
                prompt: Some(self.prompt.ok_or("prompt is missing")?),
                reply,
            }),
            (None, None, None) => Err("text, messages or completion is missing"),
            _ => Err("only one of text, messages and completion can be meant"),
        }
    }

    pub(crate) fn pair(self) -> Result<Record, &'static str> {
        let mut chosen = self.chosen.ok_or("chosen is missing")?;
        let mut rejected = self.rejected.ok_or("rejected is missing")?;
        let prompt = match self.prompt {
            Some(prompt) => prompt,
            None => shared_beginning(&mut chosen, &mut rejected).ok_or("prompt is missing")?,
        };
        if chosen == rejected {
            return Err("chosen and rejected are the same");
        }
        Ok(Record::Pair {
            prompt,
            chosen,
            rejected,
        })
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
pub(crate) fn question(lines: &[Line]) -> Result<(Option<String>, Vec<Message>), &'static str> {
    let (system, turns) = match lines {
        [first, rest @ ..] if first.role == LineRole::System => (Some(first.content.clone()), rest),
        all => (None, all),
    };
    let turns: Option<Vec<Message>> = turns
        .iter()
        .map(|line| {
            let role = match line.role {
                LineRole::User => Role::User,
                LineRole::Assistant => Role::Assistant,
                LineRole::System => return None,
            };
            let content = line.content.clone();
            Some(Message { role, content })
        })
        .collect();
    let turns = turns.ok_or("system messages come first")?;
    match turns.last() {
        Some(last) if last.role == Role::User => Ok((system, turns)),
        _ => Err("the prompt must end with a message of the user"),
    }
}

/// The text of a reply in one message of the assistant.
pub(crate) fn answer(lines: &[Line]) -> Result<&str, &'static str> {
    match lines {
        [line] if line.role == LineRole::Assistant => Ok(&line.content),
        _ => Err("a reply is one message of the assistant"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Record, Side};

    fn parse(line: &str, pairs: bool) -> Result<Record, String> {
        let fields: Fields = serde_json::from_str(line).map_err(|error| error.to_string())?;
        fields.record(pairs).map_err(str::to_owned)
    }

    #[test]
    fn every_format_of_trl_is_read() {
        let text = |text: &str| Side::Text(text.to_owned());
        assert_eq!(
            parse(
                r#"{"prompt": "a", "chosen": "b", "rejected": "c", "id": 7}"#,
                true
            ),
            Ok(Record::Pair {
                prompt: text("a"),
                chosen: text("b"),
                rejected: text("c"),
            })
        );
        let user = r#"{"role": "user", "content": "q"}"#;
        let says = |what: &str| format!(r#"{{"role": "assistant", "content": "{what}"}}"#);
        let implicit = format!(
            r#"{{"chosen": [{user}, {}], "rejected": [{user}, {}]}}"#,
            says("y"),
            says("n")
        );
        let Ok(Record::Pair {
            prompt: Side::Messages(prompt),
            ..
        }) = parse(&implicit, true)
        else {
            panic!("{implicit}");
        };
        assert_eq!(prompt.len(), 1);
        assert!(parse(r#"{"text": "a"}"#, false).is_ok());
        assert!(
            parse(
                &format!(r#"{{"messages": [{user}, {}]}}"#, says("y")),
                false
            )
            .is_ok()
        );
        assert!(parse(r#"{"prompt": "a", "completion": "b"}"#, false).is_ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |line: &str, pairs| parse(line, pairs).unwrap_err();
        assert_eq!(
            missing(r#"{"chosen": "b", "rejected": "c"}"#, true),
            "prompt is missing"
        );
        assert_eq!(
            missing(r#"{"prompt": "a", "chosen": "b"}"#, true),
            "rejected is missing"
        );
        assert_eq!(
            missing(r#"{"completion": "b"}"#, false),
            "prompt is missing"
        );
        let same = r#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#;
        assert_eq!(missing(same, true), "chosen and rejected are the same");
        assert!(parse(r#"{"prompt": 3, "completion": "b"}"#, false).is_err());
    }
}
