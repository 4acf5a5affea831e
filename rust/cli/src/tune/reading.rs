//! Everything to learn from and to measure by, as tokens.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pocketune_core::tuning::{
    EncodedDataset, Encoder, Feedback, Objectives, OwnReplies, RecordKind, ReferencePolicy, Sample,
    TunableModel, TuningData,
};
use pocketune_core::{CancelToken, CandidateAdapter, Engine, EngineOptions, Error, ModelSource};

use serde::Serialize;

use super::args::TuneArgs;
use crate::dataset;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::Output;

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

/// What a run is made from.
pub(super) struct Read {
    pub(super) model: TunableModel,
    pub(super) data: TuningData,
    pub(super) objectives: Objectives,
    pub(super) left_out: LeftOut,
    pub(super) frozen: Vec<CandidateAdapter>,
    pub(super) initial: Option<CandidateAdapter>,
}

/// What of the data is not learned from, or not whole.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct LeftOut {
    /// Lines that nothing can be learned from, with `--skip-unusable`.
    skipped_lines: usize,
    /// Conversations that lost their first turns.
    shortened: usize,
    /// Disliked replies without a better one.
    without_alternative: usize,
}

/// Reads all files. The engine that tokenizes and answers is closed before anything is trained.
pub(super) fn read(
    args: &TuneArgs,
    source: &ModelSource,
    output: &Output,
) -> Result<Read, CliError> {
    let options = EngineOptions {
        context_tokens: Some(u32::try_from(args.sequence_tokens.clamp(256, 4096)).unwrap_or(256)),
        ..EngineOptions::default()
    };
    let engine = load::engine_with(source, &options, output, &AtomicBool::new(false))?;
    let adapter = |path: &Path| adapter(path, &engine);
    let frozen = args.adapter.over_adapter.iter().map(|path| adapter(path));
    let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
    let initial = args.adapter.init_adapter.as_deref().map(adapter);
    let initial = initial.transpose()?;

    let encoder = Encoder::with(&engine, args.encoding());
    let reader = Reader {
        args,
        output,
        encoder: &encoder,
        own: encoder.own_replies(reference(args, &frozen, initial.as_ref()))?,
    };
    let (data, objectives, left_out) = reader.data()?;
    Ok(Read {
        model: engine.tunable()?,
        data,
        objectives,
        left_out,
        frozen,
        initial,
    })
}

/// The adapters of the reference.
fn reference(
    args: &TuneArgs,
    frozen: &[CandidateAdapter],
    initial: Option<&CandidateAdapter>,
) -> Vec<CandidateAdapter> {
    let initial = initial.filter(|_| args.adapter.reference() == ReferencePolicy::Initial);
    frozen.iter().chain(initial).cloned().collect()
}

fn adapter(path: &Path, engine: &Engine) -> Result<CandidateAdapter, CliError> {
    let bytes = files::read_bytes("adapter", path, ADAPTER_BYTES_MAX)?;
    Ok(CandidateAdapter::parse(bytes, engine.base_model()).map_err(Error::from)?)
}

struct Reader<'r> {
    args: &'r TuneArgs,
    output: &'r Output,
    encoder: &'r Encoder<'r>,
    own: OwnReplies<'r>,
}

