//! How often does the default model obey each explicit request?
//!
//!     cargo run --release --example requests -- [FILE]
//!
//! Samples four replies to each request of `tests/preferences/requests.jsonl`, with fixed
//! seeds, and prints how many are as asked for, and whether the greedy reply is. A request
//! that is never or always obeyed says nothing about what tuning broke.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pocketune_core::{Engine, EngineOptions, GenerationOptions, Sampling};
use pocketune_tests::requests::Request;
use pocketune_tests::{engine, smollm2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SAMPLES: u32 = 4;
const REPLY_TOKENS: u32 = 160;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let preferences = Path::new(env!("CARGO_MANIFEST_DIR")).join("preferences");
    let file = std::env::args().nth(1).map(PathBuf::from);
    let text = fs::read_to_string(file.unwrap_or_else(|| preferences.join("requests.jsonl")))?;
    let options = EngineOptions {
        context_tokens: Some(512),
        ..EngineOptions::default()
    };
    let engine = engine(smollm2(), &options);
    // Obeyed samples, obeyed greedy replies and requests by kind.
    let mut kinds: BTreeMap<String, [u32; 3]> = BTreeMap::new();
    for line in text.lines() {
        let request: Request = serde_json::from_str(line)?;
        let samples = (0..SAMPLES).map(|seed| reply(&engine, &request, Some(seed)));
        let samples = samples.collect::<Result<Vec<_>>>()?;
        let obeyed = samples
            .iter()
            .filter(|text| request.check.holds(text))
            .count();
        let greedy = reply(&engine, &request, None)?;
        let holds = request.check.holds(&greedy);
        println!("{}\t{obeyed} of {SAMPLES}\t{holds}\t{greedy:?}", request.id);
        let kind = kinds.entry(request.kind).or_default();
        for (sum, more) in kind
            .iter_mut()
            .zip([u32::try_from(obeyed)?, u32::from(holds), 1])
        {
            *sum += more;
        }
    }
    for (kind, [obeyed, greedy, requests]) in kinds {
        let of = requests * SAMPLES;
        println!("{kind}: {obeyed} of {of} samples, {greedy} of {requests} greedy replies");
    }
    Ok(())
}

/// A sampled reply, or the greedy one.
fn reply(engine: &Engine, request: &Request, seed: Option<u32>) -> Result<String> {
    let (chat, asked) = request.conversation()?;
    let sampling = match seed {
        Some(_) => Sampling {
            seed,
            ..Sampling::default()
        },
        None => Sampling::greedy(),
    };
    let options = GenerationOptions {
        max_tokens: REPLY_TOKENS,
        sampling,
        ..GenerationOptions::default()
    };
    Ok(engine.chat(chat)?.send(asked, &options)?.finish()?.text)
}
