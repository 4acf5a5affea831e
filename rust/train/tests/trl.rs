//! Whole steps beside TRL's own losses, found by `tests/reference/trl_losses.py`: a
//! batch of three with replies of different lengths. TRL pads and runs prompts twice;
//! here each pair shares its prompt.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod reference;

use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, Lora, MemoryLimit, Model, Objective, OptimizerOptions, PairMetrics, Sample, Schedule,
    StepReport, Trainer, TrainerOptions,
};
use reference::{adapter, errors, model, preferences, read, samples};
use serde_json::Value;

/// Both sides compute in F32. A loss of about 1 depends on log-probabilities of some
/// −40, whose last digit is 4e-6.
const LOSS_TOLERANCE: f64 = 1e-5;

/// Relative to the size of the figure, or to 1. A reward is β, up to 2, times a
/// difference of two log-probabilities that TRL sums in F32, each to some 4e-6. Seen:
/// 1.04e-5.
const FIGURE_TOLERANCE: f64 = 3e-5;

/// Of norms. Seen: 9.4e-7.
const GRADIENT_TOLERANCE: f64 = 1e-5;

/// Of entries, in units of their tensor's root mean square. Seen: 5.8e-6.
const ENTRY_TOLERANCE: f64 = 1e-4;

#[test]
fn preference_losses_are_trls() {
    let cases = read("trl.json");
    let model = model(&cases);
    let pairs = samples(&cases["dpo"]);
    for (name, case) in cases["dpo"]["losses"].as_object().unwrap() {
        let lora = adapter(&model, &cases);
        let objective = Objective::Dpo(preferences(&case["options"]));
        let report = check(name, case, &model, lora, pairs.clone(), objective);
        let metrics = report.pairs.unwrap();
        for (key, figure) in figures(&metrics) {
            let expected = case["logged"][key].as_f64().unwrap();
            let off = (figure - expected).abs() / expected.abs().max(1.0);
            assert!(off < FIGURE_TOLERANCE, "{name}, {key}: {figure} {expected}");
        }
    }
}

#[test]
fn the_loss_on_completions_is_trls() {
    let cases = read("trl.json");
    let model = model(&cases);
    let texts = samples(&cases["sft"]);
    let lora = adapter(&model, &cases);
    check("sft", &cases["sft"], &model, lora, texts, Objective::Sft);
}

/// One step of plain gradient descent over everything: what it takes off the
/// parameters is the gradient.
fn check(
    name: &str,
    case: &Value,
    model: &Model,
    lora: Lora,
    samples: Vec<Sample>,
    objective: Objective,
) -> StepReport {
    let options = TrainerOptions {
        objective,
        learning_rate: 1.0,
        steps: 1,
        warm_up: 0,
        schedule: Schedule::Constant,
        batch: samples.len(),
        clip: f32::MAX,
        optimizer: OptimizerOptions::Sgd { momentum: 0.0 },
        dropout: 0.0,
        seed: 1,
    };
    let pool = ThreadPool::new(2);
    let before = lora.clone();
    let limit = MemoryLimit::default();
    let mut trainer = Trainer::new(model, &pool, &[], lora, samples, options, limit).unwrap();
    let report = trainer.step(&Control::new(), |_| ()).unwrap();
    let after = trainer.into_lora();
    let moved = before.parameters().iter().zip(after.parameters());
    let gradient: Vec<f32> = moved.map(|(before, after)| before - after).collect();
    let off = (report.loss - case["loss"].as_f64().unwrap()).abs();
    let errors = errors(&before, &gradient, &case["gradients"]);
    println!("{name}: loss off by {off:.1e}, gradients {errors:?}");
    assert!(off < LOSS_TOLERANCE, "{name}: {off}");
    assert!(errors.tensor < GRADIENT_TOLERANCE, "{name}: {errors:?}");
    assert!(errors.entry < ENTRY_TOLERANCE, "{name}: {errors:?}");
    report
}

/// TRL's names of our figures.
fn figures(metrics: &PairMetrics) -> [(&'static str, f64); 6] {
    [
        ("rewards/chosen", metrics.reward_chosen),
        ("rewards/rejected", metrics.reward_rejected),
        ("rewards/margins", metrics.margin),
        ("rewards/accuracies", metrics.accuracy),
        ("logps/chosen", metrics.logp_chosen),
        ("logps/rejected", metrics.logp_rejected),
    ]
}
