//! `tune`: an adapter from preferences or texts.

mod args;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use pocketune_core::tuning::{
    CheckpointDir, Encoder, Sample, TunableModel, Tuned, Tuning, TuningControl, TuningData,
    TuningEvent, TuningOptions, TuningRun,
};
use pocketune_core::{CancelToken, CandidateAdapter, EngineOptions, Error, ModelSource};

pub(crate) use self::args::TuneArgs;
use self::report::{LiveLine, Report};
use crate::dataset;
use crate::ending;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{self, OutFolder};
use crate::output::Output;

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<ExitCode, CliError> {
    let out = args.out_file()?;
    let source = files::model_source(args.model.model.as_deref())?;
    let checkpoint = Checkpoint::check(args)?;
    let (model, data) = read(args, &source, output)?;
    let options = options(args, &model, &data)?;
    let tuning = Tuning::prepare(&model, data, options)?;
    let Some(out) = out else {
        return report::plan(&tuning, output);
    };
    let run = tuning.start(checkpoint.open()?, args.checkpoint_every())?;
    interruptible(run.control());
    let tuned = follow(run, args, output)?;
    out_files::write(&out, tuned.adapter.bytes())?;
    tuned.remove_checkpoint()?;
    Report::new(args.out.display().to_string(), &tuned).show(output)
}

/// Lets a signal cancel the run.
fn interruptible(control: TuningControl) {
    let asked = AtomicBool::new(false);
    ending::on_signal(move || {
        control.cancel();
        !asked.swap(true, Ordering::Relaxed)
    });
}

/// Shows what a run tells until its end.
fn follow(run: TuningRun, args: &TuneArgs, output: &Output) -> Result<Tuned, CliError> {
    let mut live = LiveLine::new(output.training_bar(args.optimisation.steps));
    let end = loop {
        match run.next_blocking() {
            Some(Ok(TuningEvent::Resumed { steps })) => {
                output.note(&format!("going on after step {steps}"));
            }
            Some(Ok(TuningEvent::MicroStep(micro))) => live.micro_step(micro),
            Some(Ok(TuningEvent::Step(step))) => live.step(&step),
            Some(Ok(TuningEvent::Kl(kl))) => live.kl(kl),
            Some(Ok(TuningEvent::Saved)) => {}
            Some(Ok(TuningEvent::Done(tuned))) => break Ok(*tuned),
            Some(Err(error)) => break Err(error),
            // Its thread panicked, and said so.
            None => break Err(Error::Closed),
        }
    };
    live.finish();
    if matches!(end, Err(Error::Cancelled)) && args.checkpoint.is_some() {
        output.note("every finished step is saved: the same command goes on from there");
    }
    Ok(end?)
}

/// The folder of --checkpoint. One that is missing is made when the run is accepted, so
/// that a refused one leaves nothing.
enum Checkpoint<'a> {
    None,
    Missing(&'a Path),
    Open(CheckpointDir),
}

impl<'a> Checkpoint<'a> {
    /// Takes hold of a folder that is there, and sees whether one that is not can be made.
    fn check(args: &'a TuneArgs) -> Result<Self, CliError> {
        let Some(folder) = args.checkpoint.as_deref().filter(|_| !args.plan) else {
            return Ok(Self::None);
        };
        Ok(match OutFolder::check("--checkpoint", folder) {
            Ok(checked) if !checked.exists() => Self::Missing(folder),
            // Otherwise the trainer has a word for what is wrong with it.
            _ => Self::Open(CheckpointDir::open(folder)?),
        })
    }

    fn open(self) -> Result<Option<CheckpointDir>, CliError> {
        Ok(match self {
            Self::None => None,
            Self::Missing(folder) => Some(CheckpointDir::open(folder)?),
            Self::Open(open) => Some(open),
        })
    }
}

fn options(
    args: &TuneArgs,
    model: &TunableModel,
    data: &TuningData,
) -> Result<TuningOptions, CliError> {
    let adapter = |path: &Path| -> Result<CandidateAdapter, CliError> {
        let bytes = files::read_bytes("adapter", path, ADAPTER_BYTES_MAX)?;
        Ok(CandidateAdapter::parse(bytes, model.base_model()).map_err(Error::from)?)
    };
    let frozen = args.adapter.over_adapter.iter().map(|path| adapter(path));
    Ok(TuningOptions {
        recipe: args.recipe(&data.samples)?,
        precision: args.precision.into(),
        memory: args.memory(),
        threads: args.threads,
        initial: args.adapter.init_adapter.as_deref().map(adapter).transpose()?,
        frozen: frozen.collect::<Result<_, _>>()?,
    })
}

/// The model, and everything to learn from and to measure by, as tokens. The engine that
/// tokenizes is closed before anything is trained.
fn read(
    args: &TuneArgs,
    source: &ModelSource,
    output: &Output,
) -> Result<(TunableModel, TuningData), CliError> {
    let longest = args.sequence_tokens;
    let options = EngineOptions {
        context_tokens: Some(u32::try_from(longest.clamp(64, 256)).unwrap_or(256)),
        ..EngineOptions::default()
    };
    let engine = load::engine_with(source, &options, output, &AtomicBool::new(false))?;
    let encoder = Encoder::new(&engine, longest);
    let read = |path: &Path| -> Result<Vec<Sample>, CliError> {
        let read = dataset::read(path, |file| encoder.read(file, args.kind()))?;
        Ok(read.samples)
    };
    let samples = read(&args.data)?;
    let heldout = args.heldout.as_deref().map_or(Ok(Vec::new()), read)?;
    let ordinary = match &args.ordinary {
        Some(path) => dataset::read(path, |file| encoder.read_ordinary(file))?,
        // A plan only has to know how much there will be.
        None if args.plan => Vec::new(),
        None => {
            let prompts = Encoder::ordinary_prompts() as u64;
            let bar = output.progress("asking ordinary things", prompts);
            let answered = encoder.answer_ordinary(&CancelToken::new(), || bar.inc(1))?;
            bar.finish_and_clear();
            answered
        }
    };
    let data = TuningData {
        samples,
        heldout,
        ordinary,
    };
    Ok((engine.tunable()?, data))
}
