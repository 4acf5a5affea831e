//! What an experiment's commands read: a definition, ledgers, summaries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use pocketune_core::Digest;
use pocketune_judge::experiment::{Definition, ExperimentError, Forecast, Tally, read_ledger};

use crate::error::CliError;

pub(crate) const FILE_BYTES_MAX: u64 = 1 << 28;

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// The experiment's definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// Events of one device, as lines of JSON; may be repeated
    #[arg(long, value_name = "FILE", required_unless_present = "summary")]
    ledger: Vec<PathBuf>,
    /// Counts of one device; may be repeated
    #[arg(long, value_name = "FILE")]
    summary: Vec<PathBuf>,
}

/// What devices saw, and the files that say so.
pub(super) struct Evidence {
    pub(super) definition: Definition,
    pub(super) tally: Tally,
    /// Whether somebody ended it.
    pub(super) ended: bool,
    pub(super) definition_file: Source,
    pub(super) ledgers: Vec<Source>,
    pub(super) summaries: Vec<Source>,
}

/// A file, read once: what is judged is what is hashed.
pub(super) struct Source {
    what: &'static str,
    file: String,
    pub(super) bytes: Vec<u8>,
}

impl EvidenceArgs {
    /// The files named.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        let counted = self.ledger.iter().chain(&self.summary);
        counted.chain([&self.definition])
    }

    pub(super) fn read(&self) -> Result<Evidence, CliError> {
        let definition_file = Source::read("definition", &self.definition)?;
        let definition = definition(&definition_file)?;
        let sources = |what, paths: &[PathBuf]| -> Result<Vec<Source>, CliError> {
            paths.iter().map(|path| Source::read(what, path)).collect()
        };
        let ledgers = sources("ledger", &self.ledger)?;
        let summaries = sources("summary", &self.summary)?;
        refuse_twins(ledgers.iter().chain(&summaries))?;
        let mut tally = Tally::new(&definition);
        let mut ended = false;
        for source in &ledgers {
            let recorder = read_ledger(&definition, source.text()?, |_| ());
            let recorder = recorder.map_err(|error| source.refused(error))?;
            let merged = tally.merge(recorder.tally());
            merged.map_err(|error| source.refused(error))?;
            ended |= recorder.ended();
        }
        for source in &summaries {
            let summary = Tally::parse(&source.bytes, &definition);
            let merged = summary.and_then(|summary| tally.merge(&summary));
            merged.map_err(|error| source.refused(error))?;
        }
        Ok(Evidence {
            definition,
            tally,
            ended,
            definition_file,
            ledgers,
            summaries,
        })
    }
}

/// The same bytes twice are the same outcomes twice, whatever the files are called.
fn refuse_twins<'a>(sources: impl Iterator<Item = &'a Source>) -> Result<(), CliError> {
    let mut seen = BTreeMap::new();
    for source in sources {
        if let Some(one) = seen.insert(source.digest().to_string(), source.path()) {
            return Err(CliError::SameFile {
                one: one.to_owned(),
                other: source.path().to_owned(),
            });
        }
    }
    Ok(())
}

impl Source {
    /// Reads a file; `-` is standard input.
    pub(super) fn read(what: &'static str, path: &Path) -> Result<Self, CliError> {
        let file = path.display().to_string();
        let bytes = bytes_of(path).map_err(|source| CliError::FileUnreadable {
            what,
            file: file.clone(),
            source,
        })?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let limit_bytes = FILE_BYTES_MAX;
            return Err(CliError::TooLong { what, limit_bytes });
        }
        Ok(Self { what, file, bytes })
    }

    pub(super) fn text(&self) -> Result<&str, CliError> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = self.bytes.iter().take(error.valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            self.bad_line(line, "is no UTF-8")
        })
    }

    pub(super) fn bad_line(&self, line: usize, reason: impl Into<String>) -> CliError {
        CliError::Data {
            file: self.file.clone(),
            line,
            reason: reason.into(),
        }
    }

    pub(super) fn refused(&self, source: ExperimentError) -> CliError {
        CliError::ExperimentFile {
            file: self.file.clone(),
            source,
        }
    }

    /// Where it lies, for errors.
    pub(super) fn path(&self) -> &str {
        &self.file
    }

    /// What it is and its name without the folder, for documents that others read.
    pub(super) fn title(&self) -> String {
        let name = Path::new(&self.file).file_name();
        let name = name.map(|name| name.to_string_lossy());
        format!("{}: the file {}", self.what, name.unwrap_or_default())
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// At most one more than may be.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let from: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    };
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn definition(source: &Source) -> Result<Definition, CliError> {
    Definition::parse(&source.bytes).map_err(|error| source.refused(error))
}

/// How much longer, in words.
pub(super) fn outlook(forecast: Forecast) -> String {
    match forecast {
        Forecast::Unknown => "how much longer: unknown".to_owned(),
        Forecast::MoreOutcomes(0) => "no more outcomes needed".to_owned(),
        Forecast::MoreOutcomes(more) => format!("about {more} more outcomes to a verdict"),
        Forecast::BeyondLimit => "no verdict within the limit, as it looks".to_owned(),
    }
}
