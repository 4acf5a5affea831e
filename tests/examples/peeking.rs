//! How often the statistics of experiments are wrong when they are looked at after every
//! observation, and how long they take to be right.
//!
//!     cargo run --release --package pocketune-tests --example peeking [EXPERIMENTS [STREAMS]]
//!
//! 10,000 experiments of 2,000 observations a line unless told otherwise (some minutes).
//! Exits with 1 where an error rate is above 5 %, where a test needs more than twice what its
//! fixed-sample counterpart does, or where fewer than nine of ten experiments with 40 people
//! who agree are decided. Given a folder, writes the first 2,000 streams of
//! each line on power there for `tests/reference/gbstats_power.py`.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use pocketune_judge::experiment::{
    Crowd, Definition, ExperimentError, Measure, Outcomes, Rollout, Verdict, World, simulate,
    simulate_people,
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
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed;
}

type Claimed = Result<Option<u64>, ExperimentError>;

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
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed {
        let mut sides = two_sides(self.design);
        Ok((1..=observations).find(|_| claims(&mut sides, (self.draw)(random))))
    }
}

fn two_sides(design: Design) -> [EProcess; 2] {
    [Side::Above, Side::Below].map(|side| EProcess::new(design, 0.0, side))
}

/// Whether either side claims a difference after this observation.
fn claims(sides: &mut [EProcess; 2], observation: Observation) -> bool {
    for side in &mut *sides {
        side.add(observation, 1.0);
    }
    sides.iter().any(|side| side.reaches((2.0 / ALPHA).ln()))
}

/// Two arms of one rate, whose outcomes come so many exposures late: incumbent, challenger.
struct Late {
    rate: f64,
    exposures: [u64; 2],
}

impl Test for Late {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed {
        let mut sides = two_sides(Design::Split);
        // Outcomes on their way, each with the exposure at which it comes.
        let mut coming = [const { VecDeque::new() }; 2];
        Ok((1..=observations).find(|&now| {
            let arm = match random.happens(0.5) {
                true => Arm::Challenger,
                false => Arm::Incumbent,
            };
            let outcome = f64::from(u8::from(random.happens(self.rate)));
            let due = now + arm.of(self.exposures);
            let of_arm = arm.of(coming.each_mut());
            of_arm.push_back((due, Observation::Outcome(arm, outcome)));
            let mut claimed = false;
            for of_arm in &mut coming {
                // At most one exposure an arm is due at once: each adds one.
                if of_arm.front().is_some_and(|(due, _)| *due <= now)
                    && let Some((_, it)) = of_arm.pop_front()
                {
                    claimed |= claims(&mut sides, it);
                }
            }
            claimed
        }))
    }
}

struct SampleRatio {
    share: f64,
}

impl Test for SampleRatio {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed {
        let mut counts = [0, 0];
        Ok((1..=observations).find(|_| {
            counts[usize::from(random.happens(self.share))] += 1;
            let shares = [1.0 - self.share, self.share];
            log_multinomial_e(&counts, &shares, 100.0) >= (1.0 / ALPHA).ln()
        }))
    }
}

/// Picks of one person after the other, each of whom prefers one arm or the other with the
/// same chance, added up as if they were one person's: nothing is better for people at large,
/// but picks of one person are correlated.
struct Sum {
    picks_each: u64,
    people: u64,
    share: f64,
}

impl Test for Sum {
    fn claims_at(&self, random: &mut Random, _observations: u64) -> Claimed {
        let mut sides = two_sides(Design::Paired);
        let mut share = 0.5;
        Ok((0..self.people * self.picks_each).find(|pick| {
            if pick % self.picks_each == 0 {
                share = match random.happens(0.5) {
                    true => self.share,
                    false => 1.0 - self.share,
                };
            }
            let picked = if random.happens(share) { 1.0 } else { -1.0 };
            claims(&mut sides, Observation::Difference(picked))
        }))
    }
}

/// Groups of people who prefer nothing, each person counting by the mean so far: looked at when
/// a group has picked once, and again when it has picked often.
struct MeanSoFar {
    groups: u64,
    people_each: u64,
    picks_each: u64,
}

