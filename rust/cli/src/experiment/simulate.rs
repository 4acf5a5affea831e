//! `experiment simulate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{
    Definition, Event, Happening, Measure, Outcome, Outcomes, Rollout, Verdict, World, simulate,
    simulate_showing,
};
use serde::Serialize;

use super::evidence::{Source, definition};
use crate::error::CliError;
use crate::files;
use crate::output::Output;
use crate::time;

/// What lies between two exposures of a ledger that is made up.
const EXPOSURE_S: i64 = 3_600;

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The experiment's definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// How often an outcome is 1 in the incumbent and the challenger (of picks: how often
    /// each is picked); may be repeated
    #[arg(
        long,
        value_name = "MEASURE=INCUMBENT:CHALLENGER",
        conflicts_with = "items"
    )]
    rate: Vec<String>,
    /// Outcomes to draw from: a JSON object a line, from measures to outcomes
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// The share of exposures that the challenger gets in fact [default: as defined]
    #[arg(long, value_name = "SHARE")]
    challenger_share: Option<f64>,
    /// Experiments
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    experiments: u64,
    /// Exposures after which one is left as it stands [default: the outcome limit]
    #[arg(long, value_name = "N")]
    exposures: Option<u64>,
    /// Of the first experiment; the next has the next
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Write what happens in the first experiment, an exposure an hour, as a device would
    #[arg(long, value_name = "FILE")]
    ledger_out: Option<PathBuf>,
    /// The moment of the ledger's first exposure
    #[arg(long, value_name = "TIME", value_parser = time::parse,
          default_value = "2026-01-01T00:00:00Z")]
    ledger_start: Timestamp,
}

#[derive(Debug, Serialize)]
struct Simulated {
    experiments: u64,
    promoted: f64,
    rolled_back: f64,
    inconclusive: f64,
    still_going: f64,
    mean_exposures: f64,
}

pub(super) fn run(args: &SimulateArgs, output: &Output) -> Result<ExitCode, CliError> {
    let definition = definition(&Source::read("definition", &args.definition)?)?;
    let world = World {
        outcomes: match &args.items {
            Some(path) => Outcomes::Items(items(path)?),
            None => Outcomes::Rates(rates(&args.rate)?),
        },
        challenger_share: args.challenger_share.unwrap_or(definition.shares()[1]),
    };
    let exposures = args.exposures.unwrap_or(definition.limits.max_outcomes);
    if args.experiments == 0 {
        return Err(CliError::Usage("--experiments is at least 1"));
    }
    if let Some(path) = &args.ledger_out {
        let ledger = ledger(args, &definition, &world, exposures)?;
        files::write_whole(path, ledger.as_bytes())?;
    }
    let simulated = simulated(args, &definition, &world, exposures, output)?;
    if output.json {
        output.json(&simulated)?;
    } else {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        output.rows(&[
            ("experiments", simulated.experiments.to_string()),
            ("promoted", percent(simulated.promoted)),
            ("rolled back", percent(simulated.rolled_back)),
            ("inconclusive", percent(simulated.inconclusive)),
            ("still going", percent(simulated.still_going)),
            (
                "exposures (mean)",
                format!("{:.0}", simulated.mean_exposures),
            ),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn simulated(
    args: &SimulateArgs,
    definition: &Definition,
    world: &World,
    exposures: u64,
    output: &Output,
) -> Result<Simulated, CliError> {
    let bar = output.progress("simulating", args.experiments);
    let mut ends: Vec<Rollout> = Vec::new();
    for index in 0..args.experiments {
        let seed = args.seed.wrapping_add(index);
        ends.push(simulate(definition, world, exposures, seed)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let share = |verdict| {
        let count = ends.iter().filter(|end| end.verdict == verdict).count();
        count as f64 / args.experiments as f64
    };
    let exposures: u64 = ends.iter().map(|end| end.exposures).sum();
    Ok(Simulated {
        experiments: args.experiments,
        promoted: share(Verdict::Promote),
        rolled_back: share(Verdict::RollBack),
        inconclusive: share(Verdict::Inconclusive),
        still_going: share(Verdict::KeepGoing),
        mean_exposures: exposures as f64 / args.experiments as f64,
    })
}

/// The events of the first experiment, a line each.
fn ledger(
    args: &SimulateArgs,
    definition: &Definition,
    world: &World,
    exposures: u64,
) -> Result<String, CliError> {
    let mut lines = String::new();
    let mut at_s = args.ledger_start.unix_seconds();
    simulate_showing(definition, world, exposures, args.seed, |number, it| {
        let unit = number.to_string();
        let event = match it {
            Happening::Exposure(arm) => {
                at_s += if number == 1 { 0 } else { EXPOSURE_S };
                Event::exposure(&unit, arm, at_s)
            }
            Happening::Outcome(measure, outcome) => Event::Outcome {
                unit,
                measure,
                outcome,
                at_s,
            },
        };
        lines += &event.line();
        lines.push('\n');
    })?;
    Ok(lines)
}

fn rates(given: &[String]) -> Result<BTreeMap<Measure, [f64; 2]>, CliError> {
    let form = || CliError::Usage("--rate takes MEASURE=INCUMBENT:CHALLENGER");
    let each = given.iter().map(|text| {
        let (name, rates) = text.split_once('=').ok_or_else(form)?;
        let measure = Measure::ALL.iter().find(|measure| measure.name() == name);
        let (incumbent, challenger) = rates.split_once(':').ok_or_else(form)?;
        let rate = |text: &str| text.parse().map_err(|_| form());
        let rates = [rate(incumbent)?, rate(challenger)?];
        Ok((*measure.ok_or_else(form)?, rates))
    });
    each.collect()
}

fn items(path: &Path) -> Result<Vec<BTreeMap<Measure, Outcome>>, CliError> {
    let text = files::read_text("items", path)?;
    let lines = text.lines().enumerate();
    let filled = lines.filter(|(_, text)| !text.trim().is_empty());
    let each = filled.map(|(index, text)| {
        serde_json::from_str(text).map_err(|error| CliError::Data {
            file: path.display().to_string(),
            line: index + 1,
            reason: error.to_string(),
        })
    });
    each.collect()
}
