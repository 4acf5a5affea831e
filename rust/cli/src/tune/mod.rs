//! `tune`: an adapter from preferences or texts.

mod args;
mod data;
mod samples;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use pocketune_core::{EngineOptions, ModelSource, PeakMemory, ProcessMemory, default_threads};
use pocketune_kernels::ThreadPool;
use pocketune_train::{Control, Lora, Model, PairMetrics, Sample, StepReport, Trainer};
use serde::Serialize;
use serde_json::json;

pub(crate) use self::args::TuneArgs;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::{Output, human_bytes};

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

/// The figures of a run; those of held-out pairs are missing without `--heldout`.
#[derive(Debug, Serialize)]
struct Report {
    out: String,
    adapter_bytes: usize,
    trained_parameters: usize,
    samples: usize,
    steps: usize,
    tokens_per_s: f64,
    step_ms_median: f64,
    /// Peak of anonymous memory above what the process had before training.
    peak_anon_bytes: u64,
    planned_bytes: u64,
    loss_first: f64,
    loss_last: f64,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    heldout: Option<Heldout>,
}

/// Means over held-out pairs.
#[derive(Debug, Serialize)]
struct Heldout {
    heldout_pairs: usize,
    margin_before: f64,
    margin_after: f64,
    accuracy_before: f64,
    accuracy_after: f64,
}

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<ExitCode, CliError> {
    let path = files::model_path(args.model.model.as_deref())?;
    if !args.plan {
        files::check_writable(&args.out)?;
    }
    let (samples, heldout) = read_data(args, &path, output)?;
    let count = samples.len();
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
    let steps = options.steps;
    let mut trainer = Trainer::new(&model, &pool, &frozen, lora, samples, options)?;
    if args.plan {
        return show_plan(&trainer, output);
    }
    let control = Control::new();
    let stop = control.clone();
    ctrlc::set_handler(move || stop.cancel()).map_err(CliError::Interrupts)?;

    let before = judge(&trainer, args, &heldout, &control)?;
    let runs = train(&mut trainer, steps, &control, output)?;
    let after = judge(&trainer, args, &heldout, &control)?;
    let peak = memory.peak().anonymous_bytes;

    let planned_bytes = trainer.plan().bytes;
    let lora = trainer.into_lora();
    let facts = [
        (
            "tuned_with",
            format!("pocketune {}", env!("CARGO_PKG_VERSION")),
        ),
        (
            "objective",
            if args.pairs() { "dpo" } else { "sft" }.to_owned(),
        ),
        ("steps", runs.len().to_string()),
        ("samples", count.to_string()),
        ("seed", args.seed.to_string()),
    ];
    let bytes = lora.to_gguf(&model, args.precision.into(), &facts)?;
    files::write_whole(&args.out, &bytes)?;
    let report = Report {
        out: args.out.display().to_string(),
        adapter_bytes: bytes.len(),
        trained_parameters: lora.parameters().len(),
        samples: count,
        steps: runs.len(),
        tokens_per_s: tokens_per_s(&runs),
        step_ms_median: median(&runs).as_secs_f64() * 1e3,
        peak_anon_bytes: peak.saturating_sub(baseline),
        planned_bytes,
        loss_first: runs.first().map_or(f64::NAN, |run| run.1.loss),
        loss_last: runs.last().map_or(f64::NAN, |run| run.1.loss),
        heldout: before.zip(after).map(|(before, after)| Heldout {
            heldout_pairs: heldout.len(),
            margin_before: before.margin,
            margin_after: after.margin,
            accuracy_before: before.accuracy,
            accuracy_after: after.accuracy,
        }),
    };
    if output.json {
        output.json(&report)?;
    } else {
        output.rows(&report.rows())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Samples and held-out pairs as tokens. The engine that tokenizes them is closed
/// before anything is trained.
fn read_data(
    args: &TuneArgs,
    model: &Path,
    output: &Output,
) -> Result<(Vec<Sample>, Vec<Sample>), CliError> {
    if args.heldout.is_some() && !args.pairs() {
        return Err(CliError::Usage(
            "--heldout takes pairs, for --objective dpo",
        ));
    }
    let options = EngineOptions {
        context_tokens: Some(256),
        ..EngineOptions::default()
    };
    let source = ModelSource::Path(model.to_owned());
    let engine = load::engine_with(&source, &options, output, &AtomicBool::new(false))?;
    let read = |path: &Path| samples::read(&engine, path, args.pairs(), args.sequence_tokens);
    let samples = read(&args.data)?;
    let heldout = args.heldout.as_deref().map_or(Ok(Vec::new()), read)?;
    Ok((samples, heldout))
}

fn read_adapter(model: &Model, path: &Path) -> Result<Lora, CliError> {
    let bytes = files::read_bytes("adapter", path, ADAPTER_BYTES_MAX)?;
    Ok(Lora::from_gguf(model, &bytes)?)
}

fn show_plan(trainer: &Trainer<'_>, output: &Output) -> Result<ExitCode, CliError> {
    let plan = trainer.plan();
    if output.json {
        output.json(&json!({
            "planned_bytes": plan.bytes,
            "kept_layers": plan.kept_layers,
            "trained_parameters": trainer.lora().parameters().len(),
        }))?;
    } else {
        output.rows(&[
            ("memory", human_bytes(plan.bytes)),
            ("kept layers", plan.kept_layers.to_string()),
            ("parameters", trainer.lora().parameters().len().to_string()),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn train(
    trainer: &mut Trainer<'_>,
    steps: u64,
    control: &Control,
    output: &Output,
) -> Result<Vec<(Duration, StepReport)>, CliError> {
    let bar = output.training_bar(steps);
    let mut runs = Vec::new();
    for _ in 0..steps {
        let started = Instant::now();
        let report = trainer.step(control)?;
        let took = started.elapsed();
        let margin = report
            .pairs
            .map_or_else(String::new, |pairs| format!(", margin {:.2}", pairs.margin));
        let speed = report.tokens as f64 / took.as_secs_f64();
        bar.set_message(format!(
            "loss {:.3}{margin}, {speed:.0} tokens/s",
            report.loss
        ));
        bar.inc(1);
        runs.push((took, report));
    }
    bar.finish_and_clear();
    Ok(runs)
}

/// Means over the held-out pairs; `None` without any.
fn judge(
    trainer: &Trainer<'_>,
    args: &TuneArgs,
    pairs: &[Sample],
    control: &Control,
) -> Result<Option<PairMetrics>, CliError> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let options = args.dpo();
    let mut mean = PairMetrics::default();
    for (index, pair) in pairs.iter().enumerate() {
        let metrics = trainer.judge(&options, index, pair, control)?;
        mean.add(&metrics, 1.0 / pairs.len() as f64);
    }
    Ok(Some(mean))
}

fn tokens_per_s(runs: &[(Duration, StepReport)]) -> f64 {
    let tokens: u64 = runs.iter().map(|run| run.1.tokens).sum();
    let time: Duration = runs.iter().map(|run| run.0).sum();
    tokens as f64 / time.as_secs_f64()
}

fn median(runs: &[(Duration, StepReport)]) -> Duration {
    let mut times: Vec<Duration> = runs.iter().map(|run| run.0).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            (
                "adapter",
                format!("{}, {}", self.out, human_bytes(self.adapter_bytes as u64)),
            ),
            (
                "steps",
                format!(
                    "{} of {:.0} ms, {:.0} tokens/s",
                    self.steps, self.step_ms_median, self.tokens_per_s
                ),
            ),
            (
                "memory",
                format!("{} at its peak", human_bytes(self.peak_anon_bytes)),
            ),
            (
                "loss",
                format!("{:.4} to {:.4}", self.loss_first, self.loss_last),
            ),
        ];
        if let Some(heldout) = &self.heldout {
            rows.push(("held-out pairs", heldout.heldout_pairs.to_string()));
            rows.push((
                "margin",
                format!(
                    "{:.3} to {:.3}",
                    heldout.margin_before, heldout.margin_after
                ),
            ));
            rows.push((
                "accuracy",
                format!(
                    "{:.2} to {:.2}",
                    heldout.accuracy_before, heldout.accuracy_after
                ),
            ));
        }
        rows
    }
}
