//! Runs that are killed at any moment end with the bytes of one that was not, and within their
//! bound on KL: steps, checkpoints and measurements alike.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{tiny, training};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AnchorOptions, CheckpointDir, Checkpointing, Control, Dataset, DpoLoss, DpoOptions, KlLimit,
    KlProbe, KtoOptions, Lora, LoraShape, Model, Objectives, OptimizerOptions, ReferencePolicy,
    RunEnd, Sample, Schedule, Trainer, TrainerOptions,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Where a child works, and on what.
const FOLDER: &str = "POCKETUNE_TEST_FOLDER";
const MIXTURE: &str = "POCKETUNE_TEST_MIXTURE";
const BOUNDED: &str = "POCKETUNE_TEST_BOUNDED";
/// Milliseconds between its checkpoints.
const EVERY: &str = "POCKETUNE_TEST_EVERY";

/// Objectives, and whether the bound on KL is reached.
const RUNS: [(&str, bool); 6] = [
    ("dpo", false),
    ("kto", false),
    ("mixed", false),
    ("dpo", true),
    ("kto", true),
    ("mixed", true),
];
const KILLS: usize = 200_usize.div_ceil(RUNS.len());

const BOUND: f64 = 2e-3;

#[test]
fn two_hundred_kills_change_nothing() {
    let mut random = ChaCha8Rng::seed_from_u64(16);
    for run in RUNS {
        let undisturbed = Work::new(run, 0);
        let started = Instant::now();
        let (bytes, kl) = undisturbed.finish();
        let whole = started.elapsed();
        assert!(kl <= BOUND || !run.1, "{run:?}: {kl}");
        let mut kills = 0;
        while kills < KILLS {
            // Saved after each step, now and then, and never.
            let every = [0, 20, 60_000][random.next_u32() as usize % 3];
            let work = Work::new(run, every);
            // A run that is never saved would be killed for ever.
            let most = if every == 60_000 { 2 } else { 10 };
            for _ in 0..most {
                let mut child = work.start();
                let share = f64::from(random.next_u32()) / f64::from(u32::MAX);
                thread::sleep(whole.mul_f64(share));
                child.kill().unwrap();
                if child.wait().unwrap().success() {
                    break;
                }
                kills += 1;
            }
            let (again, kl_again) = work.finish();
            assert_eq!(kl_again.to_bits(), kl.to_bits(), "{run:?}");
            assert!(again == bytes, "{run:?}: other bytes after kills");
        }
    }
}

/// A run of its own folder, in child processes.
struct Work {
    folder: tempfile::TempDir,
    mixture: &'static str,
    bounded: bool,
    every: u64,
}

impl Work {
    fn new((mixture, bounded): (&'static str, bool), every: u64) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            mixture,
            bounded,
            every,
        }
    }

    fn start(&self) -> Child {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored"])
            .env(FOLDER, self.folder.path())
            .env(MIXTURE, self.mixture)
            .env(BOUNDED, self.bounded.to_string())
            .env(EVERY, self.every.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    /// The parameters' bytes and KL of the whole run.
    fn finish(&self) -> (Vec<u8>, f64) {
        assert!(self.start().wait().unwrap().success());
        let mut bytes = fs::read(result(self.folder.path())).unwrap();
        let kl = bytes.split_off(bytes.len() - 8);
        (bytes, f64::from_le_bytes(kl.try_into().unwrap()))
    }
}

fn result(folder: &Path) -> PathBuf {
    folder.join("result")
}

/// What the killed processes do.
#[test]
#[ignore = "runs in a process of its own, until two_hundred_kills_change_nothing kills it (scripts/test.sh)"]
fn child() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let mixture = env::var(MIXTURE).unwrap();
    let bounded = env::var(BOUNDED).unwrap() == "true";
    let every = Duration::from_millis(env::var(EVERY).unwrap().parse().unwrap());
    let (model, pool) = (tiny(), ThreadPool::new(1));
    let mut trainer = trainer(&model, &pool, (&mixture, bounded));
    let directory = CheckpointDir::open(&folder).unwrap();
    trainer.resume(&directory).unwrap();
    let control = Control::new();
    let saved = Checkpointing {
        folder: &directory,
        every,
    };
    let end = trainer.run(Some(saved), &control, |_| ()).unwrap();
    assert_eq!(matches!(end, RunEnd::KlBound { .. }), bounded);
    let kl = trainer.kl(&control).unwrap();
    let mut bytes: Vec<u8> = bytemuck::cast_slice(trainer.lora().parameters()).to_vec();
    bytes.extend(kl.to_le_bytes());
    fs::write(result(&folder), bytes).unwrap();
}

fn trainer<'a>(
    model: &'a Model,
    pool: &'a ThreadPool,
    (mixture, bounded): (&str, bool),
) -> Trainer<'a> {
    let lora = Lora::new(model, LoraShape::default(), 1).unwrap();
    let options = TrainerOptions {
        objectives: objectives(mixture),
        reference: ReferencePolicy::default(),
        learning_rate: if bounded { 2e-2 } else { 3e-3 },
        steps: 12,
        stop_after: None,
        warm_up: 1,
        schedule: Schedule::Cosine,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        dropout: 0.1,
        seed: 3,
    };
    let mut samples = Vec::new();
    for seed in 0..5 {
        let (prompt, reply) = (tokens(seed, 9), tokens(seed + 50, 6 + seed));
        if mixture != "kto" {
            samples.push(Sample::pair(prompt.clone(), reply.clone(), tokens(seed, 7)));
        }
        if mixture == "kto" || mixture == "mixed" {
            samples.push(Sample::thumb(prompt, reply, seed % 2 == 0));
        }
    }
    let ordinary = |seed| Sample::ordinary(tokens(seed, 7), tokens(seed + 90, 9));
    let limit = KlLimit {
        probe: KlProbe::new(model, (0..4).map(ordinary).collect()).unwrap(),
        bound: if bounded { BOUND } else { f64::INFINITY },
        every: 3,
    };
    let mut training = training(model, pool, lora, (Vec::new(), 0), options);
    let source = Dataset::new(samples, 3, 3);
    training.source = Box::new(match mixture {
        "mixed" => source.beside((4..7).map(ordinary).collect(), 1),
        _ => source,
    });
    training.kl = Some(limit);
    Trainer::new(training).unwrap()
}

fn objectives(mixture: &str) -> Objectives {
    let dpo = DpoOptions {
        losses: vec![(DpoLoss::Sigmoid, 1.0), (DpoLoss::Sft, 1.0)],
        ..DpoOptions::default()
    };
    let kto = KtoOptions::default();
    match mixture {
        "kto" => Objectives::kto(kto),
        "mixed" => Objectives {
            kto: Some(kto),
            anchor: Some(AnchorOptions {
                weight: 0.5,
                samples: 1,
            }),
            ..Objectives::dpo(dpo)
        },
        _ => Objectives::dpo(dpo),
    }
}

fn tokens(seed: u32, count: u32) -> Vec<u32> {
    (0..count).map(|i| (i * 37 + seed * 11) % 263).collect()
}
