//! `experiment simulate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{
    Crowd, CrowdRollout, Definition, Event, Rollout, SimulatedEvent, Verdict, World, simulate,
    simulate_people, simulate_showing,
};
use serde::Serialize;

use super::evidence::{Source, definition};
use super::world;
use crate::error::CliError;
use crate::out_files::{Places, write};
use crate::output::Output;
use crate::time;

/// What lies between two exposures of a ledger that is made up.
const EXPOSURE_S: i64 = 3_600;

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Experiment definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// True rates of a measure in the incumbent and the challenger (for picks: how often each
    /// is picked), for measures from 0 to 1; repeatable
    #[arg(
        long,
        value_name = "MEASURE=INCUMBENT:CHALLENGER",
        conflicts_with = "items"
    )]
    rate: Vec<String>,
    /// Empirical outcomes to sample from (JSON Lines), mapping measures to outcomes, such as
    /// {"pick": {"pick": "challenger"}, "critic_score": {"pair": {"incumbent": 0.8,
    /// "challenger": 0.9}}}
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Actual share of exposures assigned to the challenger [default: as defined]
    #[arg(long, value_name = "SHARE")]
    challenger_share: Option<f64>,
    /// Number of simulated experiments
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    experiments: u64,
    /// Stop an experiment after this number of exposures and count it as undecided [default:
    /// the outcome limit]; with --people, per device
    #[arg(long, value_name = "N")]
    exposures: Option<u64>,
    /// Number of users, each on a device of their own and counted once [default: one device]
    #[arg(long, value_name = "N")]
    people: Option<u64>,
    /// Share of users with the arms' rates swapped: with --rate pick=0.3:0.7, 0.5 means that
    /// half of the users prefer the incumbent 70 to 30
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", requires = "people")]
    reversed: f64,
    /// Random seed of the first experiment; each further one uses the next number
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Write the ledger of the first experiment, with one exposure per hour
    #[arg(long, value_name = "FILE", conflicts_with = "people")]
    ledger_out: Option<PathBuf>,
    /// Time of the ledger's first exposure, such as 2026-11-25T07:00:00Z [default: so that
    /// the last one is now]
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "ledger_out")]
    ledger_start: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Simulated {
    experiments: u64,
    promoted: f64,
    rolled_back: f64,
    inconclusive: f64,
    still_going: f64,
    mean_exposures: f64,
    /// Who counted until the end, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_people: Option<f64>,
}

pub(super) fn run(args: &SimulateArgs, output: &Output) -> Result<ExitCode, CliError> {
    let mut places = Places::beside(args.items.iter().chain([&args.definition]));
    let ledger_file = places.optional_personal("--ledger-out", args.ledger_out.as_deref())?;
    let definition = definition(&Source::read("definition", &args.definition)?)?;
    let world = World {
        outcomes: match &args.items {
            Some(path) => world::items(path, &definition)?,
            None => world::rates(&args.rate, &definition)?,
        },
        challenger_share: args.challenger_share.unwrap_or(definition.shares()[1]),
    };
    let exposures = args.exposures.unwrap_or(definition.limits.max_outcomes);
    if args.experiments == 0 {
        return Err(CliError::usage("--experiments is at least 1"));
    }
    let simulated = simulated(args, &definition, &world, exposures, output)?;
    if let Some(file) = &ledger_file {
        let ledger = ledger(args, &definition, &world, exposures)?;
        write(file, ledger.as_bytes())?;
    }
    if output.json {
        output.json(&simulated)?;
    } else {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let mut rows = vec![
            ("experiments", simulated.experiments.to_string()),
            ("promoted", percent(simulated.promoted)),
            ("rolled back", percent(simulated.rolled_back)),
            ("inconclusive", percent(simulated.inconclusive)),
            ("still going", percent(simulated.still_going)),
            (
                "exposures (mean)",
                format!("{:.0}", simulated.mean_exposures),
            ),
        ];
        let people = simulated.mean_people.map(|mean| format!("{mean:.0}"));
        rows.extend(people.map(|mean| ("people who counted (mean)", mean)));
        output.rows(&rows)?;
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
    let crowd = args.people.map(|people| Crowd {
        people,
        exposures_each: exposures,
        reversed: args.reversed,
    });
    let mut ends: Vec<End> = Vec::new();
    for index in 0..args.experiments {
        let seed = args.seed.wrapping_add(index);
        ends.push(match crowd {
            None => simulate(definition, world, exposures, seed)?.into(),
            Some(crowd) => simulate_people(definition, world, crowd, seed)?.into(),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let share = |verdict| {
        let count = ends.iter().filter(|end| end.verdict == verdict).count();
        count as f64 / args.experiments as f64
    };
    let mean = |of: fn(&End) -> u64| {
        let sum: u64 = ends.iter().map(of).sum();
        sum as f64 / args.experiments as f64
    };
    Ok(Simulated {
        experiments: args.experiments,
        promoted: share(Verdict::Promote),
        rolled_back: share(Verdict::RollBack),
        inconclusive: share(Verdict::Inconclusive),
        still_going: share(Verdict::KeepGoing),
        mean_exposures: mean(|end| end.exposures),
        mean_people: crowd.map(|_| mean(|end| end.people)),
    })
}

/// How one experiment ended.
struct End {
    verdict: Verdict,
    exposures: u64,
    people: u64,
}

impl From<Rollout> for End {
    fn from(end: Rollout) -> Self {
        Self {
            verdict: end.verdict,
            exposures: end.exposures,
            people: 1,
        }
    }
}

impl From<CrowdRollout> for End {
    fn from(end: CrowdRollout) -> Self {
        Self {
            verdict: end.verdict,
            exposures: end.exposures,
            people: end.people,
        }
    }
}

/// The events of the first experiment, a line each.
fn ledger(
    args: &SimulateArgs,
    definition: &Definition,
    world: &World,
    exposures: u64,
) -> Result<String, CliError> {
    let mut events = Vec::new();
    let seen = simulate_showing(definition, world, exposures, args.seed, |number, it| {
        events.push((number, it));
    })?;
    let span_s = seen.exposures.saturating_sub(1) as i64 * EXPOSURE_S;
    let start_s = match args.ledger_start {
        Some(start) => start.unix_seconds(),
        None => pocketune_core::now().unix_seconds() - span_s,
    };
    let lines = events.into_iter().map(|(number, it)| {
        let unit = number.to_string();
        let at_s = start_s + (number - 1) as i64 * EXPOSURE_S;
        let event = match it {
            SimulatedEvent::Exposure(arm) => Event::exposure(&unit, arm, at_s),
            SimulatedEvent::Outcome(measure, outcome) => Event::Outcome {
                unit,
                measure,
                outcome,
                at_s,
            },
        };
        event.line() + "\n"
    });
    Ok(lines.collect())
}
