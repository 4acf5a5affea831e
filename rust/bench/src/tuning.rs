//! `tune-bench`: how fast training steps are and what they occupy.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::{
    CandidateAdapter, Engine, EngineOptions, GenerationOptions, ModelSource, PeakMemory,
    ProcessMemory, default_threads, dirty_file_bytes,
};
use pocketune_kernels::{Matrix, Panels, ThreadPool, matmul_forward};
use pocketune_llama::fastest_f32_product;
use pocketune_terminal::RunError;
use pocketune_terminal::args::ModelArgs;
use pocketune_terminal::files;
use pocketune_terminal::output::{Output, human_bytes};
use pocketune_terminal::synthetic;
use pocketune_train::{
    Control, Dataset, DpoOptions, Lora, LoraShape, MemoryBudget, Model, Objectives,
    OptimizerOptions, Precision, Projection, ReferencePolicy, Sample, Schedule, TrainError,
    Trainer, TrainerOptions, Training,
};
use serde::Serialize;

use crate::error::BenchError;

const EXAMPLES: &str = "\
Examples:
  pocketune tune-bench
  pocketune tune-bench --objective dpo --memory-mb 256 --json

Synthetic tokens, loss on every position (of the replies, for dpo), AdamW with F32
state, LoRA on all seven projections. A dpo pair is half prompt and a quarter each
reply; reference log-probabilities are computed once, in the first step. With
--cancels, additional steps are cancelled at evenly spread points and the longest
delay is reported. Run nothing else on the machine while measuring.";

/// Benchmark training steps: speed and memory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneBenchArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Training objective
    #[arg(long, value_enum, default_value_t)]
    objective: ObjectiveKind,
    /// Sequence length of each sample in tokens
    #[arg(long, default_value_t = 256, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(16..=65_536))]
    sequence_tokens: usize,
    /// LoRA rank
    #[arg(long, default_value_t = 8, value_name = "R",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    rank: usize,
    /// Memory budget of training in MB (10⁶ bytes of anonymous memory) [default: no limit]
    #[arg(long, value_name = "MB")]
    memory_mb: Option<u64>,
    /// Number of threads [default: the performance cores, at most 4]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    threads: Option<usize>,
    /// Number of measured steps, after one warm-up step
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1000))]
    steps: u64,
    /// Additional steps to cancel, to measure how soon a step stops
    #[arg(long, default_value_t = 0, value_name = "N")]
    cancels: u32,
    /// Also keep an inference engine with the same model loaded
    #[arg(long)]
    with_engine: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum ObjectiveKind {
    /// Supervised fine-tuning
    #[default]
    Sft,
    /// Direct preference optimisation
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
    /// 4·P·T a second: P weights that take part in products, T tokens.
    useful_flops_per_s: f64,
    /// The fastest F32 product on the widest layer's shapes: of ours and of ggml's.
    gemm_peak_flops_per_s: f64,
    useful_share_of_peak: f64,
    loss_first: f64,
    loss_last: f64,
    planned_bytes: u64,
    kept_layers: usize,
    /// Anonymous and shared memory before the model was mapped for training: with an
    /// engine, what that occupies.
    baseline_anon_bytes: u64,
    /// Of that, weights which the engine copied into another layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_repacked_bytes: Option<u64>,
    /// From the adapter in training to the first token under it, on the engine.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    apply: Option<Apply>,
    /// Peak since then above the baseline, sampled every 5 ms, with the dirty pages
    /// of files.
    peak_anon_bytes: u64,
    /// Dirty pages of mapped files, after the last step.
    dirty_file_bytes: u64,
    /// Longest time from a cancellation to the end of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_ms_max: Option<f64>,
}

/// How soon a trained adapter answers.
#[derive(Debug, Clone, Copy, Serialize)]
struct Apply {
    /// Writing, checking and loading it.
    apply_ms: f64,
    /// From its last gradient to the first token, less one prefill of that prompt.
    apply_beyond_prefill_ms: f64,
    /// The prefill, of a prompt of as many tokens.
    prefill_ms: f64,
}

impl Apply {
    const PROMPT_TOKENS: usize = 128;