impl Test for MeanSoFar {
    fn claims_at(&self, random: &mut Random, _observations: u64) -> Claimed {
        let mut settled = two_sides(Design::Paired);
        Ok((1..=self.groups).find(|_| {
            let mut joined = settled.clone();
            let mut claimed = false;
            for _ in 0..self.people_each {
                let mut pick = || if random.happens(0.5) { 1.0 } else { -1.0 };
                let first = pick();
                let others: f64 = (1..self.picks_each).map(|_| pick()).sum();
                claimed |= claims(&mut joined, Observation::Difference(first));
                let mean = (first + others) / self.picks_each as f64;
                claims(&mut settled, Observation::Difference(mean));
            }
            claimed || settled.iter().any(|side| side.reaches((2.0 / ALPHA).ln()))
        }))
    }
}

/// The whole procedure over several people, looked at after every pick on any device.
struct People {
    definition: Definition,
    world: World,
    crowd: Crowd,
    /// The claim that is looked for; any where there is none.
    claim: Option<Verdict>,
}

impl Test for People {
    /// The number of people who counted at the claim.
    fn claims_at(&self, random: &mut Random, _observations: u64) -> Claimed {
        let seed = random.0.next_u64();
        let end = simulate_people(&self.definition, &self.world, self.crowd, seed)?;
        let claimed = match self.claim {
            Some(claim) => end.verdict == claim,
            None => end.verdict != Verdict::KeepGoing,
        };
        Ok(claimed.then_some(end.people))
    }
}

/// A claim is an interval that misses the mean.
struct Mean<F> {
    mean: f64,
    draw: F,
}

impl<F: Fn(&mut Random) -> f64 + Sync> Test for Mean<F> {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed {
        let mut sequence = EmpiricalBernstein::new(ALPHA);
        Ok((1..=observations).find(|_| {
            sequence.add((self.draw)(random));
            let interval = sequence.interval();
            !(interval.low..=interval.high).contains(&self.mean)
        }))
    }
}

/// The whole procedure.
struct Procedure {
    definition: Definition,
    world: World,
    /// Which ends are wrong.
    wrong: fn(&Rollout) -> bool,
}

impl Test for Procedure {
    fn claims_at(&self, random: &mut Random, observations: u64) -> Claimed {
        let seed = random.0.next_u64();
        let end = simulate(&self.definition, &self.world, observations, seed)?;
        Ok((self.wrong)(&end).then_some(end.exposures))
    }
}

/// Where arms are alike, any end but that by a limit.
fn any_claim(end: &Rollout) -> bool {
    let limit = end.exposures >= OBSERVATIONS && end.verdict == Verdict::Inconclusive;
    end.verdict != Verdict::KeepGoing && !limit
}

fn promotion(end: &Rollout) -> bool {
    end.verdict == Verdict::Promote
}

/// When each of so many experiments claims something. A thread that panics ends all: what
/// did not run has claimed nothing wrong either.
fn run(
    test: &dyn Test,
    experiments: u64,
    observations: u64,
) -> Result<Vec<Option<u64>>, ExperimentError> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = |thread: u64| {
        (thread..experiments).step_by(threads as usize).map(|seed| {
            let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
            test.claims_at(&mut random, observations)
        })
    };
    let ends = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || each(thread).collect::<Vec<_>>()))
            .collect();
        let ended = workers.into_iter().flat_map(|worker| {
            let joined = worker.join();
            joined.unwrap_or_else(|reason| panic::resume_unwind(reason))
        });
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    assert_eq!(
        ends.len() as u64,
        experiments,
        "every experiment has an end"
    );
    Ok(ends)
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
    rates: &[(Measure, [f64; 2])],
    roles: &[&str],
    wrong: fn(&Rollout) -> bool,
) -> Result<Procedure, ExperimentError> {
    let names: Vec<&str> = rates.iter().map(|(measure, _)| measure.name()).collect();
    let roles = roles.iter().copied();
    let others: Vec<_> = names.iter().copied().skip(1).zip(roles).collect();
    Ok(Procedure {
        definition: definition(design, names.first().copied().unwrap_or_default(), &others)?,
        world: World {
            outcomes: Outcomes::Rates(rates.iter().copied().collect::<BTreeMap<_, _>>()),
            challenger_share: 0.5,
        },
        wrong,
    })
}