impl Reader<'_> {
    /// Samples, and what they are learned by.
    fn data(&self) -> Result<(TuningData, Objectives, LeftOut), CliError> {
        let files = &self.args.data;
        let dataset = self.dataset(&files.learned)?;
        let mut left_out = LeftOut {
            skipped_lines: dataset.skipped.count,
            shortened: dataset.shortened,
            without_alternative: 0,
        };
        let feedback = self.feedback(dataset)?;
        left_out.without_alternative = feedback.without_alternative;
        let objectives = self.args.objectives(&feedback);
        let others = |path: &Option<PathBuf>| -> Result<Vec<Sample>, CliError> {
            let Some(path) = path else {
                return Ok(Vec::new());
            };
            Ok(feedback.alike(self.dataset(path)?.samples))
        };
        let anchors = match objectives.anchor {
            Some(_) => self.anchors()?,
            None => Vec::new(),
        };
        let data = TuningData {
            heldout: others(&files.heldout)?,
            replay: others(&files.replay)?,
            ordinary: self.ordinary()?,
            anchors,
            samples: feedback.samples,
        };
        Ok((data, objectives, left_out))
    }

    fn dataset(&self, path: &Path) -> Result<EncodedDataset, CliError> {
        let read = dataset::read(path, |file| self.encoder.read(file, self.args.kind()))?;
        self.tell(path, &read);
        Ok(read)
    }

    /// Says what was left out of a file, or shortened.
    fn tell(&self, path: &Path, dataset: &EncodedDataset) {
        let (file, skipped) = (path.display(), &dataset.skipped);
        if let Some((line, fault)) = skipped.first.first() {
            self.output.note(&format!(
                "{file}: left out {} lines, the first of which is line {line}: {}",
                skipped.count,
                dataset::explain(fault)
            ));
        }
        if dataset.shortened > 0 {
            self.output.note(&format!(
                "{file}: {} conversations lost their first turns: they are longer than {} tokens",
                dataset.shortened, self.args.sequence_tokens
            ));
        }
    }

    /// What can be learned from.
    fn feedback(&self, dataset: EncodedDataset) -> Result<Feedback, CliError> {
        let file = &self.args.data.learned;
        let of_file = |error| dataset::named(file, error);
        match self.args.kind() {
            RecordKind::Thumb => Feedback::thumbs(dataset).map_err(of_file),
            RecordKind::Feedback => {
                let wanted = dataset.alternatives() as u64;
                let bar = self.output.progress("looking for better replies", wanted);
                let settled = Feedback::settle(dataset, |disliked| {
                    bar.inc(1);
                    match self.args.plan {
                        true => self.own.longest_preferred_to(disliked).map(Some),
                        false => self.own.preferred_to(disliked, &CancelToken::new()),
                    }
                });
                bar.finish_and_clear();
                let feedback = settled.map_err(of_file)?;
                if feedback.without_alternative > 0 {
                    self.output.note(&format!(
                        "critics prefer no other reply to {} of the disliked ones",
                        feedback.without_alternative
                    ));
                }
                Ok(feedback)
            }
            RecordKind::Completion | RecordKind::Preference => Ok(Feedback::of(dataset.samples)),
        }
    }

    /// What KL is measured on.
    fn ordinary(&self) -> Result<Vec<Sample>, CliError> {
        if let Some(path) = &self.args.data.ordinary {
            return dataset::read(path, |file| self.encoder.read_ordinary(file));
        }
        // A plan only has to know how much there will be.
        if self.args.plan {
            return Ok(self.own.longest_ordinary()?);
        }
        let prompts = OwnReplies::ordinary_prompts();
        self.asking("asking ordinary things", prompts, |on_reply| {
            self.own.ordinary(&CancelToken::new(), on_reply)
        })
    }

    /// What an anchor keeps as it is.
    fn anchors(&self) -> Result<Vec<Sample>, CliError> {
        if let Some(path) = &self.args.data.anchors {
            return dataset::read(path, |file| self.encoder.read_anchors(file));
        }
        if self.args.plan {
            return Ok(self.own.longest_requests()?);
        }
        let prompts = OwnReplies::request_prompts();
        self.asking("asking for certain forms", prompts, |on_reply| {
            self.own.requests(&CancelToken::new(), on_reply)
        })
    }

    /// Shows how many of so many replies are there.
    fn asking(
        &self,
        what: &'static str,
        prompts: usize,
        ask: impl FnOnce(&mut dyn FnMut()) -> Result<Vec<Sample>, Error>,
    ) -> Result<Vec<Sample>, CliError> {
        let bar = self.output.progress(what, prompts as u64);
        let answered = ask(&mut || bar.inc(1));
        bar.finish_and_clear();
        Ok(answered?)
    }
}
