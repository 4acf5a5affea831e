//! Statistics against other implementations of the same formulas.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

use pocketune_judge::experiment::assign::{
    BucketRange, bucket_ranges, choose_variation, hash, in_namespace,
};
use pocketune_judge::stats::{
    Arm, Design, EProcess, EmpiricalBernstein, Observation, PairedCounts, Side, bootstrap_mean,
    confidence_interval, e_benjamini_hochberg, log_multinomial_e, mcnemar, picks_needed,
    rate_outcomes_needed, wilson,
};
use proptest::prelude::*;
use serde_json::Value;

fn reference(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn close(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{ours} is not {theirs}");
}

fn stream(reference: &Value, name: &str) -> Vec<f64> {
    let stream = &reference["streams"][name];
    let over = number(&stream["over"]);
    let numerators = stream["numerators"].as_array().unwrap();
    numerators.iter().map(|n| number(n) / over).collect()
}

#[test]
fn empirical_bernstein_is_that_of_confseq() {
    let reference = reference("confseq.json");
    let times = reference["times"].as_array().unwrap();
    for case in reference["empirical_bernstein"]["cases"]
        .as_array()
        .unwrap()
    {
        if case["running"].as_bool().unwrap() {
            continue;
        }
        let mut ours = EmpiricalBernstein::new(number(&reference["alpha"]));
        let mut place = 0;
        let values = stream(&reference, case["stream"].as_str().unwrap());
        for (index, value) in values.iter().enumerate() {
            ours.add(*value);
            if times[place].as_u64() == Some(index as u64 + 1) {
                close(ours.interval().low, number(&case["lower"][place]), 1e-9);
                close(ours.interval().high, number(&case["upper"][place]), 1e-9);
                place += 1;
            }
        }
        assert_eq!(place, times.len());
    }
}

#[test]
fn wealth_of_the_mixture_of_bets_is_that_of_confseq() {
    let reference = reference("confseq.json");
    let times = reference["times"].as_array().unwrap();
    for case in reference["mixture"]["cases"].as_array().unwrap() {
        // Their values in [0, 1] are our differences in [−1, 1].
        let null = 2.0 * number(&case["mean"]) - 1.0;
        let mut ours = EProcess::new(Design::Paired, null, Side::Above);
        let mut place = 0;
        let values = stream(&reference, case["stream"].as_str().unwrap());
        for (index, value) in values.iter().enumerate() {
            ours.add(Observation::Difference(2.0 * value - 1.0), 1.0);
            if times[place].as_u64() == Some(index as u64 + 1) {
                close(ours.log_e(), number(&case["log_wealth"][place]), 1e-9);
                place += 1;
            }
        }
        assert_eq!(place, times.len());
    }
}

/// Outcomes with how often they came.
type Outcomes<'a> = &'a [(f64, f64)];

fn split(incumbent: Outcomes<'_>, challenger: Outcomes<'_>) -> Vec<(Observation, f64)> {
    let of = |arm, outcomes: Outcomes<'_>| -> Vec<_> {
        let each = outcomes.iter();
        each.map(|&(outcome, count)| (Observation::Outcome(arm, outcome), count))
            .collect()
    };
    let mut all = of(Arm::Incumbent, incumbent);
    all.extend(of(Arm::Challenger, challenger));
    all
}

/// The same by looking at a great many means of the incumbent, without any short cut.
fn least_of_many(incumbent: Outcomes<'_>, challenger: Outcomes<'_>, null: f64) -> f64 {
    let fractions = [0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8, 0.97];
    let against = |outcomes: &[(f64, f64)], mean: f64| {
        let wealth = fractions.map(|fraction| {
            let gains = outcomes.iter();
            let gain = |&(y, n): &(f64, f64)| n * (1.0 + fraction * (y / mean - 1.0)).ln();
            gains.map(gain).sum::<f64>().exp()
        });
        (wealth.iter().sum::<f64>() / 9.0).ln()
    };
    let flipped: Vec<(f64, f64)> = incumbent.iter().map(|&(y, n)| (1.0 - y, n)).collect();
    let (low, high) = ((-null).max(0.0), (1.0 - null).min(1.0));
    let means = (1..20_000).map(|step| low + (high - low) * f64::from(step) / 20_000.0);
    let values = means.map(|m| against(challenger, m + null) + against(&flipped, 1.0 - m));
    values.fold(f64::INFINITY, f64::min)
}

