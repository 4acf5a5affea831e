//! How often the statistics of experiments are wrong when they are looked at after every
//! observation, and how long they take to be right.
//!
//!     cargo run --release --package pocketune-tests --example peeking [EXPERIMENTS [STREAMS]]
//!
//! 10,000 experiments of 2,000 observations a line unless told otherwise (some minutes).
//! Exits with 1 where an error rate is above 5 %, or where a test needs more than twice
//! what its fixed-sample counterpart does. Given a folder, writes the first 2,000 streams of
//! each line on power there for `tests/reference/gbstats_power.py`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use pocketune_judge::experiment::{
    Definition, ExperimentError, Measure, Outcomes, Verdict, World, simulate,
};
use pocketune_judge::stats::{
    Arm, Design, EProcess, EmpiricalBernstein, Observation, Side, log_multinomial_e, picks_needed,
    rate_outcomes_needed,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::json;

const OBSERVATIONS: u64 = 2_000;
const ALPHA: f64 = 0.05;
const STREAMS: u64 = 2_000;

/// One simulated stream of observations, and what a test makes of it.
trait Test: Sync {
    /// The first observation at which it claims something, within so many.
    fn claims_at(&self, random: &mut Random, observations: u64) -> Option<u64>;
}

struct Random(ChaCha8Rng);

impl Random {
    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn happens(&mut self, rate: f64) -> bool {
        self.uniform() < rate
    }
}

/// The two-sided test of an effect, on whatever this draws.
struct Effect<F> {
    design: Design,
    draw: F,
}

impl<F: Fn(&mut Random) -> Observation + Sync> Test for Effect<F> {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Option<u64> {
        let mut sides =
            [Side::Above, Side::Below].map(|side| EProcess::new(self.design, 0.0, side));
        (1..=observations).find(|_| {
            let observation = (self.draw)(random);
            sides.iter_mut().any(|side| {
                side.add(observation, 1.0);
                side.log_e() >= (2.0 / ALPHA).ln()
            })
        })
    }
}

struct SampleRatio {
    share: f64,
}

impl Test for SampleRatio {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Option<u64> {
        let mut counts = [0, 0];
        (1..=observations).find(|_| {
            counts[usize::from(random.happens(self.share))] += 1;
            let shares = [1.0 - self.share, self.share];
            log_multinomial_e(&counts, &shares, 100.0) >= (1.0 / ALPHA).ln()
        })
    }
}

/// A claim is an interval that misses the mean.
struct Mean<F> {
    mean: f64,
    draw: F,
}

impl<F: Fn(&mut Random) -> f64 + Sync> Test for Mean<F> {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Option<u64> {
        let mut sequence = EmpiricalBernstein::new(ALPHA);
        (1..=observations).find(|_| {
            sequence.add((self.draw)(random));
            let interval = sequence.interval();
            !(interval.low..=interval.high).contains(&self.mean)
        })
    }
}

/// The whole procedure: a claim is any end but that by a limit.
struct Procedure {
    definition: Definition,
    world: World,
}

impl Test for Procedure {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Option<u64> {
        let seed = random.0.next_u64();
        let end = simulate(&self.definition, &self.world, observations, seed).ok()?;
        let limit = end.exposures >= observations && end.verdict == Verdict::Inconclusive;
        (end.verdict != Verdict::KeepGoing && !limit).then_some(end.exposures)
    }
}

/// When each of so many experiments claims something.
fn run(test: &dyn Test, experiments: u64, observations: u64) -> Vec<Option<u64>> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = |thread: u64| {
        (thread..experiments).step_by(threads as usize).map(|seed| {
            let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
            test.claims_at(&mut random, observations)
        })
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || each(thread).collect::<Vec<_>>()))
            .collect();
        let ended = workers.into_iter().flat_map(|worker| worker.join());
        ended.flatten().collect()
    })
}

