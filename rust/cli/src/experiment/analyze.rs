//! `experiment analyze`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{Decision, Forecast, Tally, decide, read_ledger};

use super::{FILE_BYTES_MAX, definition};
use crate::error::CliError;
use crate::files;
use crate::output::Output;
use crate::time;

#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    /// The experiment's definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// Events of one device, as lines of JSON; may be repeated
    #[arg(long, value_name = "FILE")]
    ledger: Vec<PathBuf>,
    /// Counts of one device; may be repeated
    #[arg(long, value_name = "FILE")]
    summary: Vec<PathBuf>,
    /// Write all counts together
    #[arg(long, value_name = "FILE")]
    summary_out: Option<PathBuf>,
    /// The moment of the verdict [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &AnalyzeArgs, output: &Output) -> Result<ExitCode, CliError> {
    if args.ledger.is_empty() && args.summary.is_empty() {
        return Err(CliError::Usage("analyze needs --ledger or --summary"));
    }
    let definition = definition(&args.definition)?;
    let mut tally = Tally::new(&definition);
    let mut ended = false;
    for path in &args.ledger {
        let lines = files::read_text("ledger", path)?;
        let recorder = read_ledger(&definition, &lines, |_| ())?;
        tally.merge(recorder.tally())?;
        ended |= recorder.ended();
    }
    for path in &args.summary {
        let json = files::read_bytes("summary", path, FILE_BYTES_MAX)?;
        tally.merge(&Tally::parse(&json, &definition)?)?;
    }
    if let Some(path) = &args.summary_out {
        let json = serde_json::to_vec(&tally).unwrap_or_default();
        files::write_whole(path, &json)?;
    }
    let now = args.at.unwrap_or_else(pocketune_core::now);
    let decision = decide(&definition, &tally, now.unix_seconds(), ended)?;
    if output.json {
        output.json(&decision)?;
    } else {
        output.text(&table(&decision))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(decision: &Decision) -> String {
    let mut text = format!("{}\n", decision.sentence);
    let [incumbent, challenger] = decision.exposures;
    let _ = writeln!(text, "exposures: {incumbent} and {challenger}");
    let _ = writeln!(
        text,
        "{}",
        match decision.forecast {
            Forecast::Unknown => "how much longer: unknown".to_owned(),
            Forecast::MoreOutcomes(0) => "no more outcomes needed".to_owned(),
            Forecast::MoreOutcomes(more) => format!("about {more} more outcomes to a verdict"),
            Forecast::BeyondLimit => "no verdict within the limit, as it looks".to_owned(),
        }
    );
    for metric in &decision.metrics {
        let of_100 = |share: Option<f64>| {
            share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share))
        };
        let [incumbent, challenger] = metric.means;
        let _ = writeln!(
            text,
            "  {:16} {:>5} outcomes  {:>6} → {:>6}  effect {:>6} ({:+.1} to {:+.1}) points",
            metric.measure.name(),
            metric.outcomes,
            of_100(incumbent),
            of_100(challenger),
            of_100(metric.effect),
            100.0 * metric.interval.low,
            100.0 * metric.interval.high
        );
    }
    text
}
