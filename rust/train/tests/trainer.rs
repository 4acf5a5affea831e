//! Whole steps on a tiny model.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{moved, options, pairs, tiny, tokens, training};
use pocketune_base::Digest;
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AdaptedLayers, AdaptedModel, CheckpointDir, Control, CrossValidation, DpoLoss, DpoOptions,
    Drawn, HeldOut, KlLimit, KlProbe, KtoOptions, Lora, LoraShape, MeanBatch, MemoryBudget, Model,
    Objectives, Pack, PackSize, Pass, ReferencePolicy, RunEnd, Sample, SampleSource, TrainError,
    Trainer, TrainerOptions, Training,
};

fn text(seed: u32, count: u32, prompt: usize) -> Sample {
    let mut prompt_tokens = tokens(seed, count);
    let reply = prompt_tokens.split_off(prompt);
    Sample::demonstration(prompt_tokens, reply)
}

fn texts() -> Vec<Sample> {
    (0..5).map(|seed| text(seed, 20 + seed, 5)).collect()
}

fn thumbs() -> Vec<Sample> {
    let thumb = |seed| {
        let up = seed % 2 == 0;
        Sample::thumb(tokens(seed, 9), tokens(seed + 50, 6 + seed), up)
    };
    (0..6).map(thumb).collect()
}

fn run(
    model: &Model,
    threads: usize,
    samples: Vec<Sample>,
    options: &TrainerOptions,
) -> (Vec<f64>, Lora) {
    let pool = ThreadPool::new(threads);
    let lora = Lora::new(model, LoraShape::default(), 1).unwrap();
    let training = training(model, &pool, lora, (samples, 2), options.clone());
    let mut trainer = Trainer::new(training).unwrap();
    let losses = (0..options.steps)
        .map(|_| trainer.step(&Control::new(), |_| ()).unwrap().loss)
        .collect();
    (losses, trainer.into_lora())
}

#[test]
fn sft_makes_its_texts_likelier() {
    let (losses, _) = run(&tiny(), 2, texts(), &options(Objectives::sft()));
    assert!(losses[11] < 0.97 * losses[0], "{losses:?}");
}

