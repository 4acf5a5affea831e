//! Greedy replies against llama.cpp's own greedy loop.

use std::path::Path;

use pocketune_core::{Engine, EngineOptions, GenerationOptions};
use pocketune_tests::reference::Reference;
use pocketune_tests::{engine, gemma3, smollm2};

const PROMPTS: [&str; 20] = [
    "The capital of France is",
    "Once upon a time, in a small village,",
    "Water boils at a temperature of",
    "The three primary colours are",
    "def fibonacci(n):\n",
    "A recipe for tomato soup:\n1.",
    "The largest planet of the solar system",
    "In 1969, the first human",
    "To be or not to be,",
    "Photosynthesis is the process by which",
    "The opposite of hot is",
    "Dear Sir or Madam,\n\nI am writing to",
    "2, 4, 6, 8,",
    "The history of the Roman Empire began",
    "Q: How many legs does a spider have?\nA:",
    "My favourite book is",
    "The Pacific Ocean is",
    "An apple a day",
    "Die Hauptstadt von Deutschland ist",
    "Gravity is the force that",
];

/// Tokens compared after each prompt.
const TOKENS: usize = 32;
/// Logits this close may change places: batches of other sizes, and caches
/// copied and reused, add up in another order.
const NEAR_TIE: f32 = 0.05;

#[derive(Default, Debug)]
struct Counts {
    equal: usize,
    near_ties: usize,
    apart: usize,
    // With the prompt's cache reused: its last token is computed alone, by other
    // kernels than in a batch where weights are repacked.
    reused_equal: usize,
    reused_near_ties: usize,
    reused_apart: usize,
}

fn tokens_of(engine: &Engine, prompt: &str) -> Vec<i32> {
    // A completion adds the begin-of-sequence token by itself where the model wants one.
    let tokens = engine.tokenize(prompt, true).unwrap();
    let bos = engine.facts().header.tokenizer.add_bos;
    let bos = bos.then_some(engine.facts().header.tokenizer.bos).flatten();
    bos.and_then(|bos| i32::try_from(bos).ok())
        .into_iter()
        .chain(tokens)
        .collect()
}

fn complete(engine: &Engine, prompt: &str) -> String {
    let options = GenerationOptions {
        max_tokens: u32::try_from(TOKENS).unwrap(),
        ..GenerationOptions::greedy()
    };
    engine
        .complete(prompt, &options)
        .unwrap()
        .finish()
        .unwrap()
        .text
}

fn compare(model: &Path, prompts: &[&str]) -> Counts {
    let options = EngineOptions {
        context_tokens: Some(2048),
        // One thread: flash attention sums the parts of several in another order.
        threads: Some(1),
        ..EngineOptions::default()
    };
    let engine = engine(model, &options);
    let reference = Reference::load(model);
    let mut counts = Counts::default();
    for prompt in prompts {
        let steps = reference.greedy(&tokens_of(&engine, prompt), TOKENS, 1);
        let tokens: Vec<i32> = steps.iter().map(|step| step.token).collect();
        let expected = engine.detokenize(&tokens).unwrap();
        // The first completion computes the prompt, the second reuses it.
        for reuse in [false, true] {
            let text = complete(&engine, prompt);
            let agreed = agreed_tokens(&engine, &tokens, &text);
            let lead = steps.get(agreed).map_or(0.0, |step| step.lead);
            let count = match (reuse, text == expected, lead <= NEAR_TIE) {
                (false, true, _) => &mut counts.equal,
                (false, false, true) => &mut counts.near_ties,
                (false, false, false) => &mut counts.apart,
                (true, true, _) => &mut counts.reused_equal,
                (true, false, true) => &mut counts.reused_near_ties,
                (true, false, false) => &mut counts.reused_apart,
            };
            *count += 1;
            if text != expected {
                println!("{prompt:?} (reuse: {reuse}) differs at token {agreed}, lead {lead:.3}");
            }
        }
    }
    println!(
        "{}: {counts:?}",
        model.file_name().unwrap().to_string_lossy()
    );
    assert_eq!(
        (counts.apart, counts.reused_apart),
        (0, 0),
        "differences beyond near ties"
    );
    counts
}

/// Tokens of the reference whose text `text` begins with.
fn agreed_tokens(engine: &Engine, tokens: &[i32], text: &str) -> usize {
    (0..=tokens.len())
        .rev()
        .find(|&n| {
            text.starts_with(
                engine
                    .detokenize(&tokens[..n])
                    .unwrap()
                    .trim_end_matches('\u{FFFD}'),
            )
        })
        .unwrap_or(0)
}

#[test]
fn smollm2_equals_the_reference_on_five_prompts() {
    let counts = compare(&smollm2(), &PROMPTS[..5]);
    assert_eq!((counts.equal, counts.reused_equal), (5, 5), "{counts:?}");
}

#[test]
fn gemma3_equals_the_reference_on_two_prompts() {
    let counts = compare(&gemma3(), &PROMPTS[..2]);
    assert_eq!(counts.equal, 2, "{counts:?}");
}

#[test]
#[ignore = "long: all 20 prompts, both models"]
fn both_models_equal_the_reference_on_all_prompts() {
    for model in [smollm2(), gemma3()] {
        let counts = compare(&model, &PROMPTS);
        assert!(counts.equal >= 18, "{counts:?}");
    }
}
