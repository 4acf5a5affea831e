//! `tune`: an adapter from feedback or texts.

mod args;
mod reading;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use pocketune_core::Error;
use pocketune_core::tuning::{
    CheckpointDir, Tuned, Tuning, TuningControl, TuningEvent, TuningOptions, TuningRun,
};

pub(crate) use self::args::TuneArgs;
use self::report::{LiveLine, Report};
use crate::ending;
use crate::error::CliError;
use crate::files;
use crate::out_files::{self, OutFolder};
use crate::output::Output;

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<ExitCode, CliError> {
    args.check()?;
    let out = args.out_file()?;
    let source = files::model_source(args.model.model.as_deref())?;
    let checkpoint = Checkpoint::check(args)?;
    let read = reading::read(args, &source, output)?;
    let options = TuningOptions {
        recipe: args.recipe(read.objectives)?,
        precision: args.precision.into(),
        memory: args.memory(),
        threads: args.threads,
        initial: read.initial,
        frozen: read.frozen,
    };
    let left_out = read.left_out;
    let tuning = Tuning::prepare(&read.model, read.data, options)?;
    let Some(out) = out else {
        return report::plan(&tuning, output);
    };
    let run = tuning.start(checkpoint.open()?, args.checkpoint_every())?;
    interruptible(run.control());
    let tuned = follow(run, args, output)?;
    out_files::write(&out, tuned.adapter.bytes())?;
    tuned.remove_checkpoint()?;
    Report::new(args.out.display().to_string(), &tuned, left_out).show(output)
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
            Some(Ok(TuningEvent::Fold { done, folds })) => live.fold(done, folds),
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
