//! Optimisers and clipping beside PyTorch's, found by `tests/reference/torch_optim.py`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod reference;

use pocketune_gguf::fixtures::hashed;
use pocketune_train::{Optimizer, OptimizerOptions, clip};
use reference::{numbers, read};

const COUNT: usize = 8;

/// From 1 down to 2⁻²⁸, where AdamW's epsilon matters.
fn gradient(step: u32) -> Vec<f32> {
    let first = 100 * (step + 1);
    let values = (0..COUNT).map(|i| hashed(first + i as u32) / 16f32.powi(i as i32));
    values.collect()
}

#[test]
fn steps_are_pytorchs() {
    let cases = read("torch_optim.json");
    for (name, case) in cases["optimizers"].as_object().unwrap() {
        let options: OptimizerOptions = serde_json::from_value(case["options"].clone()).unwrap();
        let mut optimizer = Optimizer::new(options, COUNT);
        let mut parameters: Vec<f32> = (0..COUNT as u32).map(hashed).collect();
        let rates = numbers(&cases["rates"]);
        let expected = case["parameters"].as_array().unwrap();
        assert_eq!(expected.len(), rates.len());
        let mut most = 0.0f64;
        for ((step, rate), expected) in (0..).zip(rates).zip(expected) {
            optimizer.step(&mut parameters, &gradient(step), rate);
            for (parameter, expected) in parameters.iter().zip(numbers(expected)) {
                most = most.max((f64::from(*parameter) - expected).abs());
            }
        }
        println!("{name}: off by {most:.1e}");
        assert!(parameters.iter().all(|p| p.is_finite()), "{name}");
        // Parameters below 1 are rounded by 6e-8 in each step; constants such as 0.999
        // are known to F32 only.
        assert!(most < 1e-6, "{name}: {most}");
    }
}

#[test]
fn clipping_is_pytorchs() {
    let cases = read("torch_optim.json");
    let cases = cases["clip"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let mut gradient = gradient(0);
        let norm = clip(&mut gradient, case["most"].as_f64().unwrap() as f32);
        assert!((norm - case["norm"].as_f64().unwrap()).abs() < 1e-7);
        for (g, expected) in gradient.iter().zip(numbers(&case["gradient"])) {
            let error = (f64::from(*g) - expected).abs();
            assert!(error <= 2e-7 * expected.abs(), "{g} {expected}");
        }
    }
}