/// Whether every error rate is within 5 %.
fn errors(experiments: u64) -> Result<bool, ExperimentError> {
    use Measure::{CriticScore, Pick, Refusal, RewardScore, Thumb, TokensPerS};
    let roles = &["secondary", "guardrail", "guardrail"];
    let equal = |rate: f64| [rate, rate];
    let graded = |random: &mut Random| Observation::Difference(random.uniform() - random.uniform());
    let lines: Vec<(&str, Box<dyn Test>)> = vec![
        ("picks", effect(Design::Paired, pick(0.5, 0.5))),
        ("picks, 40 % ties", effect(Design::Paired, pick(0.3, 0.3))),
        ("graded differences", effect(Design::Paired, graded)),
        ("rates of 50 %", effect(Design::Split, rate(0.5, 0.5, 0.5))),
        ("rates of 5 %", effect(Design::Split, rate(0.05, 0.05, 0.5))),
        (
            "rates of 30 %, weights 8:2",
            effect(Design::Split, rate(0.3, 0.3, 0.2)),
        ),
        // Of the outcomes that come, 15 / (10 + 15) are the challenger's.
        (
            "rates of 90 %, given by 10 and 15 %",
            effect(Design::Split, rate(0.9, 0.9, 0.6)),
        ),
        (
            "rates of 90 %, given by 2 and 38 %",
            effect(Design::Split, rate(0.9, 0.9, 0.95)),
        ),
        (
            "rates of 90 %, 0 and 40 late",
            Box::new(Late {
                rate: 0.9,
                exposures: [0, 40],
            }),
        ),
        (
            "rates of 50 %, 200 and 0 late",
            Box::new(Late {
                rate: 0.5,
                exposures: [200, 0],
            }),
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
                    (Pick, equal(0.5)),
                    (CriticScore, equal(0.7)),
                    (Refusal, equal(0.1)),
                    (TokensPerS, equal(0.5)),
                ],
                roles,
                any_claim,
            )?),
        ),
        (
            "procedure, by conversation",
            Box::new(procedure(
                "by_conversation",
                &[
                    (Thumb, equal(0.6)),
                    (RewardScore, equal(0.5)),
                    (Refusal, equal(0.1)),
                    (TokensPerS, equal(0.5)),
                ],
                roles,
                any_claim,
            )?),
        ),
        // Better, with a guardrail worse by its margin of 5 points: no promotion is right.
        (
            "guardrail at its margin, side by side",
            Box::new(procedure(
                "side_by_side",
                &[(Pick, [0.25, 0.65]), (Refusal, [0.02, 0.07])],
                &["guardrail"],
                promotion,
            )?),
        ),
        (
            "guardrail at its margin, by conversation",
            Box::new(procedure(
                "by_conversation",
                &[(Thumb, [0.5, 0.8]), (Refusal, [0.02, 0.07])],
                &["guardrail"],
                promotion,
            )?),
        ),
    ];
    println!("wrong claims of {experiments} experiments, each looked at {OBSERVATIONS} times");
    let mut good = true;
    for (name, test) in lines {
        let ends = run(&*test, experiments, OBSERVATIONS)?;
        let wrong = ends.iter().flatten().count() as f64 / experiments as f64;
        good &= wrong <= ALPHA;
        println!("  {name:42} {:6.2} %", 100.0 * wrong);
    }
    Ok(good)
}

/// Picks on a device in the world of several people, and how often people there pick the arm
/// that they prefer.
const PICKS_EACH: u64 = 40;
const PREFERRED: f64 = 0.7;

