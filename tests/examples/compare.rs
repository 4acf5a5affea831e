//! Greedy text after a prompt, by the plain loop and by the engine: for looking
//! at a difference by hand. Arguments: model, prompt, tokens, threads.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "fails by panicking"
)]

use pocketune_core::{EngineOptions, GenerationOptions};
use pocketune_tests::engine;
use pocketune_tests::reference::Reference;

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().expect("model, prompt, tokens, threads");
    let (model, prompt) = (next(), next());
    let count: u32 = next().parse().unwrap();
    let threads: u32 = next().parse().unwrap();
    let engine = engine(
        &model,
        &EngineOptions {
            threads: Some(threads),
            ..EngineOptions::default()
        },
    );
    let tokens = engine.tokenize(&prompt, true).unwrap();
    let reference = Reference::load(model.as_ref());
    let steps = reference.greedy(&tokens, count as usize, i32::try_from(threads).unwrap());
    let told: Vec<i32> = steps.iter().map(|step| step.token).collect();
    println!("reference {:?}", engine.detokenize(&told).unwrap());
    let options = GenerationOptions {
        max_tokens: count,
        ..GenerationOptions::greedy()
    };
    for _ in 0..2 {
        let reply = engine
            .complete(prompt.as_str(), &options)
            .unwrap()
            .finish()
            .unwrap();
        println!(
            "engine    {:?} ({} reused)",
            reply.text, reply.reused_tokens
        );
    }
    println!("{}", pocketune_core::cpu_facts().features);
}
