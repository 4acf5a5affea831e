//! `fit`: whether a model fits into memory, known before it is loaded.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_core::{Engine, Error, GenerationOptions, MemoryEstimate, PeakMemory, ProcessMemory};
use pocketune_terminal::RunError;
use serde::Serialize;

use crate::args::EngineArgs;
use crate::error::CliError;
use crate::estimate::EstimateReport;
use crate::files;
use crate::load;
use crate::output::{Output, human_bytes};
use crate::synthetic;

const EXAMPLES: &str = "\
Examples:
  pocketune fit --context 2048
  pocketune fit --context 8192 --kv-type q8_0 --json
  pocketune fit --context 512 --measure

Exit code 0: it fits; 1: it does not fit, or the model is not supported.";
/// Tokens generated after the prompt that fills the context.
const REPLY_TOKENS: u32 = 8;

/// Estimate a model's memory use and whether it fits
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FitArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Load the model, fill its context and compare the estimate with the measured peak
    #[arg(long)]
    measure: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    estimate: EstimateReport,
    #[serde(flatten)]
    measured: Option<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    measured_peak_rss_bytes: u64,
    measured_peak_anonymous_bytes: u64,
    /// Tokens that were in the context at the end.
    filled_tokens: u32,
    /// Estimate over measured peak.
    ratio: f64,
}

pub(crate) fn run(args: &FitArgs, output: &Output) -> Result<ExitCode, CliError> {
    let source = files::model_source(args.engine.model.model.as_deref())?;
    let options = args.engine.options();
    let (estimate, measured) = if args.measure {
        // Loading makes the estimate itself: one made before it would leave
        // memory behind that is not the engine's.
        match measure(args, output) {
            Ok((estimate, measured)) => (estimate, Some(measured)),
            Err(CliError::Run(RunError::Core(Error::OutOfMemory { .. }))) => {
                (Engine::estimate(&source, &options)?, None)
            }
            Err(error) => return Err(error),
        }
    } else {
        (Engine::estimate(&source, &options)?, None)
    };
    let report = Report {
        estimate: EstimateReport::from(&estimate),
        measured,
    };
    if output.json {
        output.json(&report)?;
    } else {
        output.rows(&report.rows())?;
    }
    Ok(if report.estimate.fits {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure(args: &FitArgs, output: &Output) -> Result<(MemoryEstimate, Measured), CliError> {
    if ProcessMemory::now().is_none() {
        return Err(RunError::NoMemoryFigures.into());
    }
    let memory = PeakMemory::watch();
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let estimate = engine.memory_estimate();
    let waiting = output.spinner("filling the context");
    let filled_tokens = fill(&engine, estimate.context_tokens)?;
    waiting.finish_and_clear();
    let peak = memory.peak();
    let measured = Measured {
        measured_peak_rss_bytes: peak.rss_bytes,
        measured_peak_anonymous_bytes: peak.anonymous_bytes,
        filled_tokens,
        ratio: estimate.required_bytes() as f64 / peak.rss_bytes as f64,
    };
    Ok((estimate, measured))
}

/// Reads a prompt that leaves room for a few tokens, and generates those.
fn fill(engine: &Engine, context_tokens: u32) -> Result<u32, CliError> {
    let prompt_tokens = context_tokens.saturating_sub(REPLY_TOKENS) as usize;
    let prompt = synthetic::prompt(engine, prompt_tokens, 0)?;
    let options = GenerationOptions {
        max_tokens: REPLY_TOKENS,
        sampling: synthetic::endless_greedy(engine),
        ..GenerationOptions::default()
    };
    let reply = engine.complete(prompt, &options)?.finish()?;
    Ok(reply.prompt_tokens + reply.generated_tokens)
}

impl Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = self.estimate.rows();
        if let Some(measured) = &self.measured {
            rows.push((
                "measured peak",
                human_bytes(measured.measured_peak_rss_bytes),
            ));
            rows.push((
                "  of it anonymous",
                human_bytes(measured.measured_peak_anonymous_bytes),
            ));
            rows.push(("filled", format!("{} tokens", measured.filled_tokens)));
            rows.push(("estimate/measured", format!("{:.3}", measured.ratio)));
        }
        rows
    }
}