/// Whether claims about people are right where people differ, and found where they agree.
fn people(experiments: u64) -> Result<bool, ExperimentError> {
    println!("wrong claims about people who prefer either arm 70 to 30, 40 picks each");
    println!("  {:42} {:>8} {:>10}", "", "pooled", "picks summed");
    let mut good = true;
    for people in [1, 5, 20, 100] {
        let pooled = crowd(people, 0.5, None)?;
        let wrong = share(&pooled, experiments)?;
        let sum = Sum {
            picks_each: PICKS_EACH,
            people,
            share: PREFERRED,
        };
        let of_sum = share(&sum, experiments.min(1_000))?;
        good &= wrong <= ALPHA;
        let name = format!("devices: {people}");
        println!(
            "  {name:42} {:6.2} % {:8.2} %",
            100.0 * wrong,
            100.0 * of_sum
        );
    }
    for people in [20, 100] {
        let mut pooled = crowd(people, 0.5, None)?;
        pooled.definition = definition("by_conversation", "thumb", &[])?;
        let rates = BTreeMap::from([(Measure::Thumb, [1.0 - PREFERRED, PREFERRED])]);
        pooled.world.outcomes = Outcomes::Rates(rates);
        let wrong = share(&pooled, experiments)?;
        good &= wrong <= ALPHA;
        let name = format!("devices, thumbs by conversation: {people}");
        println!("  {name:42} {:6.2} %", 100.0 * wrong);
    }
    let so_far = MeanSoFar {
        groups: 50,
        people_each: 10,
        picks_each: 200,
    };
    let wrong = share(&so_far, experiments.min(1_000))?;
    let name = "means so far, 50 groups of 10: no bar";
    println!("  {name:42} {:6.2} %", 100.0 * wrong);
    println!("people who all prefer one arm 70 to 30, 40 picks each");
    for (arm, reversed, verdict) in [
        ("challenger", 0.0, Verdict::Promote),
        ("incumbent", 1.0, Verdict::RollBack),
    ] {
        let found = share(&crowd(40, reversed, verdict)?, experiments)?;
        good &= found >= 0.9;
        let name = format!("40 people decide for the {arm}");
        println!("  {name:42} {:6.2} %", 100.0 * found);
    }
    Ok(good)
}

/// How many people who agree it takes, by how many of their picks count. No bar.
fn people_needed(experiments: u64) -> Result<(), ExperimentError> {
    println!("people until half of the experiments are decided, by what counts of each");
    for share in [0.7, 0.6] {
        for person_outcomes in [1, 8, 40] {
            let mut test = crowd(500, 0.0, Verdict::Promote)?;
            test.definition.person_outcomes = Some(person_outcomes);
            let rates = BTreeMap::from([(Measure::Pick, [1.0 - share, share])]);
            test.world.outcomes = Outcomes::Rates(rates);
            let ends = run(&test, experiments.min(200), OBSERVATIONS)?;
            let mut people: Vec<u64> = ends.iter().flatten().copied().collect();
            people.sort_unstable();
            let name = format!("{:.0} % prefer it: first {person_outcomes}", 100.0 * share);
            match people.get(ends.len() / 2) {
                Some(median) => println!("  {name:42} {median:6}"),
                None => println!("  {name:42}   more than 500"),
            }
        }
    }
    Ok(())
}

fn share(test: &dyn Test, experiments: u64) -> Result<f64, ExperimentError> {
    let ends = run(test, experiments, OBSERVATIONS)?;
    Ok(ends.iter().flatten().count() as f64 / experiments as f64)
}

fn crowd(
    people: u64,
    reversed: f64,
    claim: impl Into<Option<Verdict>>,
) -> Result<People, ExperimentError> {
    let rates = [1.0 - PREFERRED, PREFERRED];
    Ok(People {
        definition: definition("side_by_side", "pick", &[])?,
        world: World {
            outcomes: Outcomes::Rates(BTreeMap::from([(Measure::Pick, rates)])),
            challenger_share: 0.5,
        },
        crowd: Crowd {
            people,
            exposures_each: PICKS_EACH,
            reversed,
        },
        claim: claim.into(),
    })
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
        let rates = effect(Design::Split, rate(0.5, 0.5 + difference, 0.5));
        let fixed_picks = picks_needed(share, ALPHA, 0.8);
        let fixed_rates = rate_outcomes_needed(0.5, 0.5 + difference, ALPHA, 0.8);
        for (name, test, fixed) in [("picks", picks, fixed_picks), ("rates", rates, fixed_rates)] {
            let most = (10.0 * fixed) as u64;
            let ends = run(&*test, experiments, most)?;
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
    // Each is measured, whatever came of the others.
    let right = [
        people(experiments)?,
        people_needed(experiments).map(|()| true)?,
        errors(experiments)?,
        power(experiments, streams.as_deref())?,
    ];
    let right = right.iter().all(|it| *it);
    println!("{}", if right { "PASS" } else { "FAIL" });
    Ok(match right {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
