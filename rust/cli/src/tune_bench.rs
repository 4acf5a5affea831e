//! `tune-bench`: how fast training steps are and what they occupy.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::{PeakMemory, ProcessMemory, default_threads};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, DpoOptions, Lora, LoraShape, Model, Objective, OptimizerOptions, Sample, Schedule,
    StepReport, Trainer, TrainerOptions,
};
use serde::Serialize;

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files;
use crate::output::{Output, human_bytes};

const EXAMPLES: &str = "\
Examples:
  pocketune tune-bench
  pocketune tune-bench --objective dpo --memory-mb 256 --json

Synthetic tokens, loss on every position (of the replies, for dpo), AdamW with F32
state, an adapter on all seven projections. A dpo pair is half prompt and a
quarter each reply; its reference is computed once, in the first step. Figures
count only while nothing else computes.";

/// Measure training steps: speed and memory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneBenchArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// What is optimised
    #[arg(long, value_enum, default_value_t)]
    objective: ObjectiveKind,
    /// Tokens of each sample
    #[arg(long, default_value_t = 256, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(16..=65_536))]
    sequence_tokens: usize,
    /// Rank of the adapter
    #[arg(long, default_value_t = 8, value_name = "R",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    rank: usize,
    /// Anonymous memory that training may use, in 10⁶ bytes [default: no limit]
    #[arg(long, value_name = "MB")]
    memory_mb: Option<u64>,
    /// Threads that compute [default: the fast cores, at most 4]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    threads: Option<usize>,
    /// Steps after a first one that is not counted
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1000))]
    steps: u64,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum ObjectiveKind {
    /// Likelier texts
    #[default]
    Sft,
    /// Preferred replies likelier than rejected ones
    Dpo,
}

#[derive(Debug, Serialize)]
struct Report {
    objective: ObjectiveKind,
    steps: u64,
    sequence_tokens: usize,
    rank: usize,
    threads: usize,
    trained_parameters: usize,
    tokens_per_s: f64,
    first_step_ms: f64,
    step_ms_median: f64,
    useful_flops_per_s: f64,
    loss_first: f64,
    loss_last: f64,
    planned_bytes: u64,
    kept_layers: usize,
    /// Anonymous memory before the model was mapped.
    baseline_anon_bytes: u64,
    /// Its peak since then, above the baseline, sampled every 5 ms. The weights
    /// are mapped for reading, so that no page of them is ever dirty.
    peak_anon_bytes: u64,
}