    fn measure(engine: &Engine, model: &Model, lora: &Lora) -> Result<Self, BenchError> {
        let prompts = [0, 1].map(|seed| synthetic::prompt(engine, Self::PROMPT_TOKENS, seed));
        let [first, second] = prompts;
        let (first, second) = (first?, second?);
        let options = GenerationOptions {
            max_tokens: 1,
            ..GenerationOptions::greedy()
        };
        let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let bytes = lora.to_gguf(model, Precision::F32, &[])?;
        let candidate = CandidateAdapter::parse(bytes, engine.base_model())
            .map_err(pocketune_core::Error::from)?;
        let session = engine.evaluate(candidate)?;
        let apply_ms = milliseconds(started);
        session.complete(first, &options)?.finish()?;
        let answered_ms = milliseconds(started);
        let started = Instant::now();
        session.complete(second, &options)?.finish()?;
        let prefill_ms = milliseconds(started);
        Ok(Self {
            apply_ms,
            apply_beyond_prefill_ms: answered_ms - prefill_ms,
            prefill_ms,
        })
    }
}

pub(crate) fn run(args: &TuneBenchArgs, output: &Output) -> Result<ExitCode, BenchError> {
    let path = files::model_path(args.model.model.as_deref())?;
    let engine = args.with_engine.then(|| {
        let options = EngineOptions {
            context_tokens: Some(512),
            ..EngineOptions::default()
        };
        let source = ModelSource::Path(path.clone());
        Engine::load(&source, &options, files::digest_cache(), |_| true)
    });
    let engine = engine.transpose()?;
    let baseline = ProcessMemory::now().ok_or(RunError::NoMemoryFigures)?;
    let memory = PeakMemory::watch();
    let model = &Model::open(&path)?;
    let pool = &ThreadPool::new(args.threads.unwrap_or(default_threads() as usize));
    let shape = LoraShape {
        rank: args.rank,
        ..LoraShape::default()
    };
    let lora = Lora::new(model, shape, 1)?;
    let budget = args.memory_mb.map_or(MemoryBudget::Unlimited, |mb| {
        MemoryBudget::Bytes(mb * 1_000_000)
    });
    let mut trainer = Trainer::new(Training {
        model,
        pool,
        frozen: &[],
        lora,
        source: Box::new(Dataset::new(vec![args.sample(model)], 1, 1)),
        options: args.options(),
        kl: None,
        memory: budget,
        reserved_bytes: 0,
    })?;
    let bar = output.progress("training", args.steps + 1);
    let mut times = Vec::new();
    for _ in 0..=args.steps {
        let started = Instant::now();
        trainer.step(&Control::new(), |_| ())?;
        times.push(started.elapsed());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let peak = memory.peak().anonymous_bytes;
    let peak = peak.saturating_sub(baseline.anonymous_bytes);
    let peak_flops = gemm_peak_flops_per_s(model, pool, args.sequence_tokens)?;
    let dirty = dirty_file_bytes().ok_or(RunError::NoMemoryFigures)?;
    let apply = engine
        .as_ref()
        .map(|engine| Apply::measure(engine, model, trainer.lora()));
    let apply = apply.transpose()?;
    let first = trainer.history().first();
    let loss_first = first.map_or(f64::NAN, |step| step.loss);
    let tokens = first.map_or(0.0, |step| step.tokens as f64);
    let first_step = times.first().copied().unwrap_or_default();
    let counted = times.get_mut(1..).unwrap_or_default();
    counted.sort_unstable();
    let median = counted.get(counted.len() / 2).copied().unwrap_or_default();
    let step_ms_median = median.as_secs_f64() * 1e3;
    let seconds = step_ms_median / 1e3;
    let cancel_ms_max = cancel_ms_max(&mut trainer, args.cancels, step_ms_median)?;
    let useful = 4.0 * model.multiplied_weights() as f64 * tokens / seconds;
    let report = Report {
        objective: args.objective,
        steps: args.steps,
        sequence_tokens: args.sequence_tokens,
        rank: args.rank,
        threads: pool.threads(),
        trained_parameters: trainer.lora().parameters().len(),
        tokens_per_s: tokens / seconds,
        first_step_ms: first_step.as_secs_f64() * 1e3,
        step_ms_median,
        useful_flops_per_s: useful,
        gemm_peak_flops_per_s: peak_flops,
        useful_share_of_peak: useful / peak_flops,
        loss_first,
        loss_last: trainer.history().last().map_or(f64::NAN, |step| step.loss),
        planned_bytes: trainer.plan().bytes,
        kept_layers: trainer.plan().kept_layers,
        baseline_anon_bytes: baseline.anonymous_bytes,
        engine_repacked_bytes: engine.map(|engine| engine.memory_estimate().repacked_bytes),
        apply,
        peak_anon_bytes: peak + dirty,
        dirty_file_bytes: dirty,
        cancel_ms_max,
    };
    if output.json {
        output.json(&report)?;
    } else {
        output.rows(&report.rows())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The fastest F32 product that this program has, on the shapes of a feed-forward
/// layer, in both directions: the kernels' own and ggml's, in turns.
fn gemm_peak_flops_per_s(
    model: &Model,
    pool: &ThreadPool,
    tokens: usize,
) -> Result<f64, BenchError> {
    const RUNS: u32 = 3;
    let mut fastest = 0.0f64;
    for projection in [Projection::Gate, Projection::Down] {
        let weight = model.projection(0, projection);
        let (n, k) = (weight.rows(), weight.columns());
        let values: Vec<f32> = (0..n * k).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect();
        let dense = Matrix::dense(&values, n, k);
        let inputs: Vec<f32> = (0..tokens * k)
            .map(|i| (i % 241) as f32 / 241.0 - 0.5)
            .collect();
        let x = Panels::from_tokens(&inputs, k);
        let mut y = Panels::new(tokens, n);
        let flops = 2.0 * (n * k * tokens) as f64;
        for _ in 0..RUNS {
            for _ in 0..RUNS {
                let started = Instant::now();
                matmul_forward(pool, &dense, &x, &mut y, &[]);
                fastest = fastest.max(flops / started.elapsed().as_secs_f64());
            }
            let ggml = fastest_f32_product([n, k, tokens], pool.threads(), RUNS)
                .map_err(|error| BenchError::Raw(error.into()))?;
            fastest = fastest.max(flops / ggml.as_secs_f64());
        }
    }
    Ok(fastest)
}

/// Stops steps at points spread over their time; the longest wait.
fn cancel_ms_max(
    trainer: &mut Trainer<'_>,
    cancels: u32,
    step_ms: f64,
) -> Result<Option<f64>, BenchError> {
    let mut longest: Option<f64> = None;
    for cancel in 1..=cancels {
        let control = Control::new();
        let stop = control.clone();
        let point =
            Duration::from_secs_f64(step_ms / 1e3 * f64::from(cancel) / f64::from(cancels + 1));
        let stopper = thread::spawn(move || {
            thread::sleep(point);
            let cancelled = Instant::now();
            stop.cancel();
            cancelled
        });
        let outcome = trainer.step(&control, |_| ());
        let ended = Instant::now();
        let cancelled = stopper.join().unwrap_or(ended);
        match outcome {
            Err(TrainError::Cancelled) => {
                let wait = ended.saturating_duration_since(cancelled).as_secs_f64() * 1e3;
                longest = Some(longest.map_or(wait, |longest| longest.max(wait)));
            }
            // The step was faster than the median and ended first.
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(longest)
}

impl Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
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
                format!(
                    "{:.0} Gflop/s, {:.2} of the fastest product's {:.0}",
                    self.useful_flops_per_s / 1e9,
                    self.useful_share_of_peak,
                    self.gemm_peak_flops_per_s / 1e9
                ),
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
        ];
        if let Some(apply) = self.apply {
            rows.push((
                "applied",
                format!(
                    "in {:.0} ms; first token {:.0} ms after a prefill's {:.0} ms",
                    apply.apply_ms, apply.apply_beyond_prefill_ms, apply.prefill_ms
                ),
            ));
        }
        if let Some(longest) = self.cancel_ms_max {
            rows.push(("cancelled", format!("within {longest:.0} ms")));
        }
        rows
    }
}

impl TuneBenchArgs {
    fn options(&self) -> TrainerOptions {
        TrainerOptions {
            objectives: match self.objective {
                ObjectiveKind::Sft => Objectives::sft(),
                ObjectiveKind::Dpo => Objectives::dpo(DpoOptions::default()),
            },
            reference: ReferencePolicy::default(),
            learning_rate: 1e-4,
            steps: self.steps + 1 + u64::from(self.cancels),
            stop_after: None,
            warm_up: 0,
            schedule: Schedule::Constant,
            clip: 1.0,
            optimizer: OptimizerOptions::default(),
            dropout: 0.0,
            seed: 1,
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
            // Every computed position predicts a token.
            ObjectiveKind::Sft => Sample::demonstration(tokens(1), tokens(self.sequence_tokens)),
            ObjectiveKind::Dpo => Sample::pair(
                tokens(self.sequence_tokens / 2),
                tokens(self.sequence_tokens / 4),
                tokens(self.sequence_tokens / 4),
            ),
        }
    }
}