#[test]
fn dpo_begins_at_ln_2_and_prefers_what_it_is_shown() {
    let model = tiny();
    let objectives = Objectives::dpo(DpoOptions::default());
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let options = options(objectives.clone());
    let mut trainer = Trainer::new(training(&model, &pool, lora, (pairs(), 2), options)).unwrap();
    let control = Control::new();
    let first = trainer.step(&control, |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
    let metrics = first.rewards.unwrap();
    assert_eq!((metrics.margin, metrics.accuracy), (Some(0.0), Some(0.5)));
    for _ in 1..12 {
        trainer.step(&control, |_| ()).unwrap();
    }
    for (index, pair) in pairs().into_iter().enumerate() {
        let mut heldout = HeldOut::new(&model, &objectives, vec![pair]).unwrap();
        let after = trainer.judge(&mut heldout, &control).unwrap();
        let margin = after.rewards.unwrap().margin.unwrap();
        assert!(margin > 0.0, "pair {index}: {after:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let model = tiny();
    let options = options(Objectives::sft());
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
    let options = options(Objectives::dpo(DpoOptions::default()));
    let mut trainer = Trainer::new(Training {
        frozen: &frozen,
        ..training(&model, &pool, lora, (pairs(), 2), options)
    })
    .unwrap();
    let first = trainer.step(&Control::new(), |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
}

#[test]
fn what_cannot_be_trained_on_is_refused_by_its_index() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let refuse = |samples: Vec<Sample>, objectives: Objectives| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let training = training(&model, &pool, lora, (samples, 2), options(objectives));
        Trainer::new(training).err().unwrap()
    };
    let same = Sample::pair(vec![1], vec![2, 3], vec![2, 3]);
    let mut samples = pairs();
    samples.push(same);
    let dpo = || Objectives::dpo(DpoOptions::default());
    assert!(matches!(
        refuse(samples, dpo()),
        TrainError::Sample { index: 5, .. }
    ));
    assert!(matches!(
        refuse(texts(), dpo()),
        TrainError::Sample { index: 0, .. }
    ));
    assert!(matches!(
        refuse(pairs(), Objectives::sft()),
        TrainError::Sample { index: 0, .. }
    ));
    assert!(matches!(
        refuse(vec![], Objectives::sft()),
        TrainError::Option { .. }
    ));
    let outside = Sample::demonstration(vec![1], vec![2, 263]);
    assert!(matches!(
        refuse(vec![outside], Objectives::sft()),
        TrainError::Sample { .. }
    ));
}

#[test]
fn a_budget_that_is_too_small_says_what_is_needed() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let at = |bytes| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let options = options(Objectives::sft());
        let mut training = training(&model, &pool, lora, (texts(), 2), options);
        training.memory = MemoryBudget::Bytes(bytes);
        Trainer::new(training).map(|trainer| *trainer.plan())
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
    let options = options(Objectives::sft());
    let mut trainer = Trainer::new(training(&model, &pool, lora, (texts(), 2), options)).unwrap();
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
    let options = options(Objectives::sft());
    let (_, undisturbed) = run(&model, 2, texts(), &options);
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let steps = options.steps;
    let mut trainer = Trainer::new(training(&model, &pool, lora, (texts(), 2), options)).unwrap();
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
    let step = |objectives: Objectives, samples: Vec<Sample>, budget| {
        let lora = moved(&model, LoraShape::default(), 7);
        let mut training = training(&model, &pool, lora, (samples, 2), options(objectives));
        training.options.reference = ReferencePolicy::Base;
        training.memory = budget;
        let mut trainer = Trainer::new(training).unwrap();
        let report = trainer.step(&Control::new(), |_| ()).unwrap();
        (trainer.plan().pack_samples, report)
    };
    let dpo = Objectives::dpo(DpoOptions {
        losses: vec![(DpoLoss::Sigmoid, 1.0), (DpoLoss::Sft, 1.0)],
        ..DpoOptions::default()
    });
    let kto = Objectives::kto(KtoOptions::default());
    for (objectives, samples) in [
        (Objectives::sft(), texts()),
        (dpo, pairs()),
        (kto, thumbs()),
    ] {
        let (together, many) = step(objectives.clone(), samples.clone(), MemoryBudget::Unlimited);
        let (alone, few) = step(objectives, samples, MemoryBudget::Bytes(4_000_000));
        assert_eq!((together, alone), (2, 1));
        assert!((many.loss - few.loss).abs() < 1e-5, "{many:?} {few:?}");
        let error = (many.gradient_norm - few.gradient_norm).abs() / few.gradient_norm;
        assert!(error < 1e-5, "{many:?} {few:?}");
        assert_eq!(many.rewards.is_some(), few.rewards.is_some());
    }
}

#[test]
fn training_stops_at_the_bound_and_keeps_it() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let options = TrainerOptions {
        learning_rate: 2e-2,
        ..options(Objectives::sft())
    };
    let steps = options.steps;
    let ordinary = (0..6).map(|seed| text(seed + 70, 19, 7)).collect();
    let bound = 0.002;
    let mut trainer = Trainer::new(Training {
        kl: Some(KlLimit {
            probe: KlProbe::new(&model, ordinary).unwrap(),
            bound,
            every: 2,
        }),
        ..training(&model, &pool, lora, (texts(), 2), options)
    })
    .unwrap();
    let control = Control::new();
    assert_eq!(trainer.kl(&control).unwrap(), 0.0);
    let end = trainer.run(None, &control, |_| ()).unwrap();
    let RunEnd::KlBound { reached, shrunk_by } = end else {
        panic!("such a learning rate moves everything: {end:?}");
    };
    assert!(reached > bound && shrunk_by < 1.0);
    assert!((trainer.history().len() as u64) < steps);
    let kl = trainer.kl(&control).unwrap();
    assert!(kl > 0.2 * bound && kl <= bound, "{kl}");
}

