//! Runs that stop and go on.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::{tiny, training};
use pocketune_base::fixtures::{at_once, make_pipe};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    CheckpointDir, Checkpointing, Control, DpoOptions, KlLimit, KlProbe, Lora, LoraShape, Model,
    Objectives, OptimizerOptions, ReferencePolicy, RunEnd, RunEvent, Sample, Schedule, TrainError,
    Trainer, TrainerOptions, Training,
};

fn options() -> TrainerOptions {
    TrainerOptions {
        objectives: Objectives::dpo(DpoOptions::default()),
        reference: ReferencePolicy::default(),
        learning_rate: 3e-3,
        steps: 6,
        stop_after: None,
        warm_up: 1,
        schedule: Schedule::Cosine,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        dropout: 0.1,
        seed: 3,
    }
}

fn pairs() -> Vec<Sample> {
    let tokens = |seed: u32, count: u32| (0..count).map(|i| (i * 37 + seed * 11) % 263).collect();
    let pair = |seed| {
        Sample::pair(
            tokens(seed, 9),
            tokens(seed + 50, 6 + seed),
            tokens(seed + 90, 12),
        )
    };
    (0..5).map(pair).collect()
}

fn trainer<'a>(
    model: &'a Model,
    pool: &'a ThreadPool,
    samples: Vec<Sample>,
    options: TrainerOptions,
) -> Trainer<'a> {
    let lora = Lora::new(model, LoraShape::default(), 1).unwrap();
    Trainer::new(training(model, pool, lora, (samples, 2), options)).unwrap()
}

fn fresh<'a>(model: &'a Model, pool: &'a ThreadPool) -> Trainer<'a> {
    trainer(model, pool, pairs(), options())
}

fn hourly(folder: &CheckpointDir) -> Checkpointing<'_> {
    Checkpointing {
        folder,
        every: Duration::from_secs(3_600),
    }
}

fn after_each_step(folder: &CheckpointDir) -> Checkpointing<'_> {
    Checkpointing {
        folder,
        every: Duration::ZERO,
    }
}

/// Runs to the end, or until this many steps are done.
fn run(trainer: &mut Trainer<'_>, folder: &Path, until: u64) -> Result<(), TrainError> {
    let directory = CheckpointDir::open(folder)?;
    trainer.resume(&directory)?;
    let control = Control::new();
    let stop = control.clone();
    let end = trainer.run(Some(after_each_step(&directory)), &control, |event| {
        if matches!(event, RunEvent::Step(report) if report.step == until) {
            stop.cancel();
        }
    });
    end.map(drop)
}

#[test]
fn a_run_that_stopped_ends_with_the_same_bytes() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    for optimizer in [
        OptimizerOptions::default(),
        OptimizerOptions::Sgd { momentum: 0.9 },
        OptimizerOptions::Sgd { momentum: 0.0 },
    ] {
        let options = TrainerOptions {
            optimizer,
            ..options()
        };
        let start = || trainer(&model, &pool, pairs(), options.clone());
        let mut whole = start();
        whole.run(None, &Control::new(), |_| ()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for until in [1, 4] {
            let stopped = run(&mut start(), folder.path(), until);
            assert!(matches!(stopped, Err(TrainError::Cancelled)));
        }
        let mut last = start();
        run(&mut last, folder.path(), u64::MAX).unwrap();
        assert_eq!(last.history(), whole.history());
        assert_eq!(last.lora().parameters(), whole.lora().parameters());
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_what_differs() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let folder = tempfile::tempdir().unwrap();
    let _ = run(&mut fresh(&model, &pool), folder.path(), 1);
    let refused = |mut trainer: Trainer<'_>| {
        let before = trainer.lora().clone();
        let error = run(&mut trainer, folder.path(), u64::MAX).unwrap_err();
        assert_eq!(*trainer.lora(), before);
        match error {
            TrainError::CheckpointOfAnotherRun { what } => what,
            other => panic!("{other}"),
        }
    };
    let other_options = TrainerOptions {
        learning_rate: 1e-3,
        ..options()
    };
    assert_eq!(
        refused(trainer(&model, &pool, pairs(), other_options)),
        "options"
    );
    let other_data = pairs()[1..].to_vec();
    assert_eq!(
        refused(trainer(&model, &pool, other_data, options())),
        "data"
    );
    let lora = Lora::new(&model, LoraShape::default(), 2).unwrap();
    let start = || training(&model, &pool, lora.clone(), (pairs(), 2), options());
    assert_eq!(refused(Trainer::new(start()).unwrap()), "adapters");
    // A batch of another size is another source, and another bound another run.
    let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
    let same = || training(&model, &pool, lora.clone(), (pairs(), 2), options());
    let larger = training(&model, &pool, lora.clone(), (pairs(), 3), options());
    assert_eq!(refused(Trainer::new(larger).unwrap()), "data");
    let bounded = Training {
        kl: Some(limit(&model, 0.1, 2)),
        ..same()
    };
    assert_eq!(refused(Trainer::new(bounded).unwrap()), "bound on KL");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let folder = tempfile::tempdir().unwrap();
    let _ = run(&mut fresh(&model, &pool), folder.path(), 1);
    let file = folder.path().join("checkpoint.gguf");
    let whole = fs::read(&file).unwrap();
    for length in [0, 3, 100, whole.len() / 2] {
        fs::write(&file, &whole[..length]).unwrap();
        let refused = run(&mut fresh(&model, &pool), folder.path(), u64::MAX);
        assert!(
            matches!(
                refused,
                Err(TrainError::CheckpointDamaged(_) | TrainError::CheckpointUnusable(_))
            ),
            "{length} bytes: {refused:?}"
        );
    }
}

