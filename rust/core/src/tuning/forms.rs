//! Forms of data that other tools write and that nothing here learns from yet: named, so
//! that nobody has to guess which field is missing.

use std::fmt;

use serde_json::{Map, Value};

/// What a line is to be learned from as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// One reply, or a whole text: for supervised fine-tuning.
    Completion,
    /// A better and a worse reply: for preference training.
    Preference,
}

/// A form that is known and not supported, or not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tool calls, and what tools said.
    Tools,
    /// Messages whose content is a list of parts.
    Parts,
    /// Images beside the text.
    Images,
    /// TRL's unpaired preferences.
    Unpaired,
    /// TRL's stepwise supervision.
    Stepwise,
    /// TRL's prompt-only form.
    PromptOnly,
    /// ShareGPT's conversations.
    ShareGpt,
    /// Alpaca's instructions.
    Alpaca,
    /// OpenAI's preferences.
    OpenAiPreference,
    /// A preference where a completion is wanted.
    Preference,
    /// A completion where a preference is wanted.
    Completion,
}

/// Fields that hold messages.
const SIDES: [&str; 5] = ["messages", "prompt", "completion", "chosen", "rejected"];

impl Form {
    /// What makes a line more than is supported, whatever else it holds: read as if it were
    /// not there, it would teach something else.
    pub(super) fn unsupported(fields: &Map<String, Value>) -> Option<Self> {
        let filled = |name: &str| fields.get(name).is_some_and(is_filled);
        if filled("tools") {
            return Some(Self::Tools);
        }
        if filled("images") || filled("image") {
            return Some(Self::Images);
        }
        if filled("completion") && fields.get("label").is_some_and(Value::is_boolean) {
            return Some(Self::Unpaired);
        }
        let lists = SIDES
            .iter()
            .filter_map(|name| fields.get(*name)?.as_array());
        lists
            .flatten()
            .filter_map(Value::as_object)
            .find_map(of_message)
    }

    /// What a line without the fields that are `wanted` was meant to be.
    pub(super) fn meant(fields: &Map<String, Value>, wanted: RecordKind) -> Option<Self> {
        let has = |name: &str| fields.contains_key(name);
        let any = |names: &[&str]| names.iter().any(|name| has(name));
        let reply = any(&["text", "messages", "completion"]);
        match wanted {
            RecordKind::Preference if any(&["chosen", "rejected"]) => None,
            RecordKind::Completion if reply => None,
            RecordKind::Completion if has("chosen") && has("rejected") => Some(Self::Preference),
            RecordKind::Preference if reply => Some(Self::Completion),
            _ if has("completions") => Some(Self::Stepwise),
            _ if any(&["preferred_output", "non_preferred_output"]) => Some(Self::OpenAiPreference),
            _ if has("conversations") => Some(Self::ShareGpt),
            _ if has("instruction") => Some(Self::Alpaca),
            _ if has("prompt") => Some(Self::PromptOnly),
            _ => None,
        }
    }
}

fn of_message(message: &Map<String, Value>) -> Option<Form> {
    let role = message.get("role").and_then(Value::as_str);
    if message.get("tool_calls").is_some_and(is_filled) || matches!(role, Some("tool" | "function"))
    {
        return Some(Form::Tools);
    }
    if message.get("content").is_some_and(Value::is_array) {
        return Some(Form::Parts);
    }
    (message.contains_key("from") && message.contains_key("value")).then_some(Form::ShareGpt)
}

/// Tables of data write empty columns too.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tools => {
                "tool calls (`tools`, `tool_calls`, messages of a tool) are not supported yet"
            }
            Self::Parts => {
                "`content` as a list of parts is not supported yet: give each message one text"
            }
            Self::Images => "records with images are not supported yet",
            Self::Unpaired => {
                "TRL's unpaired preferences (`prompt`, `completion`, `label`) are not supported yet"
            }
            Self::Stepwise => {
                "TRL's stepwise supervision (`prompt`, `completions`, `labels`) is not supported yet"
            }
            Self::PromptOnly => "this is TRL's prompt-only form, there is no reply to learn from",
            Self::ShareGpt => {
                "the ShareGPT form (`conversations` with `from` and `value`) is not supported: \
                 write `messages` with `role` and `content`"
            }
            Self::Alpaca => {
                "the Alpaca form (`instruction`, `input`, `output`) is not supported: write \
                 `prompt` and `completion`"
            }
            Self::OpenAiPreference => {
                "OpenAI's preference form (`input`, `preferred_output`) is not supported: write \
                 `prompt`, `chosen` and `rejected`"
            }
            Self::Preference => {
                "this is a preference (`chosen`, `rejected`), which DPO learns from"
            }
            Self::Completion => "this is one reply, which SFT learns from",
        })
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply => "a line has `text`, or `messages`, or `prompt` and `completion`",
            Self::Pair => "a line has `prompt`, `chosen` and `rejected`",
        })
    }
}
