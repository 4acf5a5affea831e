//! Loading, chatting, cancelling and dropping, over and over: no growth, no hang.
//!
//! The scripts run these with one malloc arena (`MALLOC_ARENA_MAX=1`): what
//! several arenas keep back after a load differs by megabytes from run to run,
//! while one is full after some 15 cycles and then stays as it is.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pocketune_core::{ChatOptions, EngineOptions, GenerationOptions, ProcessMemory, Sampling};
use pocketune_tests::{engine, smollm2};

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

/// Growth of anonymous memory over `cycles`, as a fraction, after `warm_up`.
fn growth_of_cycles(warm_up: usize, cycles: usize) -> f64 {
    (0..warm_up).for_each(|_| cycle());
    let before = anonymous_bytes();
    for number in 1..=cycles {
        cycle();
        if number % 5 == 0 {
            println!("after {number} cycles: {:.2} MB", anonymous_bytes() / 1e6);
        }
    }
    anonymous_bytes() / before - 1.0
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
fn ten_cycles_leave_nothing_behind() {
    let growth = growth_of_cycles(20, 10);
    assert!(growth <= 0.02, "{growth}");
}

#[test]
#[ignore = "long: 200 cycles, in a process of its own"]
fn two_hundred_cycles_leave_nothing_behind() {
    let growth = growth_of_cycles(25, 200);
    println!("anonymous memory grew by {:.2} %", growth * 100.0);
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
