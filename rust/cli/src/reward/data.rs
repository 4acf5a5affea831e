//! Preferences with annotators: pairs in TRL's formats, and what says who compared them.

use std::fmt;
use std::path::{Path, PathBuf};

use pocketune_base::Line;
use pocketune_base::json::Nulls;
use pocketune_core::{Preference, Prompt, TemplateChoice};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::error::CliError;
use crate::tune::data::{self, DataFault, Record, Side};
use crate::tune::forms::Wanted;

/// What is ours on a line; the pair beside it is TRL's.
#[derive(Debug, Deserialize)]
struct Ours {
    id: Option<Name>,
    annotator: Option<Name>,
    #[serde(default)]
    tie: bool,
}

/// Data sets number their lines and people as often as they name them.
#[derive(Debug)]
struct Name(String);

/// Who compared, where a line does not say.
const NOBODY: &str = "unnamed";

/// Reads the preferences of all files.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Preference>, CliError> {
    let mut preferences = Vec::new();
    for path in paths {
        preferences.extend(data::each(path, |line| preference(line, path))?);
    }
    Ok(preferences)
}

fn preference(line: &Line<'_>, path: &Path) -> Result<Preference, DataFault> {
    let value = line.value()?;
    let Record::Pair {
        prompt,
        chosen,
        rejected,
    } = data::record(line, &value, Wanted::Pair)?
    else {
        return Err("a preference has a chosen and a rejected reply".into());
    };
    let Ours { id, annotator, tie } = line.shaped(&value, Nulls::Refused)?;
    let place = || format!("{}, line {}", path.display(), line.number);
    Ok(Preference {
        id: id.map_or_else(place, |Name(id)| id),
        prompt: question(&prompt)?,
        chosen: answer(chosen)?,
        rejected: answer(rejected)?,
        annotator: annotator.map_or_else(|| NOBODY.to_owned(), |Name(who)| who),
        tie,
    })
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        Ok(Name(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
    }
}

fn question(side: &Side) -> Result<Prompt, &'static str> {
    match side {
        Side::Text(text) => Ok(Prompt::Raw(text.clone())),
        Side::Messages(lines) => {
            let (system_prompt, turns) = data::question(lines)?;
            Ok(Prompt::Chat {
                system_prompt,
                turns,
                template: TemplateChoice::Model,
            })
        }
    }
}

fn answer(side: Side) -> Result<String, &'static str> {
    let text = match side {
        Side::Text(text) => text,
        Side::Messages(lines) => data::answer(&lines)?.to_owned(),
    };
    match text.is_empty() {
        true => Err("a reply is empty"),
        false => Ok(text),
    }
}
