//! Preferences with annotators: pairs in TRL's formats, and what says who compared them.

use std::path::{Path, PathBuf};

use pocketune_core::{Preference, Prompt, TemplateChoice};
use serde::Deserialize;

use crate::error::CliError;
use crate::tune::data::{self, Fields, Record, Side};

/// One line. `id`, `annotator` and `tie` are ours; the pair is TRL's.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<Name>,
    #[serde(default)]
    annotator: Option<Name>,
    #[serde(default)]
    tie: bool,
    #[serde(flatten)]
    fields: Fields,
}

/// Data sets number their lines and people as often as they name them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

/// Who compared, where a line does not say.
const NOBODY: &str = "unnamed";

/// Reads the preferences of all files.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Preference>, CliError> {
    let mut preferences = Vec::new();
    for path in paths {
        for (number, line) in data::lines::<Line>(path)? {
            let bad = |reason: &str| data::error(path, number, reason.to_owned());
            preferences.push(line.preference(path, number).map_err(bad)?);
        }
    }
    Ok(preferences)
}

impl Line {
    fn preference(self, path: &Path, number: usize) -> Result<Preference, &'static str> {
        let Record::Pair {
            prompt,
            chosen,
            rejected,
        } = self.fields.pair()?
        else {
            return Err("a preference has a chosen and a rejected reply");
        };
        let place = || format!("{}, line {number}", path.display());
        Ok(Preference {
            id: self.id.map_or_else(place, Name::text),
            prompt: question(&prompt)?,
            chosen: answer(chosen)?,
            rejected: answer(rejected)?,
            annotator: self.annotator.map_or_else(|| NOBODY.to_owned(), Name::text),
            tie: self.tie,
        })
    }
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
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
