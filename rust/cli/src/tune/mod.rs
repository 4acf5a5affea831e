//! `tune`: an adapter from preferences or texts.

mod args;
mod data;
mod report;
mod samples;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use pocketune_core::{EngineOptions, ModelSource, PeakMemory, ProcessMemory, default_threads};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    CheckpointDir, Control, HeldOut, KlLimit, KlProbe, Lora, MemoryLimit, Model, RunEnd, RunEvent,
    Sample, TrainError, Trainer,
};

pub(crate) use self::args::TuneArgs;
use self::report::{HeldOutFigures, LiveLine, Report};
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::Output;
use crate::steps::Steps;

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<ExitCode, CliError> {
    let path = files::model_path(args.model.model.as_deref())?;
    if !args.plan {
        files::check_writable(&args.out)?;
    }
    let checkpoint = match &args.checkpoint {
        Some(folder) if !args.plan => Some(CheckpointDir::open(folder)?),
        _ => None,
    };
    let data = Data::read(args, &path, output)?;
    let count = data.samples.len();
    let baseline = ProcessMemory::now()
        .ok_or(CliError::NoMemoryFigures)?
        .anonymous_bytes;
    let memory = PeakMemory::watch();
    let model = Model::open(&path)?;
    let pool = ThreadPool::new(args.threads.unwrap_or(default_threads() as usize));
    let frozen = args
        .over_adapter
        .iter()
        .map(|path| read_adapter(&model, path));
    let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
    let lora = match &args.init_adapter {
        Some(path) => read_adapter(&model, path)?,
        None => Lora::new(&model, args.shape()?, args.seed)?,
    };
    let options = args.options();
    let step_count = options.steps;
    let mut probe = KlProbe::new(&model, data.ordinary)?;
    let limit = MemoryLimit {
        reserved_bytes: probe.bytes(&model),
        ..args.memory()
    };
    let mut trainer = Trainer::new(&model, &pool, &frozen, lora, data.samples, options, limit)?;
    if args.plan {
        return report::plan(&trainer, output);
    }
    if let Some(checkpoint) = &checkpoint
        && trainer.resume(checkpoint)?
    {
        let done = trainer.history().len();
        output.note(&format!("going on after step {done}"));
    }
    let control = Control::new();
    let stop = control.clone();
    ctrlc::set_handler(move || stop.cancel()).map_err(CliError::Interrupts)?;

    let mut heldout = (!data.heldout.is_empty())
        .then(|| HeldOut::new(&model, args.dpo(), data.heldout))
        .transpose()?;
    let mut judge = |trainer: &Trainer<'_>| {
        let judged = heldout.as_mut().map(|pairs| trainer.judge(pairs, &control));
        judged.transpose()
    };
    let before = judge(&trainer)?;
    let started = Instant::now();
    let mut steps = Steps::begin();
    let mut live = LiveLine::new(output.training_bar(step_count), &memory, baseline);
    let limit = KlLimit {
        probe: &mut probe,
        bound: args.kl_bound().unwrap_or(f64::INFINITY),
        every: args.kl_every,
    };
    let end = trainer.run(
        checkpoint.as_ref(),
        Some(limit),
        &control,
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
    if matches!(end, Err(TrainError::Cancelled)) && checkpoint.is_some() {
        output.note("every finished step is saved: the same command goes on from there");
    }
    let end = end?;
    let kl_per_token = trainer.kl(&mut probe, &control)?;
    let tuning_s = started.elapsed().as_secs_f64();
    let after = judge(&trainer)?;
    let peak = memory.peak().anonymous_bytes;

    let history = trainer.history().to_vec();
    let planned_bytes = trainer.plan().bytes;
    let lora = trainer.into_lora();
    let facts = [
        (
            "tuned_with",
            format!("pocketune {}", env!("CARGO_PKG_VERSION")),
        ),
        ("objective", args.objective_name().to_owned()),
        ("steps", history.len().to_string()),
        ("samples", count.to_string()),
        ("seed", args.seed.to_string()),
        ("kl_per_token", format!("{kl_per_token:.4}")),
    ];
    let bytes = lora.to_gguf(&model, args.precision.into(), &facts)?;
    files::write_whole(&args.out, &bytes)?;
    if let Some(checkpoint) = &checkpoint {
        checkpoint.clear()?;
    }
    let report = Report {
        out: args.out.display().to_string(),
        adapter_bytes: bytes.len(),
        trained_parameters: lora.parameters().len(),
        samples: count,
        steps: history.len(),
        stopped_by_kl: matches!(end, RunEnd::KlBound { .. }),
        shrunk_by: match end {
            RunEnd::KlBound { shrunk_by, .. } => f64::from(shrunk_by),
            RunEnd::Steps => 1.0,
        },
        tokens_per_s: steps.tokens_per_s(),
        step_ms_median: steps.median_ms(),
        tuning_s,
        peak_anon_bytes: peak.saturating_sub(baseline),
        planned_bytes,
        loss_first: history.first().map_or(f64::NAN, |step| step.loss),
        loss_last: history.last().map_or(f64::NAN, |step| step.loss),
        kl_per_token,
        heldout: before
            .zip(after)
            .map(|(before, after)| HeldOutFigures::new(&before, &after)),
    };
    report.show(output)
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
            return Err(CliError::Usage(
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

fn read_adapter(model: &Model, path: &Path) -> Result<Lora, CliError> {
    let bytes = files::read_bytes("adapter", path, ADAPTER_BYTES_MAX)?;
    Ok(Lora::from_gguf(model, &bytes)?)
}