fn pick(challenger: f64, incumbent: f64) -> impl Fn(&mut Random) -> Observation + Sync {
    move |random| {
        let place = random.uniform();
        Observation::Difference(if place < challenger {
            1.0
        } else if place < challenger + incumbent {
            -1.0
        } else {
            0.0
        })
    }
}

fn rate(incumbent: f64, challenger: f64, share: f64) -> impl Fn(&mut Random) -> Observation + Sync {
    move |random| {
        let (arm, rate) = match random.happens(share) {
            true => (Arm::Challenger, challenger),
            false => (Arm::Incumbent, incumbent),
        };
        Observation::Outcome(arm, f64::from(u8::from(random.happens(rate))))
    }
}

fn split(challenger_share: f64) -> Design {
    Design::Split { challenger_share }
}

fn definition(
    design: &str,
    primary: &str,
    others: &[(&str, &str)],
) -> Result<Definition, ExperimentError> {
    let mut metrics = vec![json!({ "measure": primary, "role": "primary" })];
    for (measure, role) in others {
        metrics.push(json!({ "measure": measure, "role": role }));
    }
    let json = json!({
        "format": 1, "id": "peeking", "hypothesis": "None.", "design": design,
        "salt": "peeking",
        "arms": { "incumbent": { "name": "a" }, "challenger": { "name": "b" } },
        "metrics": metrics,
        "limits": { "maxOutcomes": OBSERVATIONS, "maxDays": 1 },
    });
    Definition::parse(json.to_string().as_bytes())
}

fn procedure(
    design: &str,
    rates: &[(Measure, f64)],
    roles: [&str; 3],
) -> Result<Procedure, ExperimentError> {
    let names: Vec<&str> = rates.iter().map(|(measure, _)| measure.name()).collect();
    let others: Vec<_> = names.iter().copied().skip(1).zip(roles).collect();
    let rates = rates.iter().map(|&(measure, rate)| (measure, [rate, rate]));
    Ok(Procedure {
        definition: definition(design, names.first().copied().unwrap_or_default(), &others)?,
        world: World {
            outcomes: Outcomes::Rates(rates.collect::<BTreeMap<_, _>>()),
            challenger_share: 0.5,
        },
    })
}

/// Whether every error rate is within 5 %.
fn errors(experiments: u64) -> Result<bool, ExperimentError> {
    use Measure::{CriticScore, Pick, Refusal, RewardScore, Thumb, TokensPerS};
    let roles = ["secondary", "guardrail", "guardrail"];
    let graded = |random: &mut Random| Observation::Difference(random.uniform() - random.uniform());
    let lines: Vec<(&str, Box<dyn Test>)> = vec![
        ("picks", effect(Design::Paired, pick(0.5, 0.5))),
        ("picks, 40 % ties", effect(Design::Paired, pick(0.3, 0.3))),
        ("graded differences", effect(Design::Paired, graded)),
        ("rates of 50 %", effect(split(0.5), rate(0.5, 0.5, 0.5))),
        ("rates of 5 %", effect(split(0.5), rate(0.05, 0.05, 0.5))),
        (
            "rates of 30 %, weights 8:2",
            effect(split(0.2), rate(0.3, 0.3, 0.2)),
        ),
        ("sample ratio 1:1", Box::new(SampleRatio { share: 0.5 })),
        ("sample ratio 8:2", Box::new(SampleRatio { share: 0.2 })),
        (
            "empirical Bernstein, coin",
            Box::new(Mean {
                mean: 0.3,
                draw: |random: &mut Random| f64::from(u8::from(random.happens(0.3))),
            }),
        ),
        (
            "empirical Bernstein, uniform",
            Box::new(Mean {
                mean: 0.5,
                draw: Random::uniform,
            }),
        ),
        (
            "procedure, side by side",
            Box::new(procedure(
                "side_by_side",
                &[
                    (Pick, 0.5),
                    (CriticScore, 0.7),
                    (Refusal, 0.1),
                    (TokensPerS, 0.5),
                ],
                roles,
            )?),
        ),
        (
            "procedure, by conversation",
            Box::new(procedure(
                "by_conversation",
                &[
                    (Thumb, 0.6),
                    (RewardScore, 0.5),
                    (Refusal, 0.1),
                    (TokensPerS, 0.5),
                ],
                roles,
            )?),
        ),
    ];
    println!("wrong claims of {experiments} experiments, each looked at {OBSERVATIONS} times");
    let mut good = true;
    for (name, test) in lines {
        let ends = run(&*test, experiments, OBSERVATIONS);
        let wrong = ends.iter().flatten().count() as f64 / experiments as f64;
        good &= wrong <= ALPHA;
        println!("  {name:30} {:6.2} %", 100.0 * wrong);
    }
    Ok(good)
}

