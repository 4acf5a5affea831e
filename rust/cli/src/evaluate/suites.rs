//! Suites that come with Pocketune, and those of files.

use std::path::Path;

use pocketune_judge::suite::{BUILT_IN, Suite, built_in};

use crate::error::CliError;
use crate::files;

/// A suite's file may be this long.
pub(crate) const SUITE_BYTES_MAX: u64 = 1 << 28;

/// The suites of these names, or those that come with Pocketune where there is none.
pub(super) fn asked(names: &[String]) -> Result<Vec<Suite>, CliError> {
    if names.is_empty() {
        return all_built_in();
    }
    let suites: Vec<Suite> = names
        .iter()
        .map(|name| named(name))
        .collect::<Result<_, _>>()?;
    for (at, one) in suites.iter().enumerate() {
        let same = |other: &Suite| other.name == one.name || other.sha256 == one.sha256;
        if suites.iter().take(at).any(same) {
            return Err(CliError::usage(
                "two of --suite have the same name or the same items",
            ));
        }
    }
    Ok(suites)
}

/// Those that come with Pocketune, and these.
pub(super) fn at_hand(names: &[String]) -> Result<Vec<Suite>, CliError> {
    let mut suites = all_built_in()?;
    for name in names {
        suites.push(named(name)?);
    }
    Ok(suites)
}

fn all_built_in() -> Result<Vec<Suite>, CliError> {
    let each = BUILT_IN.iter();
    each.map(|built_in| Ok(built_in.suite()?)).collect()
}

/// One that comes with Pocketune, or else of a file.
fn named(name: &str) -> Result<Suite, CliError> {
    if let Some(built_in) = built_in(name) {
        return Ok(built_in.suite()?);
    }
    let path = Path::new(name);
    let bytes = files::read_bytes("suite", path, SUITE_BYTES_MAX)?;
    let stem = path.file_stem().unwrap_or_default();
    let parsed = Suite::parse(&stem.to_string_lossy(), &bytes);
    parsed.map_err(|source| CliError::SuiteFile {
        file: path.display().to_string(),
        source,
    })
}
