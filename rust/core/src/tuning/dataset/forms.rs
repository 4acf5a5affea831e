//! Forms of data that other tools write and that nothing here learns from yet: named, so
//! that nobody has to guess which field is missing.

use serde_json::{Map, Value};

use crate::error::{Form, RecordKind};

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
