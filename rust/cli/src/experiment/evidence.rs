//! What an experiment's commands read: a definition, ledgers, summaries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use pocketune_base::{Line, LineError, lines};
use pocketune_core::Digest;
use pocketune_judge::experiment::{
    Decision, Definition, ExperimentError, Forecast, People, Pool, Tally, decide,
    decide_on_summary, read_ledger,
};
use serde::Serialize;

use super::signed::{self, AcceptedKeys, NotCounted};
use crate::error::CliError;
use crate::files;
use crate::output::printable;

pub(crate) const FILE_BYTES_MAX: u64 = 1 << 28;

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// Experiment definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// Ledger: events of one device (JSON Lines); repeatable
    #[arg(long, value_name = "FILE", required_unless_present = "summary")]
    ledger: Vec<PathBuf>,
    /// Summary: counts of one device, signed or unsigned; repeatable
    #[arg(long, value_name = "FILE")]
    summary: Vec<PathBuf>,
    /// Count only summaries signed by one of these public keys, one user per key: a key file or
    /// a folder of them (*.pub); repeatable
    #[arg(long, value_name = "FILE|FOLDER", conflicts_with = "ledger")]
    require_signed: Vec<PathBuf>,
}

/// What devices saw, and the files that say so.
pub(super) struct Evidence {
    pub(super) definition: Definition,
    seen: Seen,
    pub(super) passed_over: Vec<PassedOver>,
    /// Envelopes that were opened without looking at their signatures.
    unchecked: usize,
    pub(super) definition_file: Source,
    pub(super) ledgers: Vec<Source>,
    pub(super) summaries: Vec<Source>,
}

/// Whom a verdict is about.
enum Seen {
    /// Whoever uses the one device whose ledger this is.
    Device(Tally),
    /// The same, of a summary that came alone.
    Summary(Tally),
    /// People at large.
    People(Pool),
}

/// A summary that does not count.
#[derive(Debug, Serialize)]
pub(super) struct PassedOver {
    file: String,
    kind: &'static str,
    reason: String,
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
        let keys = self.require_signed.iter();
        counted.chain(keys).chain([&self.definition])
    }

    /// Whether it is about one device.
    pub(super) fn is_one_device(&self) -> bool {
        self.require_signed.is_empty() && self.ledger.len() + self.summary.len() == 1
    }

    pub(super) fn read(&self) -> Result<Evidence, CliError> {
        let definition_file = Source::read("definition", &self.definition)?;
        let definition = definition(&definition_file)?;
        let sources = |what, paths: &[PathBuf]| -> Result<Vec<Source>, CliError> {
            paths.iter().map(|path| Source::read(what, path)).collect()
        };
        let ledgers = sources("ledger", &self.ledger)?;
        let summaries = sources("summary", &self.summary)?;
        let mut evidence = Evidence {
            seen: Seen::People(Pool::new(definition.clone())?),
            definition,
            passed_over: Vec::new(),
            unchecked: 0,
            definition_file,
            ledgers,
            summaries,
        };
        if self.require_signed.is_empty() {
            evidence.count_all()?;
        } else {
            evidence.count_signed(&AcceptedKeys::read(&self.require_signed)?)?;
        }
        Ok(evidence)
    }
}

impl Evidence {
    /// Every file is one person's; what cannot be counted is an error.
    fn count_all(&mut self) -> Result<(), CliError> {
        refuse_twins(self.ledgers.iter().chain(&self.summaries))?;
        let definition = &self.definition;
        let mut all = Vec::new();
        for source in &self.ledgers {
            let recorder = read_ledger(definition, source.text()?, |_| ());
            let recorder = recorder.map_err(|error| source.refused(error))?;
            all.push((source, recorder.tally().clone()));
        }
        for source in &self.summaries {
            let (summary, signed) = source.summary(definition)?;
            self.unchecked += usize::from(signed);
            all.push((source, summary));
        }
        if let [(_, tally)] = all.as_slice() {
            let tally = tally.clone();
            self.seen = match self.ledgers.is_empty() {
                true => Seen::Summary(tally),
                false => Seen::Device(tally),
            };
            return Ok(());
        }
        let mut pool = Pool::new(definition.clone())?;
        for (source, tally) in all {
            let added = pool.add(tally);
            added.map_err(|error| source.refused(error))?;
        }
        self.seen = Seen::People(pool);
        Ok(())
    }