fn effect<F>(design: Design, draw: F) -> Box<dyn Test>
where
    F: Fn(&mut Random) -> Observation + Sync + 'static,
{
    Box::new(Effect { design, draw })
}

/// Whether every test needs at most twice the fixed sample on average.
fn power(experiments: u64, streams: Option<&Path>) -> Result<bool, Box<dyn Error>> {
    println!("observations until the difference is found, on average");
    println!(
        "  {:30} {:>8} {:>8} {:>6} {:>8}",
        "", "ours", "fixed", "ratio", "found"
    );
    let mut good = true;
    for points in [10, 20] {
        let difference = f64::from(points) / 100.0;
        let share = 0.5 + difference / 2.0;
        let picks = effect(Design::Paired, pick(share, 1.0 - share));
        let rates = effect(split(0.5), rate(0.5, 0.5 + difference, 0.5));
        let fixed_picks = picks_needed(share, ALPHA, 0.8);
        let fixed_rates = rate_outcomes_needed(0.5, 0.5 + difference, ALPHA, 0.8);
        for (name, test, fixed) in [("picks", picks, fixed_picks), ("rates", rates, fixed_rates)] {
            let most = (10.0 * fixed) as u64;
            let ends = run(&*test, experiments, most);
            let mean = ends
                .iter()
                .map(|end| end.unwrap_or(most) as f64)
                .sum::<f64>()
                / experiments as f64;
            let found = ends.iter().flatten().count() as f64 / experiments as f64;
            good &= mean <= 2.0 * fixed;
            println!(
                "  {:30} {mean:8.0} {fixed:8.0} {:6.2} {:6.1} %",
                format!("{name}, {points} points"),
                mean / fixed,
                100.0 * found
            );
        }
        if let Some(folder) = streams {
            fs::create_dir_all(folder)?;
            let draw = rate(0.5, 0.5 + difference, 0.5);
            write_streams(&folder.join(format!("rates-{points}")), &draw, fixed_rates)?;
        }
    }
    if let Some(folder) = streams {
        write_streams(&folder.join("rates-0"), &rate(0.5, 0.5, 0.5), 200.0)?;
    }
    Ok(good)
}

/// A byte an observation: 2 for the challenger, 1 for a hit. The streams that `run` draws.
fn write_streams(
    file: &Path,
    draw: &dyn Fn(&mut Random) -> Observation,
    fixed: f64,
) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    for seed in 0..STREAMS {
        let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
        for _ in 0..(10.0 * fixed) as u64 {
            bytes.push(match draw(&mut random) {
                Observation::Outcome(arm, hit) => 2 * u8::from(arm == Arm::Challenger) + hit as u8,
                Observation::Difference(_) => 0,
            });
        }
    }
    Ok(fs::write(file, bytes)?)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let experiments = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let streams = arguments.next().map(PathBuf::from);
    let right = errors(experiments)?;
    let fast = power(experiments, streams.as_deref())?;
    println!("{}", if right && fast { "PASS" } else { "FAIL" });
    Ok(match right && fast {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
