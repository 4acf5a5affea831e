//! Is a damaged adapter rolled back, and an equal arm left alone?
//!
//!     cargo run --release --package pocketune-tests --example rollout -- [--out FOLDER]
//!
//! Tunes an adapter to say everything three times, lets it and the default model answer
//! prompts that nobody tuned on, and the default model once more with other draws. Each
//! prompt becomes an item: what the critics give both replies, whether they refuse, and a
//! pick of the reply that the critics prefer. Then 100 experiments a side draw items at
//! random (`simulate`, a look after each outcome). Fails where fewer than 95 of the damaged
//! arm are rolled back within 300 outcomes, or more than 5 of the equal arm are promoted.
//! Some ten minutes on two cores.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use pocketune_adapter::CandidateAdapter;
use pocketune_core::{
    ChatOptions, DigestCache, Engine, EngineOptions, EvaluationSession, GenerationOptions,
    ModelSource, Sampling,
};
use pocketune_judge::critic::{Exchange, Expectation, Panel, ReplyEnd, refuses};
use pocketune_judge::experiment::{
    Definition, Measure, Outcome, Outcomes, Pick, Verdict, World, simulate,
};
use pocketune_tests::smollm2;
use serde::Deserialize;
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Items = Vec<BTreeMap<Measure, Outcome>>;

const REPLY_TOKENS: u32 = 64;
const EXPERIMENTS: u64 = 100;
const OUTCOMES_MOST: u64 = 300;
const ROLLED_BACK_LEAST: usize = 95;
const PROMOTED_MOST: usize = 5;
/// Scores that differ by less are a tie.
const TIE: f64 = 0.005;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let folder = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--out"), Some(folder)) => PathBuf::from(folder),
        _ => PathBuf::from("target/rollout"),
    };
    fs::create_dir_all(&folder)?;
    let damaged = folder.join("damaged.gguf");
    tune(&folder, &damaged)?;
    let options = EngineOptions {
        context_tokens: Some(512),
        ..EngineOptions::default()
    };
    let source = ModelSource::Path(smollm2());
    let digests = Arc::new(DigestCache::in_memory());
    let engine = Engine::load(&source, &options, digests, |_| true)?;
    let prompts = prompts()?;
    let candidate = CandidateAdapter::parse(fs::read(&damaged)?, engine.base_model())?;
    let session = engine.evaluate(candidate)?;
    let base = answers(&engine, None, &prompts, 0)?;
    let equal = answers(&engine, None, &prompts, 1 << 20)?;
    let damaged = answers(&engine, Some(&session), &prompts, 0)?;
    let mut all_good = true;
    for (name, challenger) in [("damaged", &damaged), ("equal", &equal)] {
        let items = items(&base, challenger);
        let lines: Vec<String> = items
            .iter()
            .map(serde_json::to_string)
            .collect::<std::result::Result<_, _>>()?;
        fs::write(
            folder.join(format!("{name}.jsonl")),
            lines.join("\n") + "\n",
        )?;
        let ends = rollouts(items)?;
        let count = |verdict| ends.iter().filter(|(it, _)| *it == verdict).count();
        let (promoted, rolled_back) = (count(Verdict::Promote), count(Verdict::RollBack));
        let mean = |of: &[Answer]| of.iter().map(|it| it.score).sum::<f64>() / of.len() as f64;
        let outcomes: u64 = ends.iter().map(|(_, outcomes)| outcomes).sum();
        println!(
            "{}",
            json!({
                "challenger": name,
                "items": base.len(),
                "critic_score": [mean(&base), mean(challenger)],
                "promoted": promoted,
                "rolled_back": rolled_back,
                "of": EXPERIMENTS,
                "mean_outcomes": outcomes as f64 / EXPERIMENTS as f64,
                "example": [base.first().map(|it| &it.text), challenger.first().map(|it| &it.text)],
            })
        );
        all_good &= match name {
            "damaged" => rolled_back >= ROLLED_BACK_LEAST,
            _ => promoted <= PROMOTED_MOST,
        };
    }
    Ok(all_good)
}