#[test]
fn dropout_hides_features_in_training_alone() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let start = |dropout, budget| {
        let options = TrainerOptions {
            dropout,
            ..options(Objectives::sft())
        };
        let lora = moved(&model, LoraShape::default(), 7);
        let mut training = training(&model, &pool, lora, (texts(), 1), options);
        training.options.reference = ReferencePolicy::Base;
        training.memory = budget;
        Trainer::new(training)
    };
    let run = |dropout, budget| {
        let mut trainer = start(dropout, budget).unwrap();
        let report = trainer.step(&Control::new(), |_| ()).unwrap();
        (
            report.loss,
            report.gradient_norm,
            trainer.plan().kept_layers,
        )
    };
    let unlimited = MemoryBudget::Unlimited;
    let (without, with) = (run(0.0, unlimited), run(0.3, unlimited));
    assert_ne!(without.0, with.0);
    // Layers computed twice hide the same features again.
    let Err(TrainError::MemoryBudget { required_bytes, .. }) = start(0.3, MemoryBudget::Bytes(1))
    else {
        panic!("one byte is not enough");
    };
    let again = run(0.3, MemoryBudget::Bytes(required_bytes));
    assert!(again.2 < with.2, "the budget keeps fewer layers");
    assert!((with.0 - again.0).abs() < 1e-5, "{with:?} {again:?}");
    assert!(
        (with.1 - again.1).abs() < 1e-5 * with.1,
        "{with:?} {again:?}"
    );
}

/// The bound holds against what the run began with, in TRL's way, and against the bare base.
#[test]
fn the_reference_is_what_was_asked_for() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let start = |reference| {
        let lora = moved(&model, LoraShape::default(), 7);
        let options = TrainerOptions {
            reference,
            learning_rate: 2e-2,
            ..options(Objectives::dpo(DpoOptions::default()))
        };
        let ordinary = (0..6).map(|seed| text(seed + 70, 19, 7)).collect();
        Trainer::new(Training {
            kl: Some(KlLimit {
                probe: KlProbe::new(&model, ordinary).unwrap(),
                bound: 1e-3,
                every: 2,
            }),
            ..training(&model, &pool, lora, (pairs(), 2), options)
        })
        .unwrap()
    };
    let control = Control::new();
    let mut initial = start(ReferencePolicy::Initial);
    assert_eq!(initial.kl(&control).unwrap(), 0.0);
    let first = initial.step(&control, |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
    let end = initial.run(None, &control, |_| ()).unwrap();
    assert!(matches!(end, RunEnd::KlBound { .. }), "{end:?}");
    assert!(initial.kl(&control).unwrap() <= 1e-3);

    let mut base = start(ReferencePolicy::Base);
    assert!(base.kl(&control).unwrap() > 1e-3);
    let first = base.step(&control, |_| ()).unwrap();
    assert!((first.loss - 2f64.ln()).abs() > 1e-3, "{}", first.loss);
    // Its copy of the adapter is part of the plan.
    let bytes = 4 * base.lora().parameters().len() as u64;
    assert_eq!(initial.plan().bytes - base.plan().bytes, bytes);
}

/// Samples that do not exist before their step: each goes on with what the policy says then.
#[test]
fn samples_may_be_generated_on_the_way() {
    struct Continued {
        declared: PackSize,
    }
    impl SampleSource for Continued {
        fn largest_packs(&self) -> Vec<PackSize> {
            vec![self.declared]
        }

        fn mean(&self) -> MeanBatch {
            MeanBatch {
                samples: 1.0,
                tokens: 12.0,
            }
        }

        fn kept_references(&self) -> usize {
            0
        }

        fn digest(&self) -> Digest {
            Digest::of(b"continued")
        }

        fn draw(&mut self, step: u64, policy: AdaptedModel<'_>) -> Result<Vec<Drawn>, TrainError> {
            let mut all = tokens(step as u32, 9);
            for _ in 0..4 {
                let reply = vec![0];
                let pack = Pack::new(&Sample::demonstration(all.clone(), reply));
                let logits = Pass::infer(policy, &pack)?.logits(all.len() - 1)?;
                let likeliest = (0..).zip(logits).max_by(|a, b| a.1.total_cmp(&b.1));
                all.push(likeliest.unwrap().0);
            }
            let reply = all.split_off(9);
            let sample = Arc::new(Sample::thumb(all, reply, false));
            Ok(vec![Drawn {
                sample,
                again: None,
            }])
        }
    }
    let model = tiny();
    let pool = ThreadPool::new(1);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let trainer = |tokens, targets| {
        let kto = options(Objectives::kto(KtoOptions::default()));
        let declared = PackSize { tokens, targets };
        Trainer::new(Training {
            source: Box::new(Continued { declared }),
            ..training(&model, &pool, lora.clone(), (pairs(), 2), kto)
        })
        .unwrap()
    };
    let control = Control::new();
    // Memory was planned for less than comes.
    for (tokens, targets) in [(11, 4), (12, 3)] {
        let refused = trainer(tokens, targets).run(None, &control, |_| ());
        assert!(
            matches!(refused, Err(TrainError::Sample { .. })),
            "{refused:?}"
        );
    }
    let mut trainer = trainer(12, 4);
    trainer.run(None, &control, |_| ()).unwrap();
    let rewards = trainer.history().last().unwrap().rewards.unwrap();
    assert!(rewards.reward_rejected.unwrap() < 0.0, "{rewards:?}");
}