#[test]
fn what_a_killed_process_left_half_written_is_ignored() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let folder = tempfile::tempdir().unwrap();
    let _ = run(&mut fresh(&model, &pool), folder.path(), 2);
    fs::write(folder.path().join("checkpoint.gguf.new"), b"GGUF half").unwrap();
    let mut trainer = fresh(&model, &pool);
    run(&mut trainer, folder.path(), u64::MAX).unwrap();
    assert_eq!(trainer.history().len(), 6);
}

#[test]
fn a_folder_belongs_to_one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = CheckpointDir::open(folder.path()).unwrap();
    assert!(matches!(
        CheckpointDir::open(folder.path()),
        Err(TrainError::CheckpointUnusable(_))
    ));
    drop(first);
    CheckpointDir::open(folder.path()).unwrap();
}

/// Opening a pipe that nobody writes into would wait for ever.
#[test]
fn a_pipe_as_model_or_checkpoint_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("model.gguf");
    make_pipe(&pipe);
    let opened = at_once(move || Model::open(&pipe).map(|_| ()));
    assert!(
        matches!(opened, Err(TrainError::ModelNotAFile { found: "a pipe" })),
        "{opened:?}"
    );

    let lock = tempfile::tempdir().unwrap();
    make_pipe(&lock.path().join("checkpoint.lock"));
    let folder = lock.path().to_owned();
    let opened = at_once(move || CheckpointDir::open(&folder).map(|_| ()));
    assert!(
        matches!(opened, Err(TrainError::CheckpointUnusable(_))),
        "{opened:?}"
    );

    for name in ["checkpoint.gguf", "checkpoint.gguf.new"] {
        let checkpoint = tempfile::tempdir().unwrap();
        make_pipe(&checkpoint.path().join(name));
        let folder = checkpoint.path().to_owned();
        let done = at_once(move || {
            let (model, pool) = (tiny(), ThreadPool::new(1));
            run(&mut fresh(&model, &pool), &folder, 1)
        });
        assert!(
            matches!(
                done,
                Err(TrainError::CheckpointUnusable(_) | TrainError::CheckpointNotWritten(_))
            ),
            "{name}: {done:?}"
        );
    }
}

fn ordinary(model: &Model) -> KlProbe {
    let sample = |seed: u32| {
        let tokens = |start: u32, count: u32| (0..count).map(|i| (i * 41 + start) % 263).collect();
        Sample::ordinary(tokens(seed, 7), tokens(seed + 90, 9))
    };
    KlProbe::new(model, (0..4).map(sample).collect()).unwrap()
}

fn limit(model: &Model, bound: f64, every: u64) -> KlLimit {
    KlLimit {
        probe: ordinary(model),
        bound,
        every,
    }
}

/// A run that is killed after a checkpoint and before the measurement that was due.
#[test]
fn a_measurement_that_is_owed_is_made_before_anything_else() {
    let (model, pool) = (tiny(), ThreadPool::new(1));
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let options = TrainerOptions {
            learning_rate: 2e-2,
            ..options()
        };
        let training = training(&model, &pool, lora, (pairs(), 2), options);
        Trainer::new(Training {
            kl: Some(limit(&model, 1e-3, 6)),
            ..training
        })
        .unwrap()
    };
    let mut whole = start();
    let end = whole.run(None, &Control::new(), |_| ()).unwrap();
    assert!(matches!(end, RunEnd::KlBound { .. }), "{end:?}");
    // All steps, and no measurement.
    let stopped = run(&mut start(), folder.path(), 6);
    assert!(matches!(stopped, Err(TrainError::Cancelled)));
    let mut last = start();
    let directory = CheckpointDir::open(folder.path()).unwrap();
    assert!(last.resume(&directory).unwrap());
    assert_eq!((last.history().len(), last.measured_kl()), (6, &[][..]));
    assert_eq!(last.run(None, &Control::new(), |_| ()).unwrap(), end);
    assert_eq!(last.lora().parameters(), whole.lora().parameters());
}