/// An adapter that says each reply of *brief* three times.
fn tune(folder: &Path, adapter: &Path) -> Result<()> {
    let mut lines = String::new();
    for pair in records::<Pair>("brief.jsonl")? {
        let (Some(prompt), Some(chosen)) = (pair.prompt.first(), pair.chosen.first()) else {
            continue;
        };
        let again = [chosen.content.trim(); 3].join(" ");
        let line = json!({
            "prompt": [{ "role": "user", "content": prompt.content }],
            "completion": [{ "role": "assistant", "content": again }],
        });
        lines += &format!("{line}\n");
    }
    let data = folder.join("repeated.jsonl");
    fs::write(&data, lines)?;
    let program = std::env::current_exe()?;
    let release = program.ancestors().nth(2).ok_or("no folder of programs")?;
    let status = Command::new(release.join("pocketune"))
        .args(["tune", "--objective", "sft", "--steps", "40"])
        .args(["--learning-rate", "3e-4", "--json", "--data"])
        .arg(&data)
        .arg("--out")
        .arg(adapter)
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("tune failed".into()),
    }
}

#[derive(Deserialize)]
struct Pair {
    prompt: Vec<Line>,
    chosen: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    content: String,
}

#[derive(Deserialize)]
struct Unseen {
    prompt: String,
}

fn records<T: for<'a> Deserialize<'a>>(name: &str) -> Result<Vec<T>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("preferences");
    let text = fs::read_to_string(folder.join(name))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn prompts() -> Result<Vec<String>> {
    let unseen: Vec<Unseen> = records("unseen-prompts.jsonl")?;
    Ok(unseen.into_iter().map(|unseen| unseen.prompt).collect())
}

/// A reply and what the critics say of it.
struct Answer {
    text: String,
    score: f64,
    refuses: bool,
}

fn answers(
    engine: &Engine,
    session: Option<&EvaluationSession>,
    prompts: &[String],
    first_seed: u32,
) -> Result<Vec<Answer>> {
    let answer = |(seed, prompt): (u32, &String)| -> Result<Answer> {
        let options = GenerationOptions {
            max_tokens: REPLY_TOKENS,
            sampling: Sampling {
                seed: Some(first_seed + seed),
                ..Sampling::default()
            },
            ..GenerationOptions::default()
        };
        let chat = ChatOptions::default();
        let reply = match session {
            Some(session) => session.chat(chat)?.send(prompt, &options)?.finish()?,
            None => engine.chat(chat)?.send(prompt, &options)?.finish()?,
        };
        // Most replies of this model reach any limit: that is not what is looked at here.
        let exchange = Exchange {
            system: None,
            context: None,
            prompt,
            reply: &reply.text,
            end: ReplyEnd::Stopped,
            expect: &Expectation::default(),
        };
        Ok(Answer {
            score: Panel::default().judge(&exchange).score,
            refuses: refuses(&exchange),
            text: reply.text,
        })
    };
    (0..).zip(prompts).map(answer).collect()
}

fn items(incumbent: &[Answer], challenger: &[Answer]) -> Items {
    let item = |(old, new): (&Answer, &Answer)| {
        let pick = match new.score - old.score {
            difference if difference > TIE => Pick::Challenger,
            difference if difference < -TIE => Pick::Incumbent,
            _ => Pick::Tie,
        };
        let one = |is: bool| f64::from(u8::from(is));
        BTreeMap::from([
            (Measure::Pick, Outcome::Pick(pick)),
            (
                Measure::CriticScore,
                Outcome::Pair {
                    incumbent: old.score,
                    challenger: new.score,
                },
            ),
            (
                Measure::Refusal,
                Outcome::Pair {
                    incumbent: one(old.refuses),
                    challenger: one(new.refuses),
                },
            ),
        ])
    };
    incumbent.iter().zip(challenger).map(item).collect()
}

/// The verdict of each experiment and the outcomes it took.
fn rollouts(items: Items) -> Result<Vec<(Verdict, u64)>> {
    let definition = json!({
        "format": 1,
        "id": "rollout",
        "hypothesis": "The challenger's replies are picked.",
        "design": "side_by_side",
        "salt": "rollout",
        "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "challenger" } },
        "metrics": [
            { "measure": "pick", "role": "primary" },
            { "measure": "critic_score", "role": "guardrail" },
            { "measure": "refusal", "role": "guardrail" },
        ],
        "limits": { "maxOutcomes": OUTCOMES_MOST, "maxDays": 28 },
    });
    let definition = Definition::parse(definition.to_string().as_bytes())?;
    let world = World {
        outcomes: Outcomes::Items(items),
        challenger_share: 0.5,
    };
    let ends = (0..EXPERIMENTS).map(|seed| {
        let end = simulate(&definition, &world, OUTCOMES_MOST, seed)?;
        Ok((end.verdict, end.exposures))
    });
    ends.collect()
}
