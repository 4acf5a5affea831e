//! Replies of both arms to one prompt, shown with the consent of who asked.

use std::collections::HashSet;

use pocketune_base::json::Nulls;
use pocketune_judge::experiment::Pick;
use pocketune_report::Sample;
use serde::Deserialize;

use crate::error::CliError;
use crate::experiment::evidence::Source;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    prompt: String,
    incumbent: String,
    challenger: String,
    picked: Option<Pick>,
    #[serde(default)]
    consent: bool,
}

pub(super) fn read(source: &Source) -> Result<Vec<Sample>, CliError> {
    let mut ids = HashSet::new();
    source.each(|line| {
        let sample: Written = { line.read(Nulls::Absent) }.map_err(|error| source.bad(error))?;
        let line = line.number;
        if !sample.consent {
            return Err(CliError::NoConsent {
                file: source.path().to_owned(),
                line,
            });
        }
        if !ids.insert(sample.id.clone()) {
            return Err(source.bad_line(line, "the id was there before"));
        }
        Ok(Sample {
            id: sample.id,
            prompt: sample.prompt,
            incumbent: sample.incumbent,
            challenger: sample.challenger,
            picked: sample.picked,
        })
    })
}
