//! Statistics against other implementations of the same formulas.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

use pocketune_judge::experiment::assign::{
    BucketRange, bucket_ranges, choose_variation, hash, in_namespace,
};
use pocketune_judge::stats::{
    Design, EProcess, EmpiricalBernstein, Observation, Side, bootstrap_mean, e_benjamini_hochberg,
    log_multinomial_e, mcnemar, picks_needed, rate_outcomes_needed, wilson,
};
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

#[test]
fn the_share_of_false_discoveries_is_bounded() {
    // Bars for ranks 1 to 4 at 5 %: 80, 40, 26.7, 20.
    let log = |values: [f64; 4]| values.map(f64::ln);
    let stands = |values| e_benjamini_hochberg(&log(values), 0.05);
    assert_eq!(stands([79.0, 1.0, 1.0, 1.0]), [false; 4]);
    assert_eq!(stands([41.0, 1.0, 41.0, 1.0]), [true, false, true, false]);
    assert_eq!(stands([21.0, 20.5, 900.0, 22.0]), [true; 4]);
}
