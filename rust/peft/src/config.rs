//! `adapter_config.json`, read as PEFT reads it.

use serde_json::Value;

use crate::document::{Fields, wrong};
use crate::error::{PeftError, shown};
use crate::fields::{check, initialisation, is_empty};
use crate::python_re::beginning;
use crate::targets::Targets;

/// Keys of a pattern: more than the modules of the largest models.
const PATTERNS_MAX: usize = 2048;
/// PEFT's rank and alpha where the file does not say.
const DEFAULT: u64 = 8;

/// What of a configuration changes the update.
#[derive(Debug)]
pub struct Config {
    /// The model that the adapter was trained on, by the file, without a path.
    pub(crate) base_name: Option<String>,
    pub(crate) targets: Targets,
    rank: u64,
    alpha: f64,
    rslora: bool,
    rank_pattern: Pattern<u64>,
    alpha_pattern: Pattern<f64>,
}

/// Keys are regular expressions; of those that match a module, the first in the file counts.
#[derive(Debug)]
struct Pattern<T> {
    field: &'static str,
    values: Vec<(String, T)>,
}

/// What PEFT makes of one module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) rank: u64,
    /// The field, and in a pattern the key, that the rank comes from.
    pub(crate) rank_from: String,
    /// Factor on the product of B and A.
    pub(crate) scale: f64,
}

impl Config {
    /// Reads `adapter_config.json`.
    ///
    /// # Errors
    /// [`PeftError`], with the field that is to blame.
    pub fn parse(json: &[u8]) -> Result<Self, PeftError> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let parsed: Value = serde_json::from_slice(json).map_err(PeftError::ConfigSyntax)?;
        let Value::Object(map) = &parsed else {
            return Err(PeftError::ConfigType {
                found: kind(&parsed),
            });
        };
        let fields = Fields(map);
        match fields.text("peft_type")? {
            None => return Err(PeftError::FieldMissing { field: "peft_type" }),
            Some("LORA") => {}
            Some(_) => return Err(fields.unsupported("peft_type", "only LORA is imported")),
        }
        for (name, value) in map {
            check(name, value)?;
        }
        if fields.text("task_type")?.unwrap_or("CAUSAL_LM") != "CAUSAL_LM" {
            let reason = "the adapter is not for a language model, whose task_type is CAUSAL_LM";
            return Err(fields.unsupported("task_type", reason));
        }
        if !matches!(
            map.get("bias").map(Value::as_str),
            None | Some(Some("none"))
        ) {
            return Err(fields.unsupported("bias", "only none is imported: a LoRA has no biases"));
        }
        initialisation(map.get("init_lora_weights").unwrap_or(&Value::Null))?;
        Ok(Self {
            base_name: fields.text("base_model_name_or_path")?.and_then(last_name),
            targets: Targets::parse(&fields)?,
            rank: match map.get("r") {
                None => DEFAULT,
                Some(value) => rank("r", value)?,
            },
            alpha: match map.get("lora_alpha") {
                None => DEFAULT as f64,
                Some(value) => alpha("lora_alpha", value)?,
            },
            rslora: fields.flag("use_rslora")?,
            rank_pattern: pattern(&fields, "rank_pattern", rank)?,
            alpha_pattern: pattern(&fields, "alpha_pattern", alpha)?,
        })
    }

    /// Rank and scale of each module, and the keys of patterns that match none of them,
    /// which PEFT passes over.
    pub(crate) fn settings(
        &self,
        modules: &[&str],
    ) -> Result<(Vec<Setting>, Vec<String>), PeftError> {
        let mut idle = Vec::new();
        let ranks = self.rank_pattern.of(modules, &mut idle)?;
        let alphas = self.alpha_pattern.of(modules, &mut idle)?;
        let settings = ranks.into_iter().zip(alphas).map(|(rank, alpha)| {
            let (rank, rank_from) = match rank {
                Some((key, rank)) => (rank, format!("rank_pattern, {}", shown(key))),
                None => (self.rank, "r".to_owned()),
            };
            let alpha = alpha.map_or(self.alpha, |(_, alpha)| alpha);
            let divisor = rank as f64;
            Setting {
                rank,
                rank_from,
                scale: alpha / if self.rslora { divisor.sqrt() } else { divisor },
            }
        });
        Ok((settings.collect(), idle))
    }
}

impl<T: Copy> Pattern<T> {
    /// For each module key and value, as PEFT's `get_pattern_key` finds them: the whole name,
    /// or what follows one of its dots, matches. Each expression is compiled once and then
    /// dropped, so that thousands take no memory.
    fn of<'s>(
        &'s self,
        modules: &[&str],
        idle: &mut Vec<String>,
    ) -> Result<Vec<Option<(&'s str, T)>>, PeftError> {
        let mut found = vec![None; modules.len()];
        for (key, value) in &self.values {
            let matched = beginning(&format!(r"(.*\.)?({key})$"));
            let expression = matched.map_err(|source| PeftError::Pattern {
                field: self.field,
                pattern: shown(key),
                source,
            })?;
            let mut matches = 0;
            for (module, found) in modules.iter().zip(&mut found) {
                if expression.is_match(module.as_bytes()) {
                    matches += 1;
                    found.get_or_insert((key.as_str(), *value));
                }
            }
            if matches == 0 {
                idle.push(format!("{}: {}", self.field, shown(key)));
            }
        }
        Ok(found)
    }
}

fn pattern<T>(
    fields: &Fields<'_>,
    field: &'static str,
    read: fn(&str, &Value) -> Result<T, PeftError>,
) -> Result<Pattern<T>, PeftError> {
    let values = match fields.value(field) {
        None => Vec::new(),
        Some(Value::Object(map)) if map.len() > PATTERNS_MAX => {
            return Err(PeftError::TooManyPatterns {
                field,
                count: map.len(),
                limit: PATTERNS_MAX,
            });
        }
        // In the order of the file: a key that stands twice counts where it stood first,
        // with the value that came last, as in Python.
        Some(Value::Object(map)) => {
            let values = map.iter().map(|(key, value)| {
                let value = read(&format!("{field}, {}", shown(key)), value)?;
                Ok((key.clone(), value))
            });
            values.collect::<Result<_, PeftError>>()?
        }
        // Python takes any empty container for no pattern.
        Some(value) if is_empty(value) => Vec::new(),
        Some(value) => return Err(wrong(field, value, "an object")),
    };
    Ok(Pattern { field, values })
}

fn rank(field: &str, value: &Value) -> Result<u64, PeftError> {
    let rank = value.as_u64().filter(|&rank| rank > 0);
    rank.ok_or_else(|| wrong(field, value, "a whole number above 0"))
}

fn alpha(field: &str, value: &Value) -> Result<f64, PeftError> {
    let alpha = value.as_f64().filter(|alpha| alpha.is_finite());
    alpha.ok_or_else(|| wrong(field, value, "a number"))
}

/// A name on a hub, or the last part of a path: paths are nobody else's business.
fn last_name(name: &str) -> Option<String> {
    let is_path = name.starts_with(['/', '.', '~']) || name.contains('\\') || name.contains(':');
    let last = || name.rsplit(['/', '\\']).find(|part| !part.is_empty());
    let name = if is_path { last()? } else { name };
    (!name.is_empty()).then(|| shown(name))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