#[test]
fn a_paused_run_is_on_the_disk_and_one_that_goes_on_is_saved_by_time() {
    let (model, pool) = (tiny(), ThreadPool::new(1));
    let folder = tempfile::tempdir().unwrap();
    let while_paused = tempfile::tempdir().unwrap();
    let directory = CheckpointDir::open(folder.path()).unwrap();
    let control = Control::new();
    let mut trainer = fresh(&model, &pool);
    let (mut saved, mut steps) = (0, 0);
    let done = trainer.run(Some(hourly(&directory)), &control, |event| match event {
        RunEvent::Saved => saved += 1,
        // In the middle of the third step.
        RunEvent::MicroStep(micro) if micro.step == 3 && steps == 2 => {
            assert!(!directory.holds_one());
            control.pause();
            while !directory.holds_one() {
                thread::yield_now();
            }
            let file = "checkpoint.gguf";
            fs::copy(folder.path().join(file), while_paused.path().join(file)).unwrap();
            control.resume();
        }
        RunEvent::Step(_) => steps += 1,
        _ => {}
    });
    done.unwrap();
    assert_eq!((saved, steps), (0, 6));
    let mut resumed = fresh(&model, &pool);
    let while_paused = CheckpointDir::open(while_paused.path()).unwrap();
    assert!(resumed.resume(&while_paused).unwrap());
    assert_eq!(resumed.history(), &trainer.history()[..2]);
}

/// A run may rest between steps too: while somebody is told of one, and in a measurement.
#[test]
fn wherever_a_paused_run_rests_it_is_on_the_disk() {
    let (model, pool) = (tiny(), ThreadPool::new(1));
    for waits_when_told in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let directory = CheckpointDir::open(folder.path()).unwrap();
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let mut trainer = Trainer::new(Training {
            kl: Some(limit(&model, f64::INFINITY, 2)),
            ..training(&model, &pool, lora, (pairs(), 2), options())
        })
        .unwrap();
        let control = Control::new();
        let saved = thread::scope(|scope| {
            let mut waiting = None;
            let done = trainer.run(Some(hourly(&directory)), &control, |event| {
                // The second one is followed by a measurement.
                if matches!(event, RunEvent::Step(report) if report.step == 2) {
                    control.pause();
                    waiting = Some(scope.spawn(|| {
                        let begun = Instant::now();
                        while !directory.holds_one() && begun.elapsed() < Duration::from_secs(5) {
                            thread::sleep(Duration::from_millis(1));
                        }
                        control.resume();
                        directory.holds_one()
                    }));
                    if waits_when_told {
                        assert!(control.goes_on());
                    }
                }
            });
            done.unwrap();
            waiting.unwrap().join().unwrap()
        });
        assert!(saved, "told: {waits_when_told}");
    }
}

#[test]
fn a_run_that_is_over_is_on_the_disk() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let folder = tempfile::tempdir().unwrap();
    let directory = CheckpointDir::open(folder.path()).unwrap();
    let mut trainer = fresh(&model, &pool);
    // Steps that were taken before the run are saved with it.
    trainer.step(&Control::new(), |_| ()).unwrap();
    trainer
        .run(Some(hourly(&directory)), &Control::new(), |_| ())
        .unwrap();
    let mut resumed = fresh(&model, &pool);
    assert!(resumed.resume(&directory).unwrap());
    assert_eq!(resumed.history(), trainer.history());
}

#[test]
fn a_run_that_panics_ends() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let folder = tempfile::tempdir().unwrap();
    let directory = CheckpointDir::open(folder.path()).unwrap();
    let mut trainer = fresh(&model, &pool);
    let run = || {
        trainer.run(Some(hourly(&directory)), &Control::new(), |event| {
            // By now there is a step to save, and someone who waits for a pause to do it.
            assert!(!matches!(event, RunEvent::MicroStep(micro) if micro.step == 2));
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
}

#[test]
fn a_bound_that_nothing_measures_is_refused() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let nothing = KlProbe::new(&model, Vec::new()).unwrap();
    let limits = [
        limit(&model, f64::NAN, 2),
        limit(&model, 0.0, 2),
        KlLimit {
            probe: nothing,
            ..limit(&model, 0.1, 2)
        },
    ];
    for limit in limits {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let refused = Trainer::new(Training {
            kl: Some(limit),
            ..training(&model, &pool, lora, (pairs(), 2), options())
        });
        assert!(matches!(
            refused.err(),
            Some(TrainError::Option {
                option: "kl_bound",
                ..
            })
        ));
    }
}
