//! `bench`: how fast the engine is, beside the same work straight through llama.cpp.

mod busy;
mod ours;
mod raw;
mod report;

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use pocketune_core::{CandidateAdapter, EngineOptions, ModelSource, PeakMemory, default_threads};
use pocketune_terminal::args::{KvType, ModelArgs};
use pocketune_terminal::candidate::ChangeArgs;
use pocketune_terminal::files;
use pocketune_terminal::load;
use pocketune_terminal::output::Output;

use crate::error::BenchError;
use ours::Ours;
use raw::{Raw, RawModel};
use report::Report;

const EXAMPLES: &str = "\
Examples:
  pocketune bench
  pocketune bench --prompt-tokens 128 --decode-tokens 32 --repetitions 3 --json
  pocketune bench --neighbours 2
  pocketune bench --candidate brief.gguf

Pocketune and plain llama.cpp take turns in one process with the same prompts, context,
batch sizes, threads and KV cache type. Ratios are medians over pairs of runs. Run nothing
else on the machine while measuring. With --candidate or --store both apply the adapter.";

/// Benchmark prefill, decoding and memory against plain llama.cpp
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    change: ChangeArgs,
    /// Number of threads [default: the performance cores, at most 4]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=64))]
    threads: Option<u32>,
    /// Data type of the KV cache
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    kv_type: KvType,
    /// Prompt length in tokens
    #[arg(long, default_value_t = 512, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=65_536))]
    prompt_tokens: u32,
    /// Number of tokens to generate
    #[arg(long, default_value_t = 64, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(2..=65_536))]
    decode_tokens: u32,
    /// Number of pairs of runs
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=101))]
    repetitions: u32,
    /// Measure again while this many other processes each keep a core busy
    #[arg(long, default_value_t = 0, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(0..=64))]
    neighbours: u32,
}

/// What both sides do alike.
#[derive(Debug, Clone)]
struct Work {
    prompt_tokens: u32,
    decode_tokens: u32,
    context_tokens: u32,
    threads: u32,
    options: EngineOptions,
    candidate: Option<CandidateAdapter>,
}

/// One prompt read and its reply generated.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    first_token: Duration,
    /// From the first token to the last one.
    decode: Duration,
    prompt_tokens: u32,
    generated_tokens: u32,
    text: String,
}

impl Run {
    fn prefill_tokens_per_s(&self) -> f64 {
        f64::from(self.prompt_tokens) / self.first_token.as_secs_f64()
    }

    fn decode_tokens_per_s(&self) -> f64 {
        f64::from(self.generated_tokens.saturating_sub(1)) / self.decode.as_secs_f64()
    }
}

/// When a run ends early, with the tokens it has.
type Deadline = Option<Instant>;

pub(crate) fn run(args: &BenchArgs, output: &Output) -> Result<ExitCode, BenchError> {
    let mut work = args.work();
    let path = files::model_path(args.model.model.as_deref())?;
    warn_if_busy(work.threads, output);

    // Our memory is watched before the other side occupies any.
    let memory = PeakMemory::watch();
    let started = Instant::now();
    let source = ModelSource::Path(path.clone());
    let engine = load::engine_with(&source, &work.options, output, &AtomicBool::new(false))?;
    let load = started.elapsed();
    let steps = 2 * u64::from(args.repetitions + 1);
    let bar = output.progress("measuring", steps);
    work.candidate = args.change.read(&engine)?;
    let mut ours = Ours::new(&engine, &work)?;
    ours.run(0, None)?;
    let peak = memory.peak();
    drop(memory);
    bar.inc(1);

    let mut model = RawModel::load(&path, &work)?;
    let raw_load = model.load_time();
    let mut raw = Raw::new(&mut model, &engine, &work)?;
    raw.run(&ours.prompt(0)?, None)?;
    bar.inc(1);
    let mut pairs = Vec::new();
    for repetition in 1..=args.repetitions {
        let pair = pair(&mut ours, &mut raw, repetition, None)?;
        pairs.push(pair);
        bar.inc(2);
    }
    bar.finish_and_clear();
    let busy = match args.neighbours {
        0 => None,
        count => Some(busy::run(&mut ours, &mut raw, &pairs, count, output)?),
    };
    let report = Report::new(&engine, &work, load, raw_load, peak, &pairs, busy);
    if output.json {
        output.json(&report)?;
    } else {
        output.text(&report.table(&load::title(engine.facts())))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same prompt through both sides, one right after the other. The order
/// alternates, so that a machine that grows faster or slower favours neither.
fn pair(
    ours: &mut Ours<'_>,
    raw: &mut Raw<'_>,
    repetition: u32,
    limit: Option<Duration>,
) -> Result<(Run, Run), BenchError> {
    let deadline = || limit.map(|limit| Instant::now() + limit);
    let prompt = ours.prompt(repetition)?;
    let (our_run, raw_run) = if repetition % 2 == 1 {
        let our_run = ours.run(repetition, deadline())?;
        (our_run, raw.run(&prompt, deadline())?)
    } else {
        let raw_run = raw.run(&prompt, deadline())?;
        (ours.run(repetition, deadline())?, raw_run)
    };
    expect(
        "prompt tokens",
        raw_run.prompt_tokens,
        our_run.prompt_tokens,
    )?;
    Ok((our_run, raw_run))
}

fn expect(what: &'static str, expected: u32, got: u32) -> Result<(), BenchError> {
    if expected == got {
        return Ok(());
    }
    Err(BenchError::UnequalWork {
        what,
        expected,
        got,
    })
}

impl BenchArgs {
    fn work(&self) -> Work {
        let context_tokens = (self.prompt_tokens + self.decode_tokens).next_multiple_of(256);
        let threads = self.threads.unwrap_or_else(default_threads);
        Work {
            prompt_tokens: self.prompt_tokens,
            decode_tokens: self.decode_tokens,
            context_tokens,
            threads,
            options: EngineOptions {
                context_tokens: Some(context_tokens),
                threads: Some(threads),
                kv_cache_type: self.kv_type.into(),
                ..EngineOptions::default()
            },
            candidate: None,
        }
    }
}

/// Figures taken beside other work mean little; the load average lags by a minute.
fn warn_if_busy(threads: u32, output: &Output) {
    let load = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    if let Some(load) = load
        && load > 0.5 * f64::from(threads)
    {
        output.note(&format!(
            "note: this machine was busy in the last minute (load {load}); do not trust the figures"
        ));
    }
}