pub(crate) fn run(args: &TuneBenchArgs, output: &Output) -> Result<ExitCode, CliError> {
    let path = files::model_path(args.model.model.as_deref())?;
    let baseline = ProcessMemory::now()
        .ok_or(CliError::NoMemoryFigures)?
        .anonymous_bytes;
    let memory = PeakMemory::watch();
    let model = Model::open(&path)?;
    let pool = ThreadPool::new(args.threads.unwrap_or(default_threads() as usize));
    let shape = LoraShape {
        rank: args.rank,
        ..LoraShape::default()
    };
    let lora = Lora::new(&model, shape, 1)?;
    let sample = args.sample(&model);
    let mut trainer = Trainer::new(&model, &pool, &[], lora, vec![sample], args.options())?;
    let bar = output.progress("training", args.steps + 1);
    let mut runs = Vec::new();
    for _ in 0..=args.steps {
        let started = Instant::now();
        let report = trainer.step(&Control::new())?;
        runs.push((started.elapsed(), report));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let peak = memory.peak().anonymous_bytes;
    let runs = Runs::new(&runs);
    let flops = 4.0 * model.multiplied_weights() as f64 * runs.tokens;
    let report = Report {
        objective: args.objective,
        steps: args.steps,
        sequence_tokens: args.sequence_tokens,
        rank: args.rank,
        threads: pool.threads(),
        trained_parameters: trainer.lora().parameters().len(),
        tokens_per_s: runs.tokens / runs.median.as_secs_f64(),
        first_step_ms: runs.first.as_secs_f64() * 1e3,
        step_ms_median: runs.median.as_secs_f64() * 1e3,
        useful_flops_per_s: flops / runs.median.as_secs_f64(),
        loss_first: runs.losses.0,
        loss_last: runs.losses.1,
        planned_bytes: trainer.plan().bytes,
        kept_layers: trainer.plan().kept_layers,
        baseline_anon_bytes: baseline,
        peak_anon_bytes: peak.saturating_sub(baseline),
    };
    if output.json {
        output.json(&report)?;
    } else {
        output.rows(&report.rows())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the steps say together.
struct Runs {
    first: Duration,
    median: Duration,
    tokens: f64,
    losses: (f64, f64),
}

impl Runs {
    fn new(runs: &[(Duration, StepReport)]) -> Self {
        let mut counted: Vec<Duration> = runs.iter().skip(1).map(|run| run.0).collect();
        counted.sort_unstable();
        let loss = |run: Option<&(Duration, StepReport)>| run.map_or(f64::NAN, |run| run.1.loss);
        Self {
            first: runs.first().map_or(Duration::ZERO, |run| run.0),
            median: counted.get(counted.len() / 2).copied().unwrap_or_default(),
            tokens: runs.first().map_or(0.0, |run| run.1.tokens as f64),
            losses: (loss(runs.first()), loss(runs.last())),
        }
    }
}

impl Report {
    fn rows(&self) -> [(&'static str, String); 7] {
        [
            ("tokens/s", format!("{:.0}", self.tokens_per_s)),
            (
                "step",
                format!(
                    "{:.0} ms (the first: {:.0} ms)",
                    self.step_ms_median, self.first_step_ms
                ),
            ),
            (
                "useful",
                format!("{:.0} Gflop/s", self.useful_flops_per_s / 1e9),
            ),
            (
                "memory",
                format!(
                    "{} at its peak, {} planned",
                    human_bytes(self.peak_anon_bytes),
                    human_bytes(self.planned_bytes)
                ),
            ),
            ("kept layers", self.kept_layers.to_string()),
            ("parameters", self.trained_parameters.to_string()),
            (
                "loss",
                format!("{:.4} to {:.4}", self.loss_first, self.loss_last),
            ),
        ]
    }
}

impl TuneBenchArgs {
    fn options(&self) -> TrainerOptions {
        TrainerOptions {
            objective: match self.objective {
                ObjectiveKind::Sft => Objective::Sft,
                ObjectiveKind::Dpo => Objective::Dpo(DpoOptions::default()),
            },
            learning_rate: 1e-4,
            steps: self.steps + 1,
            warm_up: 0,
            schedule: Schedule::Constant,
            batch: 1,
            clip: 1.0,
            optimizer: OptimizerOptions::default(),
            seed: 1,
            memory_bytes: self.memory_mb.map(|mb| mb * 1_000_000),
        }
    }

    /// Tokens all over the vocabulary, the same in every run.
    fn sample(&self, model: &Model) -> Sample {
        let vocabulary = model.vocabulary() as u64;
        let mut token = 1u64;
        let mut tokens = |count: usize| -> Vec<u32> {
            (0..count)
                .map(|_| {
                    token = token
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    u32::try_from((token >> 33) % vocabulary).unwrap_or(0)
                })
                .collect()
        };
        match self.objective {
            ObjectiveKind::Sft => Sample::Text {
                // One more, so that every computed position predicts one.
                tokens: tokens(self.sequence_tokens + 1),
                loss_from: 1,
            },
            ObjectiveKind::Dpo => Sample::Pair {
                prompt: tokens(self.sequence_tokens / 2),
                chosen: tokens(self.sequence_tokens / 4),
                rejected: tokens(self.sequence_tokens / 4),
            },
        }
    }
}