#[test]
fn kto_tells_liked_replies_from_others() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let objectives = Objectives::kto(KtoOptions::default());
    let options = TrainerOptions {
        steps: 30,
        ..options(objectives.clone())
    };
    let mut trainer = Trainer::new(training(&model, &pool, lora, (thumbs(), 4), options)).unwrap();
    let control = Control::new();
    trainer.run(None, &control, |_| ()).unwrap();
    let first = trainer.history()[0];
    assert!((first.loss - 0.5).abs() < 1e-6, "{}", first.loss);
    let mut heldout = HeldOut::new(&model, &objectives, thumbs()).unwrap();
    let after = trainer.judge(&mut heldout, &control).unwrap();
    assert_eq!(after.rewards.unwrap().accuracy, Some(1.0), "{after:?}");
    assert!(after.loss < 0.49, "{after:?}");
}

/// Layers below the first trained one keep nothing.
#[test]
fn layers_that_are_left_out_take_no_memory() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let plan = |layers| {
        let shape = LoraShape {
            layers,
            ..LoraShape::default()
        };
        let lora = Lora::new(&model, shape, 1).unwrap();
        let training = training(
            &model,
            &pool,
            lora,
            (texts(), 2),
            options(Objectives::sft()),
        );
        *Trainer::new(training).unwrap().plan()
    };
    let last = AdaptedLayers::Only(vec![1]);
    let (all, last) = (plan(AdaptedLayers::All), plan(last));
    assert_eq!((all.kept_layers, last.kept_layers), (2, 1));
    assert!(last.activation_bytes < all.activation_bytes);
}

#[test]
fn cross_validation_chooses_a_number_of_steps_and_keeps_what_it_found() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let plan = CrossValidation { folds: 3, every: 4 };
    let start = |samples: Vec<Sample>| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let options = options(Objectives::dpo(DpoOptions::default()));
        training(&model, &pool, lora, (samples, 2), options)
    };
    // One pair in five variants: what is learned of some helps with the others.
    let pair = |end: u32| {
        let with = |tokens: Vec<u32>| [tokens, vec![end]].concat();
        Sample::pair(tokens(1, 9), with(tokens(51, 6)), with(tokens(91, 8)))
    };
    let alike: Vec<Sample> = (200..206).map(pair).collect();
    let folder = tempfile::tempdir().unwrap();
    let directory = CheckpointDir::open(folder.path()).unwrap();
    let control = Control::new();
    let run = |until: usize| {
        let control = Control::new();
        let mut folds = Vec::new();
        let curve = plan.run(&alike, start, Some(&directory), &control, |done| {
            folds.push(done);
            if done == until {
                control.cancel();
            }
        });
        (curve, folds)
    };
    let (stopped, folds) = run(2);
    assert!(matches!(stopped, Err(TrainError::Cancelled)), "{stopped:?}");
    assert_eq!(folds, [0, 1, 2]);
    let (resumed, folds) = run(usize::MAX);
    assert_eq!(folds, [2, 3], "folds that were done are kept");
    let resumed = resumed.unwrap();
    let whole = plan.run(&alike, start, None, &control, |_| ()).unwrap();
    assert_eq!(resumed, whole);
    assert_eq!(whole.best_step().unwrap(), 12);

    let refused = CrossValidation { folds: 4, every: 4 };
    let refused = refused.run(&alike, start, None, &control, |_| ());
    assert!(matches!(
        refused,
        Err(TrainError::Option {
            option: "folds",
            ..
        })
    ));
    let mut stopped = start(alike.clone());
    stopped.options.stop_after = Some(5);
    let mut stopped = Trainer::new(stopped).unwrap();
    stopped.run(None, &control, |_| ()).unwrap();
    assert_eq!(stopped.history().len(), 5);
}