#[test]
fn evidence_of_two_arms_is_the_least_over_all_means_of_the_incumbent() {
    let cases: [(Outcomes<'_>, Outcomes<'_>); 7] = [
        (&[(0.0, 50.0), (1.0, 50.0)], &[(0.0, 25.0), (1.0, 75.0)]),
        (&[(0.0, 50.0), (1.0, 50.0)], &[(0.0, 60.0), (1.0, 40.0)]),
        (&[(0.0, 30.0)], &[(0.0, 20.0), (1.0, 1.0)]),
        (&[(1.0, 30.0)], &[(1.0, 30.0)]),
        (&[(0.0, 1.0)], &[(1.0, 40.0)]),
        (&[(0.2, 7.0), (0.45, 9.0)], &[(0.3, 5.0), (0.995, 20.0)]),
        (&[(0.95, 80.0), (1.0, 10.0)], &[(0.98, 60.0), (0.99, 9.0)]),
    ];
    for (incumbent, challenger) in cases {
        for null in [-0.3, -0.05, 0.0, 0.1] {
            let all = split(incumbent, challenger);
            let ours = EProcess::of(Design::Split, null, Side::Above, &all);
            let many = least_of_many(incumbent, challenger, null);
            let (found, name) = (ours.log_e(), format!("{incumbent:?} {challenger:?} {null}"));
            assert!(found <= many, "{name}: {found} above {many}");
            assert!(
                found >= many - 1e-3 - 1e-4 * many.abs(),
                "{name}: {found} below {many}"
            );
            for log in [found - 0.1, found + 0.1] {
                assert_eq!(ours.reaches(log), found >= log, "{name}");
            }
            // The other side is the same with the arms in each other's place.
            let swapped = split(challenger, incumbent);
            let below = EProcess::of(Design::Split, -null, Side::Below, &swapped);
            assert_eq!(below.log_e(), found, "{name}");
            let twice = ours.scaled(2.0).log_e();
            let doubled: Vec<_> = all.iter().map(|&(it, count)| (it, 2.0 * count)).collect();
            let counted = EProcess::of(Design::Split, null, Side::Above, &doubled).log_e();
            close(twice, counted, 1e-6);
        }
    }
}

#[test]
fn outcomes_of_one_arm_prove_nothing_of_a_difference() {
    for thumbs in [9.0, 900.0] {
        let only = split(&[], &[(1.0, thumbs)]);
        let evidence = EProcess::of(Design::Split, 0.0, Side::Above, &only);
        assert!(evidence.log_e() < 1e-9, "{}", evidence.log_e());
        let interval = confidence_interval(Design::Split, [0.025; 2], &only);
        assert!(interval.low <= 0.0 && interval.high >= 1.0 - 1e-6);
    }
}

proptest! {
    #[test]
    fn the_ends_of_an_interval_never_cross_and_hold_the_effect_seen(
        incumbent in prop::collection::vec((0_u16..=1_000, 1_u16..300), 0..6),
        challenger in prop::collection::vec((0_u16..=1_000, 1_u16..300), 0..6),
    ) {
        let grades = |cells: &[(u16, u16)]| -> Vec<(f64, f64)> {
            let each = cells.iter();
            each.map(|&(grade, n)| (f64::from(grade) / 1_000.0, f64::from(n))).collect()
        };
        let (one, other) = (grades(&incumbent), grades(&challenger));
        let all = split(&one, &other);
        let interval = confidence_interval(Design::Split, [0.1, 0.01], &all);
        prop_assert!(interval.low <= interval.high);
        let mean = |of: &[(f64, f64)]| {
            let count: f64 = of.iter().map(|it| it.1).sum();
            of.iter().map(|it| it.0 * it.1).sum::<f64>() / count
        };
        if !one.is_empty() && !other.is_empty() {
            let effect = mean(&other) - mean(&one);
            prop_assert!(interval.low <= effect + 1e-9 && effect <= interval.high + 1e-9);
        }
    }
}

