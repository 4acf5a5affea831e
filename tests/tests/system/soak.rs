//! Loading, chatting, cancelling and dropping, over and over: no growth, no hang.
//!
//! The scripts run these with one malloc arena that gives back what is free and
//! keeps its thresholds (`MALLOC_ARENA_MAX=1`, `MALLOC_MMAP_THRESHOLD_` and
//! `MALLOC_TRIM_THRESHOLD_` of 64 KiB): what an allocator keeps for later differs
//! by megabytes from run to run and would hide a leak as well as feign one.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pocketune_core::{
    CandidateAdapter, ChatOptions, EngineOptions, GenerationOptions, ProcessMemory, Sampling,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, smollm2, written};

fn options() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(512),
        ..EngineOptions::default()
    }
}

fn anonymous_bytes() -> f64 {
    ProcessMemory::now().unwrap().anonymous_bytes as f64
}

fn cycle() {
    let engine = engine(smollm2(), &options());
    let chat = engine.chat(ChatOptions::default()).unwrap();
    let generation = GenerationOptions {
        max_tokens: 4,
        ..GenerationOptions::greedy()
    };
    chat.send("Hello!", &generation).unwrap().finish().unwrap();
}

/// Growth of anonymous memory, as a fraction, from the peak of the first quarter
/// of `cycles` to that of the last, after `warm_up`.
fn growth_of_cycles(warm_up: usize, cycles: usize, mut cycle: impl FnMut()) -> f64 {
    (0..warm_up).for_each(|_| cycle());
    let readings: Vec<f64> = (0..cycles)
        .map(|_| {
            cycle();
            anonymous_bytes()
        })
        .collect();
    let peak = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let quarters: Vec<f64> = readings.chunks(cycles / 4).map(peak).collect();
    println!("anonymous memory by quarters, in bytes: {quarters:?}");
    quarters[3] / quarters[0] - 1.0
}

/// Growth while `tokens` tokens are generated with cancellations from another thread.
fn growth_of_cancellations(tokens: u64) -> f64 {
    let engine = Arc::new(engine(smollm2(), &options()));
    let ends = engine.end_of_generation_tokens().into_iter();
    let sampling = Sampling {
        logit_bias: ends.map(|token| (token, f32::NEG_INFINITY)).collect(),
        ..Sampling::default()
    };
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut generated = 0;
    let mut before = None;
    while generated < tokens {
        if before.is_none() && generated >= tokens / 5 {
            before = Some(anonymous_bytes());
        }
        let options = GenerationOptions {
            max_tokens: 200,
            sampling: Sampling {
                seed: Some(generated as u32),
                ..sampling.clone()
            },
            ..GenerationOptions::default()
        };
        let chat = engine.chat(ChatOptions::default()).unwrap();
        let stream = chat.send("Tell me about your day.", &options).unwrap();
        let cancel = stream.cancel_token();
        let wait = Duration::from_millis(random(1500));
        let canceller = thread::spawn(move || {
            thread::sleep(wait);
            cancel.cancel();
        });
        generated += u64::from(stream.finish().unwrap().generated_tokens);
        canceller.join().unwrap();
    }
    anonymous_bytes() / before.unwrap() - 1.0
}

#[test]
#[ignore = "needs a process of its own; scripts/test.sh runs it"]
fn twenty_cycles_leave_nothing_behind() {
    let growth = growth_of_cycles(8, 12, cycle);
    assert!(growth <= 0.02, "{growth}");
}

#[test]
#[ignore = "long: 200 cycles, in a process of its own"]
fn two_hundred_cycles_leave_nothing_behind() {
    let growth = growth_of_cycles(20, 200, cycle);
    println!("anonymous memory grew by {:.2} %", growth * 100.0);
    assert!(growth <= 0.02, "{growth}");
}

/// Adapters of 4 MB, beside 10 MB for all the rest: one that stayed would show.
#[test]
#[ignore = "needs a process of its own; scripts/test.sh runs it"]
fn fifty_evaluation_sessions_leave_nothing_behind() {
    let mut model = TinyModel::llama();
    model.widen(256, 512);
    let file = written(&model);
    let engine = engine(file.path(), &EngineOptions::default());
    let bytes: Arc<[u8]> = model.adapter(128, 8.0).build().unwrap().into();
    let generation = GenerationOptions {
        max_tokens: 4,
        ..GenerationOptions::greedy()
    };
    let growth = growth_of_cycles(8, 48, || {
        let candidate = CandidateAdapter::parse(Arc::clone(&bytes), engine.base_model()).unwrap();
        let session = engine.evaluate(candidate).unwrap();
        let stream = session.complete("Hello!", &generation).unwrap();
        stream.finish().unwrap();
    });
    assert!(growth <= 0.02, "{growth}");
}

#[test]
#[ignore = "needs a process of its own; scripts/test.sh runs it"]
fn five_hundred_tokens_with_cancellations_leave_nothing_behind() {
    let growth = growth_of_cancellations(500);
    assert!(growth <= 0.02, "{growth}");
}

#[test]
#[ignore = "long: 10,000 tokens, in a process of its own"]
fn ten_thousand_tokens_with_cancellations_leave_nothing_behind() {
    let growth = growth_of_cancellations(10_000);
    println!("anonymous memory grew by {:.2} %", growth * 100.0);
    assert!(growth <= 0.02, "{growth}");
}
