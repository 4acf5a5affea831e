//! Runs on a real model that are killed at any moment end with the bytes of one that was not.
//! `rust/train/tests/kills.rs` does the same on a tiny model, two hundred times and every day.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pocketune_core::EngineOptions;
use pocketune_core::tuning::{
    CheckpointDir, Encoder, EncodingOptions, Feedback, Objectives, Recipe, RecordKind, Tuning,
    TuningData, TuningOptions,
};
use pocketune_tests::{engine, smollm2};

const FOLDER: &str = "POCKETUNE_TEST_FOLDER";
const MIXTURE: &str = "POCKETUNE_TEST_MIXTURE";

const KILLS: u32 = 10;

#[test]
#[ignore = "takes minutes: scripts/test-long.sh runs it"]
fn ten_kills_of_a_real_model_change_nothing() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut kills = 0;
    for mixture in ["pairs", "thumbs", "mixed"].into_iter().cycle() {
        let undisturbed = tempfile::tempdir().unwrap();
        let started = Instant::now();
        assert!(start(undisturbed.path(), mixture).wait().unwrap().success());
        let whole = started.elapsed();
        let killed = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let mut child = start(killed.path(), mixture);
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let share = (random >> 33) as f64 / f64::from(1_u32 << 31);
            thread::sleep(whole.mul_f64(share));
            child.kill().unwrap();
            kills += u32::from(!child.wait().unwrap().success());
        }
        assert!(start(killed.path(), mixture).wait().unwrap().success());
        let [a, b] = [&undisturbed, &killed].map(|it| fs::read(adapter(it.path())).unwrap());
        assert!(a == b, "{mixture}: other bytes after kills");
        if kills >= KILLS {
            break;
        }
    }
}

fn start(folder: &Path, mixture: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["kills::child", "--exact", "--ignored"])
        .env(FOLDER, folder)
        .env(MIXTURE, mixture)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn adapter(folder: &Path) -> PathBuf {
    folder.join("adapter.gguf")
}

#[test]
#[ignore = "runs in a process of its own, until it is killed"]
fn child() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let mixture = env::var(MIXTURE).unwrap();
    let options = EngineOptions {
        context_tokens: Some(256),
        ..EngineOptions::default()
    };
    let engine = engine(smollm2(), &options);
    let encoder = Encoder::with(&engine, EncodingOptions::default());
    let lines = lines(&mixture);
    let dataset = encoder
        .read(lines.as_bytes(), RecordKind::Feedback)
        .unwrap();
    let feedback = Feedback::settle(dataset, |_| Ok(None)).unwrap();
    let all = Objectives {
        sft: Some(Recipe::sft_options()),
        dpo: Some(Recipe::dpo_options()),
        kto: Some(Recipe::kto_options()),
        anchor: None,
    };
    let mut recipe = Recipe::with(feedback.objectives(all, true));
    recipe.training.steps = 6;
    recipe.batch = 2;
    recipe.kl_every = 2;
    let ordinary = r#"{"prompt": "One and one are", "completion": " two."}"#;
    let data = TuningData {
        samples: feedback.samples,
        ordinary: encoder.read_ordinary(ordinary.as_bytes()).unwrap(),
        ..TuningData::default()
    };
    let options = TuningOptions {
        recipe,
        threads: Some(2),
        ..TuningOptions::default()
    };
    let tuning = Tuning::prepare(&engine.tunable().unwrap(), data, options).unwrap();
    drop(engine);
    let checkpoint = CheckpointDir::open(&folder).unwrap();
    let every = Duration::from_millis(1_500);
    let tuned = tuning.start(Some(checkpoint), every).unwrap();
    fs::write(adapter(&folder), tuned.finish().unwrap().adapter.bytes()).unwrap();
}

/// Eight lines of feedback.
fn lines(mixture: &str) -> String {
    let says = |role: &str, text: &str| format!(r#"[{{"role": "{role}", "content": "{text}"}}]"#);
    let line = |number: usize| {
        let prompt = says("user", &format!("What is thing {number}?"));
        let good = says("assistant", "It is a thing.");
        let bad = says(
            "assistant",
            "One might say that it could be called a thing.",
        );
        let thumb = mixture == "thumbs" || (mixture == "mixed" && number < 4);
        match (thumb, number.is_multiple_of(2)) {
            (false, _) => {
                format!(r#"{{"prompt": {prompt}, "chosen": {good}, "rejected": {bad}}}"#)
            }
            (true, true) => {
                format!(r#"{{"prompt": {prompt}, "completion": {good}, "label": true}}"#)
            }
            (true, false) => {
                format!(r#"{{"prompt": {prompt}, "completion": {bad}, "label": false}}"#)
            }
        }
    };
    (0..8).map(|number| line(number) + "\n").collect()
}