#[test]
fn the_beta_binomial_mixture_is_that_of_confseq() {
    let reference = reference("confseq.json");
    let table = &reference["beta_binomial"];
    let columns: Vec<&str> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let mut compared = 0;
    for row in table["cases"].as_array().unwrap() {
        let field = |name: &str| {
            let place = columns.iter().position(|column| *column == name).unwrap();
            &row[place]
        };
        let get = |name| number(field(name));
        let one_sided = field("is_one_sided").as_bool().unwrap_or(false);
        // Their units: g and h are the steps up and down, v the variance so far, and the
        // prior is fixed by where the bound is to be narrowest.
        let (g, h) = (get("g"), get("h"));
        let trials = get("v") / (g * h);
        let up = (g * trials + get("s")) / (g + h);
        if one_sided || (up - up.round()).abs() > 1e-9 || (trials - trials.round()).abs() > 1e-9 {
            continue;
        }
        let log = 2.0 * (1.0 / get("alpha_opt")).ln();
        let concentration = (get("v_opt") / (g * h) / (log + (1.0 + log).ln()) - 1.0).max(1e-3);
        let share = g / (g + h);
        let counts = [up.round() as u64, (trials - up).round() as u64];
        let ours = log_multinomial_e(&counts, &[share, 1.0 - share], concentration);
        close(ours, number(field("log_mixture")), 1e-6);
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn hashes_ranges_and_namespaces_are_growthbooks() {
    let cases = reference("growthbook_hash.json");
    let list = |name: &str| cases[name].as_array().unwrap().clone();
    let range = |pair: &Value| BucketRange {
        start: number(&pair[0]),
        end: number(&pair[1]),
    };
    for case in list("hash") {
        let version = u32::try_from(case[2].as_u64().unwrap()).unwrap();
        let ours = hash(
            case[0].as_str().unwrap(),
            case[1].as_str().unwrap(),
            version,
        );
        assert_eq!(ours, case[3].as_f64(), "{case}");
    }
    for case in list("getBucketRange") {
        let [variations, coverage, weights] = [0, 1, 2].map(|place| &case[1][place]);
        let weights: Option<Vec<f64>> = weights
            .as_array()
            .map(|weights| weights.iter().map(number).collect());
        let variations = usize::try_from(variations.as_u64().unwrap()).unwrap();
        let ours = bucket_ranges(variations, number(coverage), weights.as_deref());
        let theirs = case[2].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            close(ours.start, range(theirs).start, 1e-8);
            close(ours.end, range(theirs).end, 1e-8);
        }
    }
    for case in list("chooseVariation") {
        let ranges: Vec<BucketRange> = case[2].as_array().unwrap().iter().map(range).collect();
        let ours = choose_variation(number(&case[1]), &ranges);
        assert_eq!(
            ours.map_or(-1, |place| place as i64),
            case[3].as_i64().unwrap()
        );
    }
    for case in list("inNamespace") {
        let [id, start, end] = [0, 1, 2].map(|place| &case[2][place]);
        let part = BucketRange {
            start: number(start),
            end: number(end),
        };
        let ours = in_namespace(case[1].as_str().unwrap(), id.as_str().unwrap(), part);
        assert_eq!(ours, case[3].as_bool().unwrap(), "{case}");
    }
    for case in list("getEqualWeights") {
        let variations = usize::try_from(case[0].as_i64().unwrap()).unwrap_or(0);
        let theirs = case[1].as_array().unwrap();
        let ours = bucket_ranges(variations, 1.0, None);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            close(ours.end - ours.start, number(theirs), 1e-8);
        }
    }
}

