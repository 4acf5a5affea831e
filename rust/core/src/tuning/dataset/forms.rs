//! Forms of data that other tools write and that nothing here learns from yet, or that
//! another objective learns from: named, so that nobody has to guess which field is missing.

use serde_json::{Map, Value};

use crate::error::{Form, RecordKind};

/// Fields that hold messages.
const SIDES: [&str; 5] = ["messages", "prompt", "completion", "chosen", "rejected"];

impl Form {
    /// What a line is that is not of this kind.
    pub(super) fn other_than(kind: RecordKind, fields: &Map<String, Value>) -> Option<Self> {
        Self::unsupported(fields)
            .or_else(|| Self::judged(fields, kind))
            .or_else(|| Self::meant(fields, kind))
    }

    /// What makes a line more than is supported, whatever else it holds: read as if it were
    /// not there, it would teach something else.
    fn unsupported(fields: &Map<String, Value>) -> Option<Self> {
        let filled = |name: &str| fields.get(name).is_some_and(is_filled);
        if filled("tools") {
            return Some(Self::Tools);
        }
        if filled("images") || filled("image") {
            return Some(Self::Images);
        }
        let lists = SIDES
            .iter()
            .filter_map(|name| fields.get(*name)?.as_array());
        lists
            .flatten()
            .filter_map(Value::as_object)
            .find_map(of_message)
    }

    /// A thumb where none is wanted: a reply that somebody disliked must not be imitated.
    fn judged(fields: &Map<String, Value>, wanted: RecordKind) -> Option<Self> {
        let value = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let label = value("label")?;
        let is_thumb = match wanted {
            // The label of a text may be a class.
            RecordKind::Completion => {
                value("completion").is_some() || (value("messages").is_some() && label.is_boolean())
            }
            RecordKind::Preference => {
                let pair = value("chosen").is_some() || value("rejected").is_some();
                value("completion").is_some_and(is_filled) && (label.is_boolean() || !pair)
            }
            RecordKind::Thumb | RecordKind::Feedback => false,
        };
        is_thumb.then_some(Self::Unpaired)
    }

    /// What a line without the fields that are `wanted` was meant to be.
    fn meant(fields: &Map<String, Value>, wanted: RecordKind) -> Option<Self> {
        let has = |name: &str| match wanted {
            // Its columns may be empty.
            RecordKind::Feedback => fields.get(name).is_some_and(|value| !value.is_null()),
            _ => fields.contains_key(name),
        };
        let any = |names: &[&str]| names.iter().any(|name| has(name));
        let pair = any(&["chosen", "rejected"]);
        let reply = any(&["text", "messages", "completion"]);
        match wanted {
            RecordKind::Preference if pair => None,
            RecordKind::Completion if reply => None,
            RecordKind::Thumb if has("completion") => None,
            RecordKind::Feedback if pair || has("completion") => None,
            RecordKind::Completion | RecordKind::Thumb if has("chosen") && has("rejected") => {
                Some(Self::Preference)
            }
            RecordKind::Preference | RecordKind::Thumb | RecordKind::Feedback if reply => {
                Some(Self::Completion)
            }
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
