//! What an experiment's commands read: a definition, ledgers, summaries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use pocketune_base::{Line, LineError, lines};
use pocketune_core::Digest;
use pocketune_judge::experiment::{Definition, ExperimentError, Forecast, Tally, read_ledger};

use crate::error::CliError;
use crate::files;

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
        let bytes = files::read_or_stdin(what, path, FILE_BYTES_MAX)?;
        let file = path.display().to_string();
        Ok(Self { what, file, bytes })
    }

    pub(super) fn text(&self) -> Result<&str, CliError> {
        let text = pocketune_base::text(&self.bytes);
        text.map_err(|error| self.bad_line(error.line, error.fault.to_string()))
    }

    /// What each line that is not blank holds.
    pub(super) fn each<T>(
        &self,
        read: impl FnMut(&Line<'_>) -> Result<T, CliError>,
    ) -> Result<Vec<T>, CliError> {
        let mut read = read;
        let each = lines(&self.bytes);
        each.map(|line| read(&line.map_err(|error| self.bad(error))?))
            .collect()
    }

    /// What is wrong with a line.
    pub(super) fn bad(&self, LineError { line, fault }: LineError) -> CliError {
        self.bad_line(line, fault.to_string())
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
