//! How many tokens a second a few steps of supervised fine-tuning take, as a library for a
//! phone is compiled and as this computer's programs are:
//!
//!     cargo run --profile mobile -p pocketune-train --example steps -- MODEL.gguf
//!     cargo run --release -p pocketune-train --example steps -- MODEL.gguf
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, Dataset, Lora, MemoryBudget, Model, Recipe, Sample, Trainer, Training,
};

const TOKENS: u32 = 256;
const STEPS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(env::args_os().nth(1).ok_or("steps MODEL.gguf")?);
    let model = Model::open(&path)?;
    let pool = ThreadPool::new(2);
    let recipe = Recipe::sft();
    let sample = Sample::demonstration(vec![1], (100..100 + TOKENS).collect());
    let mut trainer = Trainer::new(Training {
        model: &model,
        pool: &pool,
        frozen: &[],
        lora: Lora::new(&model, recipe.lora, 1)?,
        source: Box::new(Dataset::new(vec![sample], 1, 1)),
        options: recipe.training,
        kl: None,
        memory: MemoryBudget::Bytes(512_000_000),
        reserved_bytes: 0,
    })?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..STEPS {
        let started = Instant::now();
        trainer.step(&Control::new(), |_| ())?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let median = times[STEPS / 2].as_secs_f64();
    println!("{:.1} tokens/s", f64::from(TOKENS) / median);
    Ok(())
}
