//! Whole steps beside TRL's own losses, found by `tests/reference/trl_losses.py`: a
//! batch of three with replies of different lengths. TRL pads and runs prompts twice;
//! here each pair shares its prompt.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod reference;

use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, Lora, Model, Objectives, OptimizerOptions, ReferencePolicy, RewardMetrics, Sample,
    Schedule, StepReport, Trainer, TrainerOptions,
};
use reference::{adapter, errors, model, preferences, read, samples, thumbs, whole_batches};
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
    let dpo = |options: &Value| Objectives::dpo(preferences(options));
    check_losses("dpo", dpo);
    // Both replies begin alike: computed once here, twice there.
    check_losses("edits", dpo);
}

#[test]
fn losses_of_thumbs_are_trls() {
    let kto = |options: &Value| Objectives::kto(thumbs(options));
    check_losses("kto", kto);
    // The estimate of KL is below 0 and counts as 0.
    check_losses("kto_clamped", kto);
}

fn check_losses(section: &str, objectives: impl Fn(&Value) -> Objectives) {
    let cases = read("trl.json");
    let model = model(&cases);
    let samples = samples(&cases[section]);
    for (name, case) in cases[section]["losses"].as_object().unwrap() {
        let name = format!("{section}, {name}");
        let lora = adapter(&model, &cases);
        let objectives = objectives(&case["options"]);
        let report = check(&name, case, &model, lora, samples.clone(), objectives);
        let logged = case["logged"].as_object().unwrap();
        for (key, expected) in logged {
            let expected = expected.as_f64().unwrap();
            let figure = figure(&report.rewards.unwrap(), key).unwrap_or(0.0);
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
    check("sft", &cases["sft"], &model, lora, texts, Objectives::sft());
}

/// One step of plain gradient descent over everything: what it takes off the
/// parameters is the gradient.
fn check(
    name: &str,
    case: &Value,
    model: &Model,
    lora: Lora,
    samples: Vec<Sample>,
    objectives: Objectives,
) -> StepReport {
    let options = TrainerOptions {
        objectives,
        reference: ReferencePolicy::Base,
        learning_rate: 1.0,
        steps: 1,
        stop_after: None,
        warm_up: 0,
        schedule: Schedule::Constant,
        clip: f32::MAX,
        optimizer: OptimizerOptions::Sgd { momentum: 0.0 },
        dropout: 0.0,
        seed: 1,
    };
    let pool = ThreadPool::new(2);
    let before = lora.clone();
    // Not the order of an epoch: TRL's pairs of prompts and others' replies come from it.
    let training = whole_batches(model, &pool, lora, samples, options);
    let mut trainer = Trainer::new(training).unwrap();
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

/// Our figure of TRL's name; without any, TRL has 0 for KL.
fn figure(metrics: &RewardMetrics, name: &str) -> Option<f64> {
    match name {
        "rewards/chosen" => metrics.reward_chosen,
        "rewards/rejected" => metrics.reward_rejected,
        "rewards/margins" => metrics.margin,
        "rewards/accuracies" => metrics.accuracy,
        "logps/chosen" => metrics.logp_chosen,
        "logps/rejected" => metrics.logp_rejected,
        "kl" => metrics.kl_estimate,
        other => panic!("{other}"),
    }
}
