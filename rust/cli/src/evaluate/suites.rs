//! Suites that come with Pocketune, and those of files.

use std::path::Path;

use pocketune_core::Digest;
use pocketune_judge::suite::{Suite, SuiteError};

use crate::error::CliError;
use crate::files;

/// Suites that come with Pocketune.
const BUILT_IN: [(&str, &[u8]); 2] = [
    (
        "helpfulness",
        include_bytes!("../../../judge/suites/helpfulness.jsonl"),
    ),
    (
        "factuality",
        include_bytes!("../../../judge/suites/factuality.jsonl"),
    ),
];

/// A suite's file may be this long.
pub(crate) const SUITE_BYTES_MAX: u64 = 1 << 28;

/// A suite and the digest of its file.
pub(super) struct SuiteFile {
    pub(super) suite: Suite,
    pub(super) sha256: Digest,
}

impl SuiteFile {
    fn parse(name: &str, file: &[u8]) -> Result<Self, SuiteError> {
        Ok(Self {
            suite: Suite::parse(name, file)?,
            sha256: Digest::of(file),
        })
    }
}

/// The suites of these names, or those that come with Pocketune where there is none.
pub(super) fn asked(names: &[String]) -> Result<Vec<SuiteFile>, CliError> {
    if names.is_empty() {
        return built_in();
    }
    let suites: Vec<SuiteFile> = names
        .iter()
        .map(|name| named(name))
        .collect::<Result<_, _>>()?;
    for (at, one) in suites.iter().enumerate() {
        let same =
            |other: &SuiteFile| other.suite.name == one.suite.name || other.sha256 == one.sha256;
        if suites.iter().take(at).any(same) {
            return Err(CliError::usage(
                "two of --suite have the same name or the same items",
            ));
        }
    }
    Ok(suites)
}

/// Those that come with Pocketune.
pub(super) fn built_in() -> Result<Vec<SuiteFile>, CliError> {
    let each = BUILT_IN.iter();
    each.map(|(name, file)| Ok(SuiteFile::parse(name, file)?))
        .collect()
}

/// One that comes with Pocketune, or else of a file.
pub(super) fn named(name: &str) -> Result<SuiteFile, CliError> {
    if let Some((name, file)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(SuiteFile::parse(name, file)?);
    }
    let path = Path::new(name);
    let bytes = files::read_bytes("suite", path, SUITE_BYTES_MAX)?;
    let stem = path.file_stem().unwrap_or_default();
    let parsed = SuiteFile::parse(&stem.to_string_lossy(), &bytes);
    parsed.map_err(|source| CliError::SuiteFile {
        file: path.display().to_string(),
        source,
    })
}