/// By hand or from tables.
#[test]
fn tests_of_one_look() {
    let interval = wilson(8, 10, 0.05);
    close(interval.low, 0.4902, 1e-4);
    close(interval.high, 0.9433, 1e-4);
    close(mcnemar(1, 8).p, 20.0 / 512.0, 1e-12);
    assert_eq!(mcnemar(3, 3).p, 1.0);
    assert_eq!(mcnemar(0, 0).p, 1.0);
    // Two rates of 50 and 60 %: 388 an arm. A share of 55 %: 783 picks.
    close(rate_outcomes_needed(0.5, 0.6, 0.05, 0.8), 2.0 * 387.3, 1.0);
    close(picks_needed(0.55, 0.05, 0.8), 782.5, 1.0);
    assert_eq!(bootstrap_mean(&[], 0.05, 100, 1), None);
    let values: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
    let interval = bootstrap_mean(&values, 0.05, 2_000, 1).unwrap();
    close(interval.low, 0.451, 0.01);
    close(interval.high, 0.549, 0.01);
}

/// How often a drop of just the margin is taken for less than it, at worst: over all shares
/// of items that flip, by the chances of all counts of flips.
fn false_passes(all: u64, margin: f64) -> f64 {
    let mut log_factorials = vec![0.0];
    for n in 1..=all {
        let before: f64 = log_factorials[n as usize - 1];
        log_factorials.push(before + (n as f64).ln());
    }
    let mut passing = Vec::new();
    for down in 0..=all {
        for up in 0..=all - down {
            let counts = PairedCounts {
                all,
                only_incumbent: down,
                only_challenger: up,
            };
            if counts.difference_at_least(0.05) <= -margin {
                continue;
            }
            let [rest, down, up] = [all - down - up, down, up].map(|count| count as usize);
            let ways = log_factorials[all as usize]
                - log_factorials[rest]
                - log_factorials[down]
                - log_factorials[up];
            passing.push((ways, [rest, down, up].map(|count| count as f64)));
        }
    }
    let shares = (0..40).map(|step| f64::from(step) * (1.0 - margin) / 80.0);
    let chance = |up: f64| {
        let logs = [1.0 - 2.0 * up - margin, up + margin, up].map(f64::ln);
        let each = passing.iter().map(|(ways, counts)| {
            // 0 times of what never happens.
            let terms = counts.iter().zip(logs).filter(|(count, _)| **count > 0.0);
            (ways + terms.map(|(count, log)| count * log).sum::<f64>()).exp()
        });
        each.sum::<f64>()
    };
    shares.map(chance).fold(0.0, f64::max)
}

#[test]
fn a_drop_of_the_margin_seldom_passes_for_less() {
    for all in [30, 36, 60, 100, 180] {
        for margin in [0.02, 0.05, 0.1, 0.2] {
            let wrong = false_passes(all, margin);
            assert!(wrong <= 0.025, "{all} items, {margin}: {wrong}");
            assert!(
                wrong >= 0.02,
                "{all} items, {margin}: {wrong} is too careful"
            );
        }
    }
}

#[test]
fn items_that_do_not_flip_bound_a_difference_without_proving_equality() {
    let at_least = |all| {
        let none = PairedCounts {
            all,
            only_incumbent: 0,
            only_challenger: 0,
        };
        none.difference_at_least(0.05)
    };
    assert_eq!(at_least(0), -1.0);
    // (n m − ½)² = z² n m (1 − m), solved for m.
    close(at_least(40), -0.1092, 1e-3);
    assert!(at_least(91) < -0.05 && at_least(92) > -0.05);
}

#[test]
fn the_share_of_false_discoveries_is_bounded() {
    // Bars for ranks 1 to 4 at 5 %: 80, 40, 26.7, 20.
    let log = |values: [f64; 4]| values.map(f64::ln);
    let stands = |values| e_benjamini_hochberg(&log(values), 0.05);
    assert_eq!(stands([79.0, 1.0, 1.0, 1.0]), [false; 4]);
    assert_eq!(stands([41.0, 1.0, 41.0, 1.0]), [true, false, true, false]);
    assert_eq!(stands([21.0, 20.5, 900.0, 22.0]), [true; 4]);
}
