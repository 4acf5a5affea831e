//! Which modules PEFT would change.
//!
//! PEFT makes a LoRA for each module that the configuration names and passes over tensors of
//! others. Here the two must agree: tensors that PEFT would pass over are not applied either,
//! and a file that lacks some is not whole.

use std::collections::BTreeSet;

use regex::bytes::Regex;
use serde_json::Value;

use crate::document::{Fields, wrong};
use crate::error::{PeftError, shown};
use crate::python_re::{beginning, whole};

const MODULES: &str = "target_modules";
const EXCLUDED: &str = "exclude_modules";
const LAYERS: &str = "layers_to_transform";
const LAYERS_PATTERN: &str = "layers_pattern";
/// Models have one list of layers, or a few.
const LAYERS_PATTERNS_MAX: usize = 16;
/// All linear layers but the output.
const ALL_LINEAR: &str = "all-linear";
/// PEFT's name of the embedding: a LoRA of it is not imported, but may be asked for.
const EMBEDDING: &str = "model.embed_tokens";

/// The modules that a configuration names.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Without it, those of the file.
    modules: Option<Names>,
    excluded: Option<Names>,
    layers: Option<Layers>,
}

#[derive(Debug)]
enum Names {
    AllLinear,
    /// Names, or ends of names after a dot.
    Listed(Vec<String>),
    Expression(Regex),
}

/// Layers by number; the expressions find the number in a module's name.
#[derive(Debug)]
struct Layers {
    numbers: Vec<i64>,
    places: Vec<Regex>,
}

impl Targets {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, PeftError> {
        let modules = Names::parse(fields, MODULES)?;
        let excluded = Names::parse(fields, EXCLUDED)?;
        let numbers = numbers(fields)?;
        let mut patterns = texts(fields, LAYERS_PATTERN)?.unwrap_or_default();
        if patterns == [""] {
            patterns.clear();
        }
        if patterns.len() > LAYERS_PATTERNS_MAX {
            return Err(PeftError::TooManyPatterns {
                field: LAYERS_PATTERN,
                count: patterns.len(),
                limit: LAYERS_PATTERNS_MAX,
            });
        }
        let listed = matches!(modules, None | Some(Names::Listed(_)));
        for (field, set) in [
            (LAYERS, numbers.is_some()),
            (LAYERS_PATTERN, fields.value(LAYERS_PATTERN).is_some()),
        ] {
            if set && !listed {
                let reason = "PEFT refuses it where target_modules is one text";
                return Err(fields.unsupported(field, reason));
            }
        }
        if !patterns.is_empty() && numbers.is_none() {
            let reason = "PEFT refuses it without layers_to_transform";
            return Err(fields.unsupported(LAYERS_PATTERN, reason));
        }
        let layers = numbers.filter(|numbers| !numbers.is_empty());
        let layers = layers.map(|numbers| Layers::new(numbers, &patterns));
        Ok(Self {
            modules,
            excluded,
            layers: layers.transpose()?,
        })
    }

    /// Compares the file's modules with those that PEFT would change among the model's.
    pub(crate) fn check(
        &self,
        found: &BTreeSet<&str>,
        model: impl Iterator<Item = String>,
    ) -> Result<(), PeftError> {
        if self.modules.is_none() {
            return Ok(());
        }
        for module in model.chain([EMBEDDING.to_owned()]) {
            match (self.names(&module), found.contains(module.as_str())) {
                (Ok(()), false) => {
                    return Err(PeftError::ModuleMissing {
                        module,
                        field: MODULES.to_owned(),
                    });
                }
                (Err(field), true) => {
                    return Err(PeftError::ModuleNotTargeted {
                        module,
                        field: field.to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// PEFT's `check_target_module_exists`; the field by which it leaves a module alone.
    fn names(&self, module: &str) -> Result<(), &'static str> {
        if self
            .excluded
            .as_ref()
            .is_some_and(|names| names.have(module))
        {
            return Err(EXCLUDED);
        }
        let Some(modules) = &self.modules else {
            return Ok(());
        };
        if !modules.have(module) {
            return Err(MODULES);
        }
        match (&self.layers, modules) {
            // Named in full, a module's layer does not matter.
            (Some(_), Names::Listed(names)) if names.iter().any(|name| name == module) => Ok(()),
            (Some(layers), _) if !layers.have(module) => Err(LAYERS),
            _ => Ok(()),
        }
    }
}

impl Names {
    fn parse(fields: &Fields<'_>, field: &'static str) -> Result<Option<Self>, PeftError> {
        match fields.value(field) {
            Some(Value::String(text)) if field == MODULES && text.to_lowercase() == ALL_LINEAR => {
                Ok(Some(Self::AllLinear))
            }
            // PEFT takes an empty text for none.
            Some(Value::String(text)) if field == EXCLUDED && text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                let expression = whole(text).map_err(|source| PeftError::Pattern {
                    field,
                    pattern: shown(text),
                    source,
                })?;
                Ok(Some(Self::Expression(expression)))
            }
            _ => Ok(texts(fields, field)?.map(Self::Listed)),
        }
    }

    fn have(&self, module: &str) -> bool {
        match self {
            Self::AllLinear => module.contains(".layers."),
            Self::Listed(names) => names.iter().any(|name| {
                let before = module.strip_suffix(name.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }),
            Self::Expression(expression) => expression.is_match(module.as_bytes()),
        }
    }
}

impl Layers {
    fn new(numbers: Vec<i64>, patterns: &[String]) -> Result<Self, PeftError> {
        let any = r".*?\.[^.]*\.(?P<idx>\d+)\.".to_owned();
        let place = |pattern: &String| format!(r"(?:^|.*?\.){pattern}\.(?P<idx>\d+)\.");
        let places = if patterns.is_empty() {
            vec![any]
        } else {
            patterns.iter().map(place).collect()
        };
        let places = places.iter().map(|place| {
            beginning(place).map_err(|source| PeftError::Pattern {
                field: LAYERS_PATTERN,
                pattern: shown(place),
                source,
            })
        });
        Ok(Self {
            numbers,
            places: places.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the number at the first place that matches is on the list.
    fn have(&self, module: &str) -> bool {
        let mut places = self.places.iter();
        let found = places.find_map(|place| place.captures(module.as_bytes()));
        let number = found.as_ref().and_then(|found| found.name("idx"));
        let number = number.and_then(|number| std::str::from_utf8(number.as_bytes()).ok());
        let number = number.and_then(|number| number.parse().ok());
        number.is_some_and(|number: i64| self.numbers.contains(&number))
    }
}

/// A number, or a list of them.
fn numbers(fields: &Fields<'_>) -> Result<Option<Vec<i64>>, PeftError> {
    let Some(value) = fields.value(LAYERS) else {
        return Ok(None);
    };
    let one = std::slice::from_ref(value);
    let values = value.as_array().map_or(one, Vec::as_slice);
    let numbers: Option<Vec<i64>> = values.iter().map(Value::as_i64).collect();
    let numbers = numbers.ok_or_else(|| wrong(LAYERS, value, "a number or a list of them"))?;
    Ok(Some(numbers))
}

/// A text, or a list of them.
fn texts(fields: &Fields<'_>, field: &'static str) -> Result<Option<Vec<String>>, PeftError> {
    let Some(value) = fields.value(field) else {
        return Ok(None);
    };
    let one = std::slice::from_ref(value);
    let values = value.as_array().map_or(one, Vec::as_slice);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts: Option<Vec<String>> = values.iter().map(text).collect();
    let texts = texts.ok_or_else(|| wrong(field, value, "a text or a list of them"))?;
    Ok(Some(texts))
}
