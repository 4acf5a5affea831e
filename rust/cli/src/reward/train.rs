//! `reward train`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use pocketune_judge::reward::{Fit, RewardReport, TrainingOptions, train};
use serde::Serialize;

use super::{data, features, report};
use crate::args::EngineArgs;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{Places, write};
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Preference pairs (JSON Lines); repeatable
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
    /// Output file of the reward model's head
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Minimum number of comparisons; fewer are refused
    #[arg(long, default_value_t = 20, value_name = "N")]
    minimum: usize,
    /// Number of cross-validation folds
    #[arg(long, default_value_t = 5, value_name = "N")]
    folds: usize,
    /// Random seed of the fold assignment
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

#[derive(Debug, Serialize)]
struct TrainedHead<'a> {
    features_s: f64,
    training_s: f64,
    head_bytes: usize,
    fit: &'a Fit,
    /// Of comparisons while they were held out.
    report: &'a RewardReport,
}

pub(super) fn run(args: &TrainArgs, output: &Output) -> Result<ExitCode, CliError> {
    let model = files::model_path(args.engine.model.model.as_deref()).ok();
    let mut places = Places::beside(args.data.iter().chain(&model));
    let out = places.personal("--out", &args.out)?;
    let preferences = data::read(&args.data)?;
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let started = Instant::now();
    let comparisons = features(&engine, &preferences, args.minimum, output)?;
    let features_s = started.elapsed().as_secs_f64();
    let options = TrainingOptions {
        seed: args.seed,
        folds: args.folds,
        ..TrainingOptions::default()
    };
    let source = engine.feature_source()?;
    let started = Instant::now();
    let trained = train(&comparisons, source, &options)?;
    let training_s = started.elapsed().as_secs_f64();
    let bytes = trained.head.to_gguf()?;
    write(&out, &bytes)?;
    if output.json {
        output.json(&TrainedHead {
            features_s,
            training_s,
            head_bytes: bytes.len(),
            fit: &trained.fit,
            report: &trained.report,
        })?;
    } else {
        let cost = format!(
            "features {features_s:.1} s, training {:.0} ms, head {} bytes\n",
            1000.0 * training_s,
            bytes.len()
        );
        output.text(&(report::table(&trained.report) + &cost))?;
    }
    Ok(ExitCode::SUCCESS)
}