    /// Every accepted key is one person; what nobody accepted signed neither helps nor harms.
    fn count_signed(&mut self, keys: &AcceptedKeys) -> Result<(), CliError> {
        let mut pool = Pool::new(self.definition.clone())?;
        let mut runs = Vec::new();
        for source in &self.summaries {
            let opened = keys.open(&source.bytes, &self.definition);
            let added = opened.and_then(|(key, summary)| {
                let run = summary.runs.first().cloned();
                let added = pool.add_signed(&key.to_string(), summary);
                added.map(|()| run).map_err(NotCounted::Summary)
            });
            match added {
                Ok(run) => runs.push((source, run)),
                Err(why) => self.passed_over.push(PassedOver::of(source, &why)),
            }
        }
        let contested = pool.contested_runs();
        let of_others =
            |run: &Option<String>| run.as_ref().is_some_and(|it| contested.contains(it));
        for (source, _) in runs.iter().filter(|(_, run)| of_others(run)) {
            let passed_over = PassedOver::of(source, &NotCounted::RunOfOthers);
            self.passed_over.push(passed_over);
        }
        self.seen = Seen::People(pool);
        Ok(())
    }

    /// What it proves.
    pub(super) fn decide(&self, now_s: i64) -> Result<Decision, CliError> {
        let definition = &self.definition;
        Ok(match &self.seen {
            Seen::Device(tally) => decide(definition, tally, now_s, false),
            Seen::Summary(tally) => decide_on_summary(definition, tally, now_s),
            Seen::People(pool) => pool.decide(now_s),
        }?)
    }

    /// The counts of the one device that it is about.
    pub(super) fn of_one_device(&self) -> Option<&Tally> {
        match &self.seen {
            Seen::Device(tally) | Seen::Summary(tally) => Some(tally),
            Seen::People(_) => None,
        }
    }

    /// The first exposure and the latest event.
    pub(super) fn span(&self) -> [Option<i64>; 2] {
        match &self.seen {
            Seen::Device(tally) | Seen::Summary(tally) => [tally.started_at_s, tally.last_at_s],
            Seen::People(pool) => pool.span(),
        }
    }

    /// What somebody who reads the verdict ought to know of it.
    pub(super) fn remarks(&self, decision: &Decision) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(people) = &decision.people {
            remarks.push(rests_on(people));
        } else if matches!(self.seen, Seen::Summary(_)) {
            remarks.push(
                "one summary: the figures are those of one person, and no verdict about people"
                    .to_owned(),
            );
        }
        if self.unchecked > 0 {
            remarks.push(format!(
                "signatures not looked at: {} (--require-signed does)",
                self.unchecked
            ));
        }
        if !self.passed_over.is_empty() {
            remarks.push(format!("summaries passed over: {}", self.passed_over.len()));
        }
        remarks
    }
}

/// Such as `people: 40, each counted once by the first 8 outcomes of each arm; 2 more have
/// fewer`.
fn rests_on(people: &People) -> String {
    let People {
        counted,
        waiting,
        outcomes_each,
        unordered,
        more: _,
    } = people;
    let mut text = format!(
        "people: {counted}, each counted once by the first {outcomes_each} outcomes of each arm"
    );
    if *unordered > 0 {
        text +=
            &format!(", but {unordered} by all, as their summaries do not tell which were first");
    }
    if *waiting > 0 {
        text += &format!("; {waiting} more with too few outcomes yet");
    }
    text
}

impl PassedOver {
    fn of(source: &Source, why: &NotCounted) -> Self {
        Self {
            file: source.file.clone(),
            kind: why.kind(),
            reason: why.to_string(),
        }
    }

    /// As a line for people.
    pub(super) fn line(&self) -> String {
        format!("  {}: {}", printable(&self.file), self.reason)
    }

    /// The file's name without the folder, and why, for documents that others read.
    pub(super) fn row(&self) -> (String, String) {
        let name = Path::new(&self.file).file_name();
        let name = name.map(|name| printable(&name.to_string_lossy()));
        (name.unwrap_or_default(), self.reason.clone())
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

    /// The summary that it holds, and whether it is in an envelope; nobody looks at signatures.
    pub(super) fn summary(&self, definition: &Definition) -> Result<(Tally, bool), CliError> {
        let of_this = |why: NotCounted| CliError::Summary {
            file: self.file.clone(),
            source: why,
        };
        let envelope = signed::parse(&self.bytes).transpose();
        let envelope = envelope.map_err(|error| of_this(NotCounted::Envelope(error)))?;
        let payload = envelope.as_ref().map(signed::payload).transpose();
        let payload = payload.map_err(of_this)?;
        let summary = Tally::parse(payload.unwrap_or(&self.bytes), definition);
        let summary = summary.map_err(|error| self.refused(error))?;
        Ok((summary, payload.is_some()))
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
pub(super) fn outlook(decision: &Decision) -> String {
    if let Some(people) = &decision.people {
        return match people.more {
            None => "how much longer: unknown".to_owned(),
            Some(0) => "no more people needed".to_owned(),
            Some(more) => format!("about {more} more people to a verdict"),
        };
    }
    match decision.forecast {
        Forecast::Unknown => "how much longer: unknown".to_owned(),
        Forecast::MoreOutcomes(0) => "no more outcomes needed".to_owned(),
        Forecast::MoreOutcomes(more) => format!("about {more} more outcomes to a verdict"),
        Forecast::BeyondLimit => "no verdict within the limit, as it looks".to_owned(),
    }
}
