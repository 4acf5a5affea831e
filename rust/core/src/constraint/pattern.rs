//! Which regular expression of a schema is at fault.

use serde_json::{Map, Value};

use crate::error::ConstraintError;

/// Most expressions that are tried alone, some milliseconds each.
const TRIED_MAX: usize = 200;
/// Longest expression in an error, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Keywords whose keys are names and not keywords.
const NAMES: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Keywords whose values are no schemas.
const VALUES: [&str; 4] = ["enum", "const", "default", "examples"];

/// The first expression of `schema` that does not compile by itself.
pub(crate) fn first_bad(
    schema: &Value,
    compiles: &dyn Fn(&str) -> Result<(), ConstraintError>,
) -> Option<ConstraintError> {
    let mut found = Vec::new();
    walk(schema, &mut |path, keywords| {
        if let Some(Value::String(pattern)) = keywords.get("pattern") {
            found.push((format!("{path}/pattern"), pattern.clone()));
        }
        if let Some(Value::Object(patterns)) = keywords.get("patternProperties") {
            for pattern in patterns.keys() {
                let path = format!("{path}/patternProperties/{}", escaped(pattern));
                found.push((path, pattern.clone()));
            }
        }
    });
    found.into_iter().take(TRIED_MAX).find_map(|(path, text)| {
        let cause = match compiles(&text).err()? {
            ConstraintError::SchemaRefused { cause } => cause,
            other => other.to_string(),
        };
        Some(ConstraintError::Pattern {
            path,
            pattern: shortened(&text),
            cause,
        })
    })
}

/// Shows every schema inside of `schema` that is an object, with its JSON pointer.
pub(crate) fn walk(schema: &Value, see: &mut dyn FnMut(&str, &Map<String, Value>)) {
    walk_from(schema, "#", see);
}

/// Recurses as deep as the schema is nested, which the JSON parser bounds.
fn walk_from(schema: &Value, path: &str, see: &mut dyn FnMut(&str, &Map<String, Value>)) {
    match schema {
        Value::Object(keywords) => {
            see(path, keywords);
            for (keyword, value) in keywords {
                let path = format!("{path}/{}", escaped(keyword));
                match value {
                    Value::Object(schemas) if NAMES.contains(&keyword.as_str()) => {
                        for (name, schema) in schemas {
                            walk_from(schema, &format!("{path}/{}", escaped(name)), see);
                        }
                    }
                    _ if VALUES.contains(&keyword.as_str()) => {}
                    _ => walk_from(value, &path, see),
                }
            }
        }
        Value::Array(schemas) => {
            for (index, schema) in schemas.iter().enumerate() {
                walk_from(schema, &format!("{path}/{index}"), see);
            }
        }
        _ => {}
    }
}

/// A key in a JSON pointer (RFC 6901, section 3).
fn escaped(key: &str) -> String {
    shortened(&key.replace('~', "~0").replace('/', "~1"))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{start}…")
}
