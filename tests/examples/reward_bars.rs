//! Does a head over the default model's hidden state learn a preference, and does nonsense
//! pay?
//!
//!     cargo run --release --package pocketune-tests --example reward_bars
//!
//! For the kinds *brief* (chosen replies are shorter) and *style* (of equal length) of
//! `tests/preferences`, 200 pairs each: trains on the pairs of training and on more made
//! alike, looks at those held out, and prints one line of JSON each. Then asks the default model for replies, and counts what scoring
//! each right after it costs. Fails where a bar is missed. Some five minutes on two cores.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use pocketune_core::{
    CancelToken, ChatOptions, DigestCache, Engine, EngineOptions, GenerationOptions, Message,
    ModelSource, Preference, Prompt, RewardModel, TemplateChoice, comparisons,
};
use pocketune_judge::reward::{Comparisons, RewardReport, TrainingOptions, train};
use pocketune_tests::smollm2;
use serde::Deserialize;
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Kinds, and the accuracy that is asked of each on pairs held out.
const KINDS: [(&str, f64); 2] = [("brief", 0.8), ("style", 0.7)];
const TRAINING_S_MOST: f64 = 1.0;
/// The token that ends the reply, and the last one of a reply that reached its limit.
const TOKENS_MOST: usize = 2;

fn main() -> ExitCode {
    match run() {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("missed: {}", missed.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Vec<String>> {
    let options = EngineOptions {
        context_tokens: Some(1024),
        ..EngineOptions::default()
    };
    let source = ModelSource::Path(smollm2());
    let digests = Arc::new(DigestCache::in_memory());
    let engine = Engine::load(&source, &options, digests, |_| true)?;
    let mut missed = Vec::new();
    let mut models = Vec::new();
    for (kind, accuracy_least) in KINDS {
        let seen = read(&engine, &[kind, &format!("{kind}-more")])?;
        let held_out = read(&engine, &[&format!("{kind}-heldout")])?;
        let started = Instant::now();
        let trained = train(&seen, engine.feature_source()?, &TrainingOptions::default())?;
        let training_s = started.elapsed().as_secs_f64();
        let known = &trained.report.reliabilities;
        let report = RewardReport::evaluate(&trained.head, &held_out, known)?;
        println!(
            "{}",
            json!({
                "kind": kind,
                "pairs": [seen.comparisons().len(), held_out.comparisons().len()],
                "training_ms": 1000.0 * training_s,
                "head_bytes": trained.head.to_gguf()?.len(),
                "accuracy": report.accuracy,
                "length_matched": report.length_matched,
                "calibration_error": [
                    report.uncalibrated.expected_calibration_error,
                    report.calibrated.expected_calibration_error,
                ],
                "edits": report.edits,
            })
        );
        let mut bar = |is_met: bool, what: &str| {
            if !is_met {
                missed.push(format!("{kind}: {what}"));
            }
        };
        bar(report.accuracy.share >= accuracy_least, "accuracy");
        bar(training_s < TRAINING_S_MOST, "training time");
        bar(
            report.edits.iter().all(|edit| edit.mean_change <= 0.0),
            "nonsense pays",
        );
        models.push(RewardModel::new(trained.head, &engine)?);
    }
    if let Some(model) = models.first() {
        let (most, line) = scored_replies(&engine, model)?;
        println!("{line}");
        if most > TOKENS_MOST {
            missed.push("tokens computed for a score".to_owned());
        }
    }
    Ok(missed)
}

#[derive(Deserialize)]
struct Pair {
    prompt: Vec<Line>,
    chosen: Vec<Line>,
    rejected: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    content: String,
}

fn read(engine: &Engine, names: &[&str]) -> Result<Comparisons> {
    let mut preferences = Vec::new();
    for name in names {
        let text = preferences_file(&format!("{name}.jsonl"))?;
        for (number, line) in text.lines().enumerate() {
            preferences.push(preference(format!("{name} {number}"), line)?);
        }
    }
    let cancel = CancelToken::new();
    Ok(comparisons(engine, &preferences, 1, &cancel, || ())?)
}

fn preference(id: String, line: &str) -> Result<Preference> {
    let pair: Pair = serde_json::from_str(line)?;
    let said = |lines: &[Line]| lines.last().map(|line| line.content.clone());
    let question = said(&pair.prompt).ok_or("a prompt is empty")?;
    Ok(Preference {
        id,
        prompt: asked(question),
        chosen: said(&pair.chosen).ok_or("a reply is missing")?,
        rejected: said(&pair.rejected).ok_or("a reply is missing")?,
        annotator: "rule".to_owned(),
        tie: false,
    })
}

fn asked(question: String) -> Prompt {
    Prompt::Chat {
        system_prompt: None,
        turns: vec![Message::user(question)],
        template: TemplateChoice::Model,
    }
}

fn preferences_file(name: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("preferences");
    Ok(fs::read_to_string(folder.join(name))?)
}

/// The most tokens that a score right after a reply took to compute.
fn scored_replies(engine: &Engine, model: &RewardModel) -> Result<(usize, String)> {
    let options = GenerationOptions {
        max_tokens: 48,
        ..GenerationOptions::greedy()
    };
    let cancel = CancelToken::new();
    let (mut most, mut tokens, mut ms) = (0, 0, Vec::new());
    let questions = ["What is a castle?", "What is a fossil?", "What is rain?"];
    for question in questions {
        let chat = engine.chat(ChatOptions::default())?;
        let reply = chat.send(question, &options)?.finish()?;
        let started = Instant::now();
        let score = chat.reward(model, &cancel)?;
        ms.push(1000.0 * started.elapsed().as_secs_f64());
        most = most.max(score.computed_tokens);
        tokens += reply.prompt_tokens + reply.generated_tokens;
    }
    let line = json!({ "tokens_of_replies": tokens, "computed_for_a_score": most, "ms": ms });
    Ok((most, line.to_string()))
}
