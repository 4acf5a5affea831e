//! Whole steps on a tiny model.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::{moved, tiny};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, DpoLoss, DpoOptions, HeldOut, KlLimit, KlProbe, Lora, LoraShape, MemoryLimit, Model,
    Objective, OptimizerOptions, RunEnd, Sample, Schedule, TrainError, Trainer, TrainerOptions,
};

const NO_LIMIT: MemoryLimit = MemoryLimit {
    budget_bytes: None,
    reserved_bytes: 0,
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
        dropout: 0.0,
        seed: 3,
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
    let mut trainer =
        Trainer::new(model, &pool, &[], lora, samples, options.clone(), NO_LIMIT).unwrap();
    let losses = (0..options.steps)
        .map(|_| trainer.step(&Control::new(), |_| ()).unwrap().loss)
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
    let mut trainer = Trainer::new(&model, &pool, &[], lora, pairs(), options, NO_LIMIT).unwrap();
    let control = Control::new();
    let first = trainer.step(&control, |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
    let metrics = first.pairs.unwrap();
    assert_eq!((metrics.margin, metrics.accuracy), (0.0, 0.5));
    for _ in 1..12 {
        trainer.step(&control, |_| ()).unwrap();
    }
    for (index, pair) in pairs().into_iter().enumerate() {
        let mut heldout = HeldOut::new(&model, objective.clone(), vec![pair]).unwrap();
        let after = trainer.judge(&mut heldout, &control).unwrap();
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
    let mut trainer =
        Trainer::new(&model, &pool, &frozen, lora, pairs(), options, NO_LIMIT).unwrap();
    let first = trainer.step(&Control::new(), |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
}

#[test]
fn what_cannot_be_trained_on_is_refused_by_its_index() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let refuse = |samples: Vec<Sample>, objective: Objective| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        Trainer::new(
            &model,
            &pool,
            &[],
            lora,
            samples,
            options(objective),
            NO_LIMIT,
        )
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
        let memory = MemoryLimit {
            budget_bytes: Some(bytes),
            reserved_bytes: 0,
        };
        let options = options(Objective::Sft);
        Trainer::new(&model, &pool, &[], lora, texts(), options, memory)
            .map(|trainer| *trainer.plan())
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
    let mut trainer = Trainer::new(&model, &pool, &[], lora, texts(), options, NO_LIMIT).unwrap();
    let control = Control::new();
    control.cancel();
    assert!(matches!(
        trainer.step(&control, |_| ()),
        Err(TrainError::Cancelled)
    ));
    assert_eq!(*trainer.lora(), before);
}

#[test]
fn a_paused_run_waits_and_then_gives_the_same_bytes() {
    let model = tiny();
    let options = options(Objective::Sft);
    let (_, undisturbed) = run(&model, 2, texts(), &options);
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let steps = options.steps;
    let mut trainer = Trainer::new(&model, &pool, &[], lora, texts(), options, NO_LIMIT).unwrap();
    let control = Control::new();
    let paused = Duration::from_millis(50);
    for _ in 0..steps {
        control.pause();
        let other = control.clone();
        let resumed = thread::spawn(move || {
            thread::sleep(paused);
            other.resume();
        });
        let started = Instant::now();
        trainer.step(&control, |_| ()).unwrap();
        assert!(started.elapsed() >= paused, "it went on while paused");
        resumed.join().unwrap();
    }
    assert_eq!(trainer.lora().parameters(), undisturbed.parameters());
}

#[test]
fn samples_together_give_the_step_of_samples_alone() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let step = |objective: Objective, samples: Vec<Sample>, budget_bytes| {
        let lora = moved(&model, LoraShape::default(), 7);
        let memory = MemoryLimit {
            budget_bytes,
            reserved_bytes: 0,
        };
        let options = options(objective);
        let mut trainer = Trainer::new(&model, &pool, &[], lora, samples, options, memory).unwrap();
        let report = trainer.step(&Control::new(), |_| ()).unwrap();
        (trainer.plan().pack_samples, report)
    };
    let dpo = Objective::Dpo(DpoOptions {
        losses: vec![(DpoLoss::Sigmoid, 1.0), (DpoLoss::Sft, 1.0)],
        ..DpoOptions::default()
    });
    for (objective, samples) in [(Objective::Sft, texts()), (dpo, pairs())] {
        let (together, many) = step(objective.clone(), samples.clone(), None);
        let (alone, few) = step(objective, samples, Some(4_000_000));
        assert_eq!((together, alone), (2, 1));
        assert!((many.loss - few.loss).abs() < 1e-5, "{many:?} {few:?}");
        let error = (many.gradient_norm - few.gradient_norm).abs() / few.gradient_norm;
        assert!(error < 1e-5, "{many:?} {few:?}");
        assert_eq!(many.pairs.is_some(), few.pairs.is_some());
    }
}

#[test]
fn training_stops_at_the_bound_and_keeps_it() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let options = TrainerOptions {
        learning_rate: 2e-2,
        ..options(Objective::Sft)
    };
    let steps = options.steps;
    let mut trainer = Trainer::new(&model, &pool, &[], lora, texts(), options, NO_LIMIT).unwrap();
    let ordinary = |seed: u32| Sample::Text {
        tokens: tokens(seed + 70, 19),
        loss_from: 7,
    };
    let mut probe = KlProbe::new(&model, (0..6).map(ordinary).collect()).unwrap();
    let control = Control::new();
    assert_eq!(trainer.kl(&mut probe, &control).unwrap(), 0.0);
    let bound = 0.002;
    let limit = KlLimit {
        probe: &mut probe,
        bound,
        every: 2,
    };
    let end = trainer.run(None, Some(limit), &control, |_| ()).unwrap();
    let RunEnd::KlBound { reached, shrunk_by } = end else {
        panic!("such a learning rate moves everything: {end:?}");
    };
    assert!(reached > bound && shrunk_by < 1.0);
    assert!((trainer.history().len() as u64) < steps);
    let kl = trainer.kl(&mut probe, &control).unwrap();
    assert!(kl > 0.2 * bound && kl <= bound, "{kl}");
}

#[test]
fn dropout_hides_features_in_training_alone() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let start = |dropout, budget_bytes| {
        let options = TrainerOptions {
            dropout,
            batch: 1,
            ..options(Objective::Sft)
        };
        let lora = moved(&model, LoraShape::default(), 7);
        let memory = MemoryLimit {
            budget_bytes,
            reserved_bytes: 0,
        };
        Trainer::new(&model, &pool, &[], lora, texts(), options, memory)
    };
    let run = |dropout, budget_bytes| {
        let mut trainer = start(dropout, budget_bytes).unwrap();
        let report = trainer.step(&Control::new(), |_| ()).unwrap();
        (
            report.loss,
            report.gradient_norm,
            trainer.plan().kept_layers,
        )
    };
    let (without, with) = (run(0.0, None), run(0.3, None));
    assert_ne!(without.0, with.0);
    // Layers computed twice hide the same features again.
    let Err(TrainError::MemoryBudget { required_bytes, .. }) = start(0.3, Some(1)) else {
        panic!("one byte is not enough");
    };
    let again = run(0.3, Some(required_bytes));
    assert!(again.2 < with.2, "the budget keeps fewer layers");
    assert!((with.0 - again.0).abs() < 1e-5, "{with:?} {again:?}");
    assert!(
        (with.1 - again.1).abs() < 1e-5 * with.1,
        "{with:?} {again:?}"
    );
}
