//! `tune`: an adapter from preferences or texts.

mod args;
pub(crate) mod data;
pub(crate) mod forms;
mod report;
mod samples;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use pocketune_core::{EngineOptions, ModelSource};
use pocketune_train::{
    CheckpointDir, Control, HeldOut, KlLimit, KlProbe, Lora, MemoryLimit, RunEvent, Sample,
    TrainError, Trainer,
};

pub(crate) use self::args::TuneArgs;
use self::report::{HeldOutFigures, LiveLine, Report, Trained};
use crate::ending;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{self, OutFolder};
use crate::output::Output;
use crate::steps::Steps;
use crate::workshop::Workshop;

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<ExitCode, CliError> {
    let out = args.out_file()?;
    let path = files::model_path(args.model.model.as_deref())?;
    let mut checkpoint = Checkpoint::check(args)?;
    let data = Data::read(args, &path, output)?;
    let count = data.samples.len();
    let workshop = Workshop::open(&path, args.threads)?;
    let Workshop { model, pool, .. } = &workshop;
    let frozen = args.over_adapter.iter().map(|path| workshop.adapter(path));
    let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
    let lora = match &args.init_adapter {
        Some(path) => workshop.adapter(path)?,
        None => Lora::new(model, args.shape()?, args.seed)?,
    };
    let probe = KlProbe::new(model, data.ordinary)?;
    let limit = MemoryLimit {
        reserved_bytes: probe.bytes(model),
        ..args.memory()
    };
    let options = args.options();
    let mut trainer = Trainer::new(model, pool, &frozen, lora, data.samples, options, limit)?;
    let Some(out) = out else {
        return report::plan(&trainer, output);
    };
    let checkpoint = checkpoint.open()?;
    if let Some(checkpoint) = checkpoint
        && trainer.resume(checkpoint)?
    {
        let done = trainer.history().len();
        output.note(&format!("going on after step {done}"));
    }
    let heldout = (!data.heldout.is_empty())
        .then(|| HeldOut::new(model, args.dpo(), data.heldout))
        .transpose()?;
    let run = Run {
        args,
        output,
        workshop: &workshop,
        checkpoint,
        control: interruptible(),
    };
    let trained = run.train(&mut trainer, probe, heldout)?;
    let bytes = trainer.lora().to_gguf(
        model,
        args.precision.into(),
        &run.facts(&trainer, &trained, count),
    )?;
    out_files::write(&out, &bytes)?;
    if let Some(checkpoint) = checkpoint {
        checkpoint.clear()?;
    }
    let out = args.out.display().to_string();
    Report::new(out, bytes.len(), count, &trainer, trained).show(output)
}

/// What a signal cancels.
fn interruptible() -> Control {
    let control = Control::new();
    let stop = control.clone();
    let asked = AtomicBool::new(false);
    ending::on_signal(move || {
        stop.cancel();
        !asked.swap(true, Ordering::Relaxed)
    });
    control
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

    fn open(&mut self) -> Result<Option<&CheckpointDir>, CliError> {
        if let Self::Missing(folder) = self {
            *self = Self::Open(CheckpointDir::open(folder)?);
        }
        Ok(match self {
            Self::Open(open) => Some(open),
            _ => None,
        })
    }
}

/// A run from its first step to its last, in view of whoever started it.
struct Run<'a> {
    args: &'a TuneArgs,
    output: &'a Output,
    workshop: &'a Workshop,
    checkpoint: Option<&'a CheckpointDir>,
    control: Control,
}

impl Run<'_> {
    fn train(
        &self,
        trainer: &mut Trainer<'_>,
        mut probe: KlProbe,
        mut heldout: Option<HeldOut>,
    ) -> Result<Trained, CliError> {
        let mut judge = |trainer: &Trainer<'_>| {
            let heldout = heldout.as_mut();
            let judged = heldout.map(|pairs| trainer.judge(pairs, &self.control));
            judged.transpose()
        };
        let before = judge(trainer)?;
        let started = Instant::now();
        let mut steps = Steps::begin();
        let mut live = LiveLine::new(self.output.training_bar(self.args.steps()), self.workshop);
        let limit = KlLimit {
            probe: &mut probe,
            bound: self.args.kl_bound().unwrap_or(f64::INFINITY),
            every: self.args.kl_every,
        };
        let end = trainer.run(
            self.checkpoint,
            Some(limit),
            &self.control,
            |event| match event {
                RunEvent::MicroStep(micro) => live.micro_step(micro),
                RunEvent::Step(step) => {
                    let took = steps.ended(step);
                    live.step(&step, took);
                }
                RunEvent::Kl(kl) => {
                    live.kl(kl);
                    steps.go_on();
                }
            },
        );
        live.finish();
        if matches!(end, Err(TrainError::Cancelled)) && self.checkpoint.is_some() {
            let note = "every finished step is saved: the same command goes on from there";
            self.output.note(note);
        }
        let end = end?;
        let kl_per_token = trainer.kl(&mut probe, &self.control)?;
        let tuning_s = started.elapsed().as_secs_f64();
        let after = judge(trainer)?;
        Ok(Trained {
            end,
            steps,
            tuning_s,
            kl_per_token,
            peak_anon_bytes: self.workshop.peak_bytes(),
            heldout: before
                .zip(after)
                .map(|(before, after)| HeldOutFigures::new(&before, &after)),
        })
    }

    /// What the adapter's file says of how it came about.
    fn facts(
        &self,
        trainer: &Trainer<'_>,
        trained: &Trained,
        samples: usize,
    ) -> [(&'static str, String); 6] {
        let version = format!("pocketune {}", env!("CARGO_PKG_VERSION"));
        [
            ("tuned_with", version),
            ("objective", self.args.objective_name().to_owned()),
            ("steps", trainer.history().len().to_string()),
            ("samples", samples.to_string()),
            ("seed", self.args.seed.to_string()),
            ("kl_per_token", format!("{:.4}", trained.kl_per_token)),
        ]
    }
}

/// Everything to learn from and to measure by, as tokens.
struct Data {
    samples: Vec<Sample>,
    heldout: Vec<Sample>,
    ordinary: Vec<Sample>,
}

impl Data {
    /// The engine that tokenizes is closed before anything is trained.
    fn read(args: &TuneArgs, model: &Path, output: &Output) -> Result<Self, CliError> {
        if args.heldout.is_some() && !args.pairs() {
            return Err(CliError::usage(
                "--heldout takes pairs, for --objective dpo",
            ));
        }
        let longest = args.sequence_tokens;
        let options = EngineOptions {
            context_tokens: Some(u32::try_from(longest.clamp(64, 256)).unwrap_or(256)),
            ..EngineOptions::default()
        };
        let source = ModelSource::Path(model.to_owned());
        let engine = load::engine_with(&source, &options, output, &AtomicBool::new(false))?;
        let read = |path: &Path| samples::read(&engine, path, args.pairs(), longest);
        let samples = read(&args.data)?;
        let heldout = args.heldout.as_deref().map_or(Ok(Vec::new()), read)?;
        let ordinary = match &args.ordinary {
            Some(path) => samples::read_ordinary(&engine, path, longest)?,
            // A plan only has to know how much there will be.
            None if args.plan => Vec::new(),
            None => {
                let bar = output.progress("asking ordinary things", samples::ordinary_prompts());
                let answered = samples::answer_ordinary(&engine, longest, || bar.inc(1))?;
                bar.finish_and_clear();
                answered
            }
        };
        Ok(Self {
            samples,
            heldout,
            ordinary,
        })
    }
}
