//! Whole steps on a tiny model.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{moved, tiny};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, DpoLoss, DpoOptions, Lora, LoraShape, Model, Objective, OptimizerOptions, Sample,
    Schedule, TrainError, Trainer, TrainerOptions,
};

fn options(objective: Objective) -> TrainerOptions {
    TrainerOptions {
        objective,
        learning_rate: 3e-3,
        steps: 12,
        warm_up: 2,
        schedule: Schedule::Cosine,
        batch: 2,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        seed: 3,
        memory_bytes: None,
    }
}

fn tokens(seed: u32, count: u32) -> Vec<u32> {
    (0..count)
        .map(|i| (i * i * 7 + i * 37 + seed * 11) % 263)
        .collect()
}

fn texts() -> Vec<Sample> {
    let text = |seed| Sample::Text {
        tokens: tokens(seed, 20 + seed),
        loss_from: 5,
    };
    (0..5).map(text).collect()
}

fn pairs() -> Vec<Sample> {
    let pair = |seed| Sample::Pair {
        prompt: tokens(seed, 9),
        chosen: tokens(seed + 50, 6 + seed),
        rejected: tokens(seed + 90, 12),
    };
    (0..5).map(pair).collect()
}

fn run(
    model: &Model,
    threads: usize,
    samples: Vec<Sample>,
    options: &TrainerOptions,
) -> (Vec<f64>, Lora) {
    let pool = ThreadPool::new(threads);
    let lora = Lora::new(model, LoraShape::default(), 1).unwrap();
    let mut trainer = Trainer::new(model, &pool, &[], lora, samples, options.clone()).unwrap();
    let losses = (0..options.steps)
        .map(|_| trainer.step(&Control::new()).unwrap().loss)
        .collect();
    (losses, trainer.into_lora())
}

#[test]
fn sft_makes_its_texts_likelier() {
    let (losses, _) = run(&tiny(), 2, texts(), &options(Objective::Sft));
    assert!(losses[11] < 0.97 * losses[0], "{losses:?}");
}

#[test]
fn dpo_begins_at_ln_2_and_prefers_what_it_is_shown() {
    let model = tiny();
    let objective = DpoOptions {
        losses: vec![(DpoLoss::Sigmoid, 1.0)],
        ..DpoOptions::default()
    };
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let options = options(Objective::Dpo(objective.clone()));
    let mut trainer = Trainer::new(&model, &pool, &[], lora, pairs(), options).unwrap();
    let control = Control::new();
    let first = trainer.step(&control).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
    let metrics = first.pairs.unwrap();
    assert_eq!((metrics.margin, metrics.accuracy), (0.0, 0.5));
    for _ in 1..12 {
        trainer.step(&control).unwrap();
    }
    for (index, pair) in pairs().iter().enumerate() {
        let after = trainer.judge(&objective, index, pair, &control).unwrap();
        assert!(after.margin > 0.0, "pair {index}: {after:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let model = tiny();
    let options = options(Objective::Sft);
    let (losses, lora) = run(&model, 1, texts(), &options);
    let (again, same) = run(&model, 3, texts(), &options);
    assert_eq!(
        (losses.as_slice(), lora.parameters()),
        (again.as_slice(), same.parameters())
    );
    let other = TrainerOptions { seed: 4, ..options };
    assert_ne!(
        run(&model, 1, texts(), &other).1.parameters(),
        lora.parameters()
    );
}

#[test]
fn a_frozen_adapter_belongs_to_the_reference() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let frozen = [moved(
        &model,
        LoraShape {
            rank: 2,
            ..LoraShape::default()
        },
        5,
    )];
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let options = options(Objective::Dpo(DpoOptions::default()));
    let mut trainer = Trainer::new(&model, &pool, &frozen, lora, pairs(), options).unwrap();
    let first = trainer.step(&Control::new()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
}

#[test]
fn what_cannot_be_trained_on_is_refused_by_its_index() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let refuse = |samples: Vec<Sample>, objective: Objective| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        Trainer::new(&model, &pool, &[], lora, samples, options(objective))
            .err()
            .unwrap()
    };
    let same = Sample::Pair {
        prompt: vec![1],
        chosen: vec![2, 3],
        rejected: vec![2, 3],
    };
    let mut samples = pairs();
    samples.push(same);
    let dpo = || Objective::Dpo(DpoOptions::default());
    assert!(matches!(
        refuse(samples, dpo()),
        TrainError::Sample { index: 5, .. }
    ));
    assert!(matches!(
        refuse(texts(), dpo()),
        TrainError::Sample { index: 0, .. }
    ));
    assert!(matches!(
        refuse(pairs(), Objective::Sft),
        TrainError::Sample { index: 0, .. }
    ));
    assert!(matches!(
        refuse(vec![], Objective::Sft),
        TrainError::Option { .. }
    ));
    let outside = Sample::Text {
        tokens: vec![1, 2, 263],
        loss_from: 1,
    };
    assert!(matches!(
        refuse(vec![outside], Objective::Sft),
        TrainError::Sample { .. }
    ));
}

#[test]
fn a_budget_that_is_too_small_says_what_is_needed() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let at = |bytes| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let options = TrainerOptions {
            memory_bytes: Some(bytes),
            ..options(Objective::Sft)
        };
        Trainer::new(&model, &pool, &[], lora, texts(), options).map(|trainer| *trainer.plan())
    };
    let Err(TrainError::MemoryBudget { required_bytes, .. }) = at(1000) else {
        panic!("1,000 bytes are not enough");
    };
    assert_eq!(at(required_bytes).unwrap().kept_layers, 0);
    assert_eq!(at(u64::MAX).unwrap().kept_layers, 2);
    assert!(at(required_bytes - 1).is_err());
}

#[test]
fn a_cancelled_step_changes_nothing() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let before = lora.clone();
    let options = options(Objective::Sft);
    let mut trainer = Trainer::new(&model, &pool, &[], lora, texts(), options).unwrap();
    let control = Control::new();
    control.cancel();
    assert!(matches!(trainer.step(&control), Err(TrainError::Cancelled)));
    assert_eq!(*trainer.lora(), before);
}
