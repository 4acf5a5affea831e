//! Preferences with annotators: pairs in TRL's formats, and what says who compared them.

use std::fmt;
use std::path::{Path, PathBuf};

use pocketune_base::Line;
use pocketune_base::json::Nulls;
use pocketune_core::Preference;
use pocketune_core::tuning::{Content, Record, RecordFault, RecordKind, read_lines};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::dataset;
use crate::error::CliError;

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
        let read = |file| read_lines(file, |line| preference(line, path));
        preferences.extend(dataset::read(path, read)?);
    }
    Ok(preferences)
}

fn preference(line: &Line<'_>, path: &Path) -> Result<Preference, RecordFault> {
    let value = line.value()?;
    let Record::Preference {
        prompt,
        chosen,
        rejected,
    } = Record::parse(line, &value, RecordKind::Preference)?
    else {
        return Err(RecordFault::Record(
            "a preference has a chosen and a rejected reply",
        ));
    };
    let Ours { id, annotator, tie } = line.shaped(&value, Nulls::Refused)?;
    let place = || format!("{}, line {}", path.display(), line.number);
    Ok(Preference {
        id: id.map_or_else(place, |Name(id)| id),
        prompt: prompt.prompt()?,
        chosen: answer(&chosen)?,
        rejected: answer(&rejected)?,
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

fn answer(content: &Content) -> Result<String, RecordFault> {
    match content.reply()? {
        "" => Err(RecordFault::Record("a reply is empty")),
        text => Ok(text.to_owned()),
    }
}
